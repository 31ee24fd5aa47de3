from __future__ import annotations

import os
import stat
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from bootstrap.errors import BootstrapError
from bootstrap.lab import cgroups, fabric, host, paths, power, records
from bootstrap.lab.records import HostRecord
from bootstrap.lab.runner import HostRunner
from tests.lab.live import OFF, TINY, Live, boot_id, booted, engine, greets, reaches, rebooted, said, settled, sh, until

pytestmark = pytest.mark.lab

ENGINES = {"debian-13": "26.1", "debian-12": "20.10", "debian-sid": "2"}
IMAGES = ["debian-13", "debian-12", pytest.param("debian-sid", marks=pytest.mark.slow)]


@pytest.fixture(scope="module", params=IMAGES)
def live(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """Two hosts of each image; every test leaves both on and connected."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BOOTSTRAP_LOCAL_DIR", str(tmp_path_factory.mktemp("local")))
        live = Live("live", request.param)
        try:
            for slot in (1, 2):
                live.add(slot)
            for one in live.hosts:
                until(booted, one)
            yield live
        finally:
            live.down()


def test_a_host_boots_to_sshd_and_docker(live: Live) -> None:
    """systemd is content, user-data ran once, sshd answers from this machine, and the engine is the image's."""
    for one in live.hosts:
        until(settled, one)
        assert said(one, "systemctl list-units --failed --no-legend") == ""
        assert said(one, "cat /var/lib/runs") == "run"
        assert said(one, "docker version --format '{{.Server.Version}}'").startswith(ENGINES[live.image])
        assert said(one, "hostname") == one.hostname
        until(greets, one)


def test_the_fabric_gives_the_address(live: Live) -> None:
    """It comes by DHCP, as in a cloud, and the gateway answers names."""
    for one in live.hosts:
        until(lambda one=one: f"{one.address}/20" in sh(one, "ip -4 -o addr show dev eth0").stdout)
        assert "proto dhcp" in said(one, "ip route show default")
        assert said(one, "getent hosts $(hostname)").split()[0] == one.address


def test_hosts_reach_each_other_and_the_machine(live: Live) -> None:
    """One wire for all, and this machine at its end."""
    one, two = live.hosts

    until(reaches, one, two)
    until(reaches, one, live.fabric.machine)
    assert fabric.running(live.cluster)


def test_each_host_is_a_machine_of_its_own(live: Live) -> None:
    """Boot id, machine id, processes and memory limit are its own; this machine's settings cannot be changed."""
    one, two = live.hosts

    assert boot_id(one) != boot_id(two)
    assert said(one, "cat /etc/machine-id") != said(two, "cat /etc/machine-id")
    assert said(one, "cat /proc/1/comm") in {"systemd", "init"}
    assert sh(one, "echo 99 >/proc/sys/vm/swappiness").code != 0
    assert sh(one, "echo 1 >/proc/sys/net/ipv4/ip_forward").code == 0
    assert stat.S_IMODE(Path("/dev/null").stat().st_mode) == 0o666
    trees = [tree.path / "bootstrap" / one.cluster / one.hostname for tree in cgroups.hierarchies()]
    limits = [
        path for tree in trees for path in tree.glob("memory.*") if path.name in {"memory.limit_in_bytes", "memory.max"}
    ]
    assert [path.read_text().strip() for path in limits] == [str(one.memory)] * len(limits)


def test_a_command_runs_in_the_host(live: Live) -> None:
    """Input, output, errors and code come through; nothing of the caller's environment does."""
    runner = HostRunner(live.hosts[0])

    assert runner.run(["cat"], stdin="grüße\n").stdout == "grüße\n"
    result = runner.run(["sh", "-c", "echo out; echo err >&2; exit 7"])
    assert (result.code, result.stdout, result.stderr) == (7, "out\n", "err\n")
    assert runner.run(["printf", "%s", "a b'$c"]).stdout == "a b'$c"
    assert "PYTEST" not in runner.run(["env"]).stdout
    assert runner.run(["no-such-command"]).code == 127


def test_a_command_that_does_not_end_is_killed(live: Live) -> None:
    """Time is up after the timeout, and nothing of it is left in the host."""
    one = live.hosts[0]
    began = time.monotonic()

    with pytest.raises(BootstrapError, match="did not end within") as caught:
        sh(one, "sleep 4711; true", timeout=0.3)

    assert caught.value.code == "timeout"
    assert time.monotonic() - began < 300  # not 4711; a busy machine kills slowly
    until(lambda: sh(one, "ps ax -o args= | grep -c '[s]leep 4711'").stdout.strip() == "0")


def test_a_reboot_brings_it_back_with_a_new_network(live: Live) -> None:
    """New boot id, engine up again, user-data not run again, no link of the boot before."""
    one = live.hosts[0]
    before = boot_id(one)
    said(one, "ip link add left type bridge")

    sh(one, "systemctl reboot")  # it may be killed before it has said that it succeeded
    until(rebooted, one, before)
    until(engine, one)

    assert said(one, "cat /var/lib/runs") == "run"
    assert sh(one, "ip link show left").code != 0
    until(greets, one)


def test_reboots_while_commands_run_do_not_hang(live: Live) -> None:
    """A command that enters a host while it goes down must not keep it from ending."""
    one = live.hosts[0]
    for _ in range(5):
        until(engine, one)
        before = boot_id(one)
        power.reboot(one)
        until(rebooted, one, before)  # one that hangs does so for ever
    until(engine, one)


def test_off_is_off_and_on_is_on(live: Live) -> None:
    """An off host has no process and no port; commands are refused; booting it twice makes one host."""
    one = live.hosts[0]

    power.off(one, OFF)
    assert not host.running(one)
    assert not (paths.NAMESPACES / paths.host_namespace(one.cluster, one.hostname)).exists()
    with pytest.raises(BootstrapError, match="is off"):
        sh(one, "true")

    host.boot(one)
    pid = host.init_pid(one)
    host.boot(one)
    assert host.init_pid(one) == pid
    until(engine, one)


def test_a_paused_host_is_silent_and_goes_on(live: Live) -> None:
    """It is on, but nothing in it runs; a killed one ends also while it is paused."""
    one = live.hosts[0]

    power.pause(one)
    assert host.running(one)
    with pytest.raises(BootstrapError, match="did not end"):
        sh(one, "docker info", timeout=1)
    power.resume(one)
    until(engine, one)

    power.pause(one)
    power.kill(one)
    assert not host.running(one)
    host.boot(one)
    until(engine, one)


def test_a_cut_cable_stays_cut_until_healed(live: Live) -> None:
    """Also over a reboot; the other host hears nothing meanwhile."""
    one, two = live.hosts
    reach = f"ping -c1 -W1 {one.address}"

    power.cut(one)
    assert sh(two, reach).code != 0
    before = boot_id(one)
    power.reboot(one)
    until(rebooted, one, before)
    assert sh(two, reach).code != 0

    power.heal(one)
    until(lambda: sh(two, reach).code == 0)
    until(engine, one)


def test_binds_are_shown_in_the_host(live: Live, tmp_path: Path) -> None:
    """Folders of this machine, read-only where asked for, also after a reboot of the host."""
    one = live.hosts[0]
    for name in ("open", "shut"):
        (tmp_path / name).mkdir()
    power.off(one, OFF)

    host.boot(one, [(tmp_path / "open", "/srv/open", False), (str(tmp_path / "shut"), "/srv/shut", True)])
    before = boot_id(one)
    power.reboot(one)
    until(rebooted, one, before)

    said(one, "echo hello >/srv/open/file")
    assert (tmp_path / "open/file").read_text() == "hello\n"
    assert sh(one, "touch /srv/shut/file").code != 0
    power.off(one, OFF)
    assert (tmp_path / "open/file").exists()
    host.boot(one)
    until(engine, one)


def test_engines_form_a_swarm_that_survives_power_cuts(live: Live) -> None:
    """Join, an overlay network with a task on each, pings between them, and membership after kill and boot."""
    one, two = live.hosts
    for each in live.hosts:
        until(engine, each)
        said(each, TINY)
    until(founds, one)
    token = said(one, "docker swarm join-token -q worker")
    until(joins, two, f"docker swarm join --token {token} {one.address}:2377")
    said(one, "docker network create -d overlay --attachable ov")
    command = "docker service create -d --name s --mode global --network ov --endpoint-mode dnsrr tiny:1 sleep 1000"
    said(one, command)
    until(lambda: sh(one, "docker service ps s --format '{{.CurrentState}}'").stdout.count("Running") == 2)
    inside = "docker exec $(docker ps -q)"
    until(lambda: len(sh(one, f"{inside} getent ahostsv4 tasks.s | cut -d' ' -f1 | sort -u").stdout.split()) == 2)
    for address in said(one, f"{inside} getent ahostsv4 tasks.s | cut -d' ' -f1 | sort -u").split():
        until(lambda address=address: sh(one, f"{inside} ping -c1 -W5 {address}").code == 0)  # gossip takes a moment

    power.kill(two)
    assert not host.running(two)
    host.boot(two)
    nodes = "docker node ls --format '{{.Hostname}} {{.Status}}'"
    until(lambda: sh(one, nodes).stdout.count("Ready") == 2)
    until(lambda: membership(two) == "active")
    for each in live.hosts:
        until(leaves, each)


def membership(record: HostRecord) -> str:
    """What its engine says of its own node."""
    return sh(record, "docker info --format '{{.Swarm.LocalNodeState}}'").stdout.strip()


def founds(record: HostRecord) -> bool:
    """Whether it has made a swarm with all that was asked for; an engine that is slow to do so gives up half of it."""
    wish = f"--advertise-addr {record.address} --default-addr-pool 10.200.0.0/16"
    made = sh(record, f"docker swarm init {wish}").code == 0
    if not made:
        leaves(record)
    return made


def joins(record: HostRecord, command: str) -> bool:
    """Whether it is a member; else it is told to join. A slow engine gives up waiting after 20 s, and goes on joining."""
    if membership(record) == "inactive":
        sh(record, command)
    return membership(record) == "active"


def leaves(record: HostRecord) -> bool:
    """Whether it is in no swarm; else it is told to leave. A slow engine gives up waiting here too, and goes on."""
    if membership(record) != "inactive":
        sh(record, "docker swarm leave --force")
    return membership(record) == "inactive"


def test_a_wiped_host_is_a_new_machine(live: Live) -> None:
    """New instance, empty disk: user-data runs again. A host that is on is not wiped."""
    one = live.hosts[0]
    said(one, "touch /root/mine")
    with pytest.raises(BootstrapError, match="on cannot be wiped"):
        host.wipe(one)

    power.kill(one)
    live.hosts[0] = fresh = host.wipe(one)
    assert fresh.instance != one.instance
    assert records.load_host(paths.cluster_dir(one.cluster), one.hostname) == fresh
    host.boot(fresh)
    until(booted, fresh)

    assert said(fresh, "cat /var/lib/runs") == "run"
    assert sh(fresh, "test -e /root/mine").code != 0
    until(greets, fresh)


def test_hosts_outlive_the_run_that_started_them(live: Live) -> None:
    """Neither our session nor our folder or terminal is held by anything that was started."""
    pids = {pid for one in live.hosts for pid in host.group(one).pids(cgroups.OUTSIDE)}
    pids |= cgroups.Group(live.cluster, fabric.SERVICES).pids()
    assert len(pids) >= 5

    for pid in pids:
        assert os.getsid(pid) != os.getsid(0)
        assert not [name for name in _open(pid) if name.startswith(("/dev/pts", "/dev/tty"))]
        assert str(Path(f"/proc/{pid}/cwd").readlink()) in {"/", *(str(host.folder(one)) for one in live.hosts)}


def _open(pid: int) -> Iterator[str]:
    """What a process has open; it may close one while we look."""
    for fd in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):
            yield str(fd.readlink())


def test_a_host_cannot_change_what_is_the_machine_s(live: Live) -> None:
    """Neither its own programs nor a command that we run there may set the clock, load modules or read the log."""
    one = live.hosts[0]
    forbidden = 1 << 25 | 1 << 16 | 1 << 34
    bounds = "for pid in 1 $(pidof dockerd) self; do grep CapBnd /proc/$pid/status; done"

    until(engine, one)
    assert [int(line.split()[1], 16) & forbidden for line in said(one, bounds).splitlines()] == [0, 0, 0]
    assert sh(one, "date -s @$(date +%s)").code != 0
