"""What `local` needs of this machine, one check for each thing. Everything is looked at and nothing is changed."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network
from pathlib import Path

from bootstrap.errors import BootstrapError
from bootstrap.lab import cgroups, command, network, paths, preflight, records, sysctl
from bootstrap.model.cluster import Cluster
from bootstrap.model.finding import Finding, fail, ok, warn

SOCKETS = ("/run/docker.sock", "/var/run/docker.sock")
_UNSYNCHRONISED = 5  # what adjtimex(2) returns then
_TIMEX = 256  # bytes, more than struct timex has


@dataclass(frozen=True)
class Machine:
    """This machine as it is, and how many more hosts it is to hold. `ranges` are those of its routes and addresses."""

    facts: preflight.Facts
    hosts: int
    hierarchies: Sequence[cgroups.Hierarchy] = ()
    ranges: Sequence[IPv4Network] = ()
    own: IPv4Network | None = None  # of this cluster, where it is made
    synchronised: bool = True
    engine: str = ""  # the socket of an engine that runs here for others


def checks(cluster: Cluster, hosts: int, images: tuple[str, ...]) -> Iterator[Finding]:
    """Every check, for `hosts` more hosts of these images."""
    machine = look(cluster, hosts, images)
    for check in CHECKS:
        yield from check(machine, cluster)


def look(cluster: Cluster, hosts: int, images: tuple[str, ...]) -> Machine:
    """This machine now."""
    facts = preflight.look(images)
    if facts.platform != "linux":
        return Machine(facts, hosts)
    fabric = records.load_fabric(paths.cluster_dir(cluster.name)) if facts.root else None
    return Machine(
        facts,
        hosts,
        hierarchies=cgroups.hierarchies(),
        ranges=network.in_use() if command.available("ip") else (),
        own=IPv4Network(fabric.subnet) if fabric else None,
        synchronised=_synchronised(),
        engine=next((path for path in SOCKETS if Path(path).exists()), ""),
    )


def _preflight(check: str, codes: Sequence[str], fine: str) -> Callable[[Machine, Cluster], Iterator[Finding]]:
    """A check out of what `up` asks before it makes anything: these codes of its errors."""

    def findings(machine: Machine, _: Cluster) -> Iterator[Finding]:
        found = [one for one in preflight.problems(machine.facts, machine.hosts) if one.code in codes]
        yield from (fail(check, one.what, one.fix) for one in found)
        if not found:
            facts = machine.facts
            yield ok(check, fine.format(facts=facts, hosts=machine.hosts, memory=facts.memory_free // preflight.MIB,
                                        disk=facts.disk_free // preflight.MIB, root=paths.root()))  # fmt: skip

    return findings


def _cgroups(machine: Machine, _: Cluster) -> Iterator[Finding]:
    """Hosts are ended by their control groups."""
    writable = [one for one in machine.hierarchies if os.access(one.path, os.W_OK)]
    if not writable:
        yield fail("cgroups", "no hierarchy of control groups can be written", "mount cgroup2 on /sys/fs/cgroup")
        return
    versions = "v2" if all(one.unified for one in writable) else "v1"
    memory = any("memory" in one.controllers or (one.unified and _has_memory(one.path)) for one in writable)
    if memory:
        yield ok("cgroups", f"control groups {versions}, with memory limits")
    else:
        yield warn("cgroups", f"control groups {versions} without the memory controller: hosts have no limit",
                   "none needed; to have limits, enable the memory controller")  # fmt: skip


def _has_memory(path: Path) -> bool:
    try:
        return "memory" in (path / "cgroup.controllers").read_text().split()
    except OSError:
        return False


def _addresses(machine: Machine, cluster: Cluster) -> Iterator[Finding]:
    """A range that this machine routes elsewhere cannot be the cluster's."""
    pool = IPv4Network(cluster.swarm.address_pool, strict=False)
    inside = [str(one) for one in machine.ranges if one.overlaps(pool)]
    if inside:
        fix = "set `swarm.address_pool` to a free range before the first `up`"
        yield warn(
            "addresses", f"this machine has routes into the swarm's address pool {pool}: {', '.join(inside)}", fix
        )
    if machine.own is not None:
        over = [str(one) for one in machine.ranges if one.overlaps(machine.own) and not one.subnet_of(machine.own)]
        yield from _own(machine.own, over)
        return
    try:
        yield ok("addresses", f"{network.choose([*machine.ranges, pool])} is free for the hosts")
    except BootstrapError as error:
        yield fail("addresses", error.what, error.fix)


def _own(own: IPv4Network, over: Sequence[str]) -> Iterator[Finding]:
    if over:
        fix = "take that route or VPN down, or `bootstrap down` and `up`: the cluster then gets another range"
        yield warn("addresses", f"the cluster's range {own} lies in a route of this machine: {', '.join(over)}", fix)
    else:
        yield ok("addresses", f"the cluster's range {own} meets no other route")


def _clock(machine: Machine, _: Cluster) -> Iterator[Finding]:
    """Hosts share this machine's clock, so that it need not be right, but certificates and logs would rather."""
    if machine.synchronised:
        yield ok("clock", "the clock of this machine is synchronised")
    else:
        yield warn(
            "clock",
            "the kernel says that no time server keeps this machine's clock",
            "start chrony or systemd-timesyncd",
        )


def _engine(machine: Machine, _: Cluster) -> Iterator[Finding]:
    """An engine of the user's."""
    if machine.engine:
        yield ok("engine-here", f"an engine has {machine.engine} here: it is left alone, hosts bring their own")
    else:
        yield ok("engine-here", "no engine runs here, and none is needed: hosts bring their own")


CHECKS: tuple[Callable[[Machine, Cluster], Iterator[Finding]], ...] = (
    _preflight("platform", ("not_linux",), "this is Linux"),
    _preflight("root", ("not_root",), "running as root"),
    _preflight("tools", ("tool_missing",), f"{', '.join(preflight.TOOLS)} and a firewall's tool are installed"),
    _preflight("kernel", ("kernel",), f"network namespaces, {', '.join(preflight.LINKS)} work"),
    _preflight("overlay", ("overlay",), "an overlay file system can be mounted in {root}"),
    _cgroups,
    _preflight("memory", ("memory",), "{memory} MiB of memory are free, for {hosts} more hosts"),
    _preflight("disk", ("disk",), "{disk} MiB of disk are free in {root}"),
    _preflight("inotify", ("inotify",), f"{sysctl.INOTIFY} is {{facts.inotify}}, and `up` may raise it"),
    _addresses,
    _clock,
    _engine,
)  # fmt: skip - one line each


def _synchronised() -> bool:
    """As the kernel has it; a call with no modes only reads."""
    try:
        answer: int = ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(_TIMEX))
    except (OSError, AttributeError):
        return True  # unknown is no finding
    return answer != _UNSYNCHRONISED
