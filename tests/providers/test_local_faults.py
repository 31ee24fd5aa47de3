from __future__ import annotations

import pytest

from bootstrap.errors import BootstrapError
from bootstrap.lab import cgroups, disk, partition, paths, power, records
from bootstrap.lab.records import HostRecord
from bootstrap.providers.local.fault import fault
from bootstrap.providers.local.faults import Faults
from tests.providers.machine import Machine


@pytest.fixture
def paused(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """Hostnames of machines whose time stands still."""
    names: set[str] = set()
    monkeypatch.setattr(cgroups.Group, "frozen", lambda group: group.name in names)
    monkeypatch.setattr(power, "resume", lambda record: names.discard(record.hostname))
    return names


@pytest.fixture
def host(machine: Machine) -> str:
    """A host that is on."""
    record = HostRecord(
        instance="i-1", hostname="prod-web-1", cluster="prod", uid="u", group="prod-pool-web", slot=1, role="worker",
        pool="web", zone="a", address="10.91.0.20", mac="02:00:0a:5b:00:14", image="debian-13", template="t",
        memory=1 << 30, created=records.now(),
    )  # fmt: skip
    records.save_host(paths.cluster_dir("prod"), record)
    machine.on.add(record.hostname)
    return record.hostname


def test_who_is_not_paused_does_not_go_on(machine: Machine, paused: set[str], host: str) -> None:
    """`resume` says what it did: nothing, where the host runs or is off."""
    faults = Faults("prod", lambda text: None)
    paused.add(host)

    assert faults.strike("resume", host) == "goes on"
    assert faults.strike("resume", host) == "is not paused"
    machine.on.clear()
    assert faults.strike("resume", host) == "is off, and not paused"


def test_without_a_cluster_there_is_nothing_to_heal(machine: Machine) -> None:
    """To heal all of a cluster that was never made is told as every other fault of it."""
    with pytest.raises(BootstrapError, match="there is no such cluster") as caught:
        Faults("prod", lambda text: None).heal()

    assert (caught.value.code, caught.value.exit_code) == ("no_cluster", 1)


def test_heal_says_what_it_lifted(
    machine: Machine, paused: set[str], host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And nothing that was not there; a pause is none of it, and stays."""
    monkeypatch.setattr(power, "_link", lambda record, state: None)
    faults, folder = Faults("prod", lambda text: None), paths.host_dir("prod", host)
    paused.add(host)
    assert faults.strike("heal", host) == "has nothing to heal"

    (folder / "cut").touch()
    (folder / disk.FULL).touch()
    assert faults.strike("heal", host) == "is healed: cable in, room on its disk"
    assert (faults.heal(), paused) == ("nothing to heal", {host})

    (folder / "cut").touch()
    records.write(paths.cluster_dir("prod") / partition.FILE, {"groups": [[host], ["prod-web-2"]]})
    assert faults.heal() == f"healed: no partition; {host}: cable in"
    assert faults.heal() == "nothing to heal"


def test_what_bars_a_machine_from_a_quorum_is_marked(machine: Machine, paused: set[str], host: str) -> None:
    """One that is paused or cut reaches nobody; one whose disk is full does."""
    record = records.load_host(paths.cluster_dir("prod"), host)
    assert record is not None
    assert fault(record, "prod.yml") is None

    (paths.host_dir("prod", host) / "cut").touch()
    cut = fault(record, "prod.yml")
    paused.add(host)
    both = fault(record, "prod.yml")

    assert cut is not None
    assert both is not None
    assert (cut.alone, cut.silent) == (True, False)
    assert (both.alone, both.silent) == (True, True)
