from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import pytest

from bootstrap.errors import BootstrapError
from bootstrap.lab import address, cgroups, command, disk, host, partition, paths, power, records
from bootstrap.lab.records import HostRecord
from bootstrap.providers.local.control import make_store
from bootstrap.providers.local.faults import Faults
from bootstrap.providers.local.host import binds
from tests.lab.live import (
    OFF,
    Live,
    boot_id,
    booted,
    engine,
    greets,
    reaches,
    rebooted,
    said,
    sh,
    slay,
    stays,
    traces,
    until,
)

pytestmark = pytest.mark.lab


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """Three hosts; every test leaves them on, healed and in the order of their names."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BOOTSTRAP_LOCAL_DIR", str(tmp_path_factory.mktemp("local")))
        live = Live("harmed")
        try:
            make_store(paths.cluster_dir("harmed") / "store")
            for slot in (1, 2, 3):
                live.add(slot)
            for one in live.hosts:
                until(booted, one)
            yield live
        finally:
            live.down()
            assert not stays(lambda: {one for one in traces(paths.root(), "harmed") if not one.startswith("file")})


@pytest.fixture
def faults(live: Live) -> Faults:
    return Faults(live.cluster, print)


def free(record: HostRecord) -> int:
    """Bytes that anybody, root too, can still write in the host."""
    return int(said(record, "stat -f -c %a /")) * int(said(record, "stat -f -c %S /"))


def writes(record: HostRecord, place: str) -> bool:
    return sh(record, f"head -c 100000 /dev/urandom >{place}/probe && sync {place}/probe").code == 0


def test_a_host_has_a_disk_of_its_own(live: Live) -> None:
    """As large as it was asked for, for the engine too, and no larger on this machine than what was written."""
    one = live.hosts[0]
    for place in ("/", "/var/lib/docker", "/var/lib/containerd"):
        assert 0.9 < int(said(one, f"stat -f -c %b {place}")) * 4096 / one.disk < 1.01
    file = (host.folder(one) / "disk.img").stat()
    assert file.st_size == one.disk
    assert file.st_blocks * 512 < 300 << 20


def test_a_full_disk_is_full_until_it_is_healed(live: Live, faults: Faults) -> None:
    """ENOSPC for everybody in the host, also after a reboot; nothing of it is written on this machine."""
    one, two = live.hosts[:2]
    faults.strike("fill", one.hostname)

    def full() -> bool:  # whoever gives up a file of its own, as the journal does, leaves room for a moment
        faults.strike("fill", one.hostname)
        return free(one) < 1 << 16

    until(full)
    until(lambda: full() and "No space left" in sh(one, "head -c 100000 /dev/zero >/var/lib/docker/probe").stderr)
    until(lambda: full() and not writes(one, "/root"))
    assert free(one) < 1 << 28  # it lasts, but for what they gave up meanwhile
    assert writes(two, "/root")
    assert (host.folder(one) / "disk.img").stat().st_blocks * 512 < 300 << 20

    before = boot_id(one)
    faults.strike("reboot", one.hostname)
    until(rebooted, one, before)
    assert free(one) < 1 << 28  # what a boot gives up of journals and temporary files, of 20 GiB

    for _ in range(2):
        faults.strike("heal", one.hostname)
    until(lambda: free(one) > one.disk // 2)
    until(writes, one, "/var/lib/docker")


def test_a_full_disk_is_healed_while_it_is_off(live: Live, faults: Faults) -> None:
    """At its next boot the room is there; an off host is not filled."""
    one = live.hosts[0]
    faults.strike("fill", one.hostname)
    faults.strike("kill", one.hostname)
    with pytest.raises(BootstrapError, match="is off"):
        faults.strike("fill", one.hostname)
    faults.heal()

    assert faults.strike("start", one.hostname) == "is on"
    assert faults.strike("start", one.hostname) == "is on already"
    assert free(one) > one.disk // 2


def test_a_partition_holds_until_it_is_healed(live: Live, faults: Faults) -> None:
    """Both ways, over a reboot and for an address that moves; who is in no group reaches all, as does the gateway."""
    one, two, three = live.hosts
    until(lambda: reaches(one, two))
    faults.part([[one.hostname], [two.hostname]])
    assert not reaches(one, two)
    assert not reaches(two, one)
    until(lambda: reaches(one, three))
    until(lambda: reaches(three, two))
    for each in (one, two):
        until(reaches, each, live.fabric.gateway)
        until(reaches, each, live.fabric.machine)
        until(lambda each=each: sh(each, "timeout 5 bash -c 'echo >/dev/tcp/169.254.169.254/80'").code == 0)

    before = boot_id(one)
    power.reboot(one)
    until(rebooted, one, before)
    until(lambda: reaches(one, three))
    assert not reaches(one, two)

    faults.strike("heal", two.hostname)
    until(
        lambda: reaches(one, two)
    )  # a question for its address that was cut off is given up after 3 s, then asked anew
    assert partition.current(live.cluster) == []


def test_a_partition_outlives_the_fabric(live: Live, faults: Faults) -> None:
    """A network that is built anew, as after a restart of this machine, is parted as the old one was."""
    one, two = live.hosts[:2]
    until(lambda: reaches(one, two))
    partition.split(live.cluster, [[one.hostname], [two.hostname]])
    rules = ["nsenter", f"--net=/run/netns/{paths.fabric_namespace(live.cluster)}", "nft", "list", "ruleset"]
    parted = command.run(rules)
    assert parted.count("drop") == 2

    command.run([*rules[:2], "nft", "flush", "ruleset"])
    partition.apply(live.cluster)
    assert command.run(rules) == parted
    faults.heal()

    assert "drop" not in command.run(rules)
    until(lambda: reaches(one, two))


def test_a_host_can_be_given_another_address(live: Live, faults: Faults) -> None:
    """From its next boot on; its name, disk and instance stay. While it is on it keeps the old one."""
    one, _, three = live.hosts
    said(one, "touch /root/mine")
    with pytest.raises(BootstrapError, match="keeps its address"):
        address.move(one)

    power.off(one, OFF)
    live.hosts[0] = moved = address.move(one)
    faults.strike("start", one.hostname)

    assert (moved.instance, moved.hostname) == (one.instance, one.hostname)
    assert moved.address != one.address
    until(lambda: f" {moved.address}/20" in sh(moved, "ip -4 -o addr show dev eth0").stdout)
    assert f"{moved.address} {moved.hostname}" in said(moved, "cat /etc/hosts; ls /root/mine")
    until(lambda: reaches(three, moved))


def test_a_paused_host_is_silent_until_it_goes_on(live: Live, faults: Faults) -> None:
    """Pausing twice is pausing once."""
    one, two = live.hosts[:2]
    until(engine, one)
    for _ in range(2):
        faults.strike("pause", one.hostname)
    assert host.running(one)
    with pytest.raises(BootstrapError, match="did not end"):
        sh(one, "docker info", timeout=1)
    for _ in range(2):
        faults.strike("resume", one.hostname)

    assert writes(one, "/root")
    faults.strike("cut", one.hostname)
    faults.strike("cut", one.hostname)
    assert not reaches(two, one)
    faults.heal()
    until(lambda: reaches(two, one))


def test_a_wiped_host_boots_as_a_new_machine(live: Live, faults: Faults) -> None:
    """By itself: another instance with an empty disk under the same name; user-data runs again."""
    one = live.hosts[0]
    said(one, "touch /root/mine")

    assert faults.strike("wipe", one.hostname).startswith("boots with an empty disk")
    live.hosts[0] = fresh = records.load_host(paths.cluster_dir(live.cluster), one.hostname) or one

    assert fresh.instance != one.instance
    assert (fresh.hostname, fresh.address, fresh.disk) == (one.hostname, one.address, one.disk)
    until(booted, fresh)
    assert said(fresh, "cat /var/lib/runs") == "run"
    assert sh(fresh, "test -e /root/mine").code != 0


def test_a_host_without_its_power_supply_is_not_on(live: Live, faults: Faults) -> None:
    """Its systemd lives on, without a network for good: it counts as off, and a start boots it anew."""
    one, two = live.hosts[:2]
    before = boot_id(one)
    slay(host.group(one).pids(cgroups.OUTSIDE))
    until(lambda: not host.running(one))
    assert host.init_pid(one) is not None

    assert faults.strike("start", one.hostname) == "is on"
    until(rebooted, one, before)
    until(lambda: reaches(two, one))


def test_a_reboot_and_an_off_right_after_power_on_are_heard(live: Live, faults: Faults) -> None:
    """A regression: a systemd that does not listen yet lost the signal, and the host stayed on."""
    one = live.hosts[0]
    for press in (power.reboot, partial(power.off, timeout=OFF), power.reboot):
        power.kill(one)
        host.boot(one, binds(one))
        first = host.init_pid(one)
        press(one)
        until(lambda first=first: host.init_pid(one) != first)
    power.kill(one)  # in the middle of its reboot
    assert not host.group(one).pids()
    faults.strike("start", one.hostname)
    until(lambda: greets(one))


def test_faults_strike_who_is_there(live: Live, faults: Faults) -> None:
    """A host that is gone is told, for each verb; one that is off is not rebooted or paused."""
    for verb in ("reboot", "start", "pause", "cut", "fill", "wipe"):
        with pytest.raises(BootstrapError, match="is gone"):
            faults.strike(verb, "harmed-web-9")
    one = live.hosts[0]
    faults.strike("kill", one.hostname)
    faults.strike("kill", one.hostname)
    for verb in ("reboot", "pause"):
        with pytest.raises(BootstrapError, match="is off"):
            faults.strike(verb, one.hostname)
    faults.strike("start", one.hostname)


def test_a_host_with_folders_lives_on(live: Live, faults: Faults) -> None:
    """One of an older version has no disk of its own: it boots, is not filled, and gets one when it is wiped."""
    size, live.disk = live.disk, 0
    old = live.add(4)
    live.disk = size
    live.hosts.remove(old)
    until(booted, old)

    assert not (host.folder(old) / "disk.img").exists()
    with pytest.raises(BootstrapError, match="has no end"):
        faults.strike("fill", old.hostname)
    faults.strike("wipe", old.hostname)

    fresh = records.load_host(paths.cluster_dir(live.cluster), old.hostname)
    assert fresh is not None
    assert fresh.disk == disk.DEFAULT
    host.destroy(fresh)
    until(lambda: not disk.held(host.folder(fresh)))  # the kernel writes first what it held back
