"""What was done to a host of `local` by hand, as `status` tells it."""

from __future__ import annotations

import pytest

from bootstrap.lab import cgroups, disk, partition, paths, records
from bootstrap.providers.base import Fault
from bootstrap.providers.local.provider import LocalProvider
from tests.fakes.cluster import cluster
from tests.providers.machine import Machine
from tests.providers.test_local import up


def fault(*marks: str, parted: bool = False) -> Fault | None:
    """Of one host with these files in its folder, on one side of a partition or not."""
    one = LocalProvider(cluster(), lambda line: None)
    up(one)
    record, *others = records.load_hosts(paths.cluster_dir("prod"))
    if parted:
        groups = [[record.hostname], *([other.hostname] for other in others)]
        records.write(paths.cluster_dir("prod") / partition.FILE, {"groups": groups})
    for mark in marks:
        (paths.host_dir("prod", record.hostname) / mark).touch()
    return next(found.fault for found in one.instances() if found.hostname == record.hostname)


def test_two_faults_are_one_with_both_told(machine: Machine) -> None:
    """What lifts both is told once; that its disk was filled is not lost behind the cut cable."""
    heal = "bootstrap local heal FILE prod-managers-a-1"
    both = "its machine is cut off the network, and its disk was filled"

    found = fault("cut", disk.FULL)

    assert found is not None
    assert (found.word, found.what, found.fix, found.full) == ("cut off", both, heal, True)


def test_a_partition_is_one_thing_to_lift(machine: Machine) -> None:
    """However many groups it has; what else was done to the host has its own mend, that lifts nothing of others."""
    every, own = "bootstrap local heal FILE", "bootstrap local heal FILE prod-managers-a-1"
    for marks, fix in (((), every), ((disk.FULL,), f"{every}; {own}"), (("cut",), f"{own}; {every}")):
        found = fault(*marks, parted=True)
        assert found is not None
        assert found.fix == fix


def test_a_paused_host_is_resumed_first(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing runs on it, so that nobody has to ask it; each fault has its own mend."""
    monkeypatch.setattr(cgroups.Group, "frozen", lambda _: True)
    found = fault(disk.FULL)

    assert found is not None
    assert (found.word, found.silent, found.full) == ("paused", True, True)
    resume, heal = (f"bootstrap local {verb} FILE prod-managers-a-1" for verb in ("resume", "heal"))
    assert found.fix == f"{resume}; {heal}"


def test_a_host_that_was_left_alone(machine: Machine) -> None:
    """Nothing was done to it."""
    assert fault() is None
