"""What the probes of the nodes amount to: one check after the other, each with an id that scripts may rely on."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bootstrap.engine.doctor.gather import Probe
from bootstrap.model.cluster import Cluster
from bootstrap.model.finding import Finding, Outcome, fail, ok, warn

SKEW_WARN, SKEW_FAIL = 5.0, 30.0  # seconds; certificates are back-dated by an hour, logs are not
DISK_WARN, DISK_FAIL = 0.15, 0.05  # of the file system
OLDEST = (20, 10, 24)
PATCHED = {23: (23, 0, 3)}  # CVE-2023-28840, -28841, -28842: encrypted overlay networks let plain text in
_SETTLED = {
    "docker.service": {"active"},
    "bootstrap-agent.service": {"active"},
    "docker-swarm-join.service": {"active", "inactive"},
}  # fmt: skip - it ends when the node is in


@dataclass(frozen=True)
class Nodes:
    """The inventory, the file's name in commands, and what each machine that runs said."""

    cluster: Cluster
    file: str
    probes: Sequence[Probe]

    @property
    def answered(self) -> list[tuple[str, Mapping[str, Any]]]:
        """(hostname, answer) of those that answered."""
        return [(one.instance.hostname, one.answer) for one in self.probes if one.answer is not None]

    @property
    def apart(self) -> set[str]:
        """Hostnames of machines to which something was done: what they lack follows from that."""
        return {one.instance.hostname for one in self.probes if one.instance.fault is not None}


def findings(nodes: Nodes) -> Iterator[Finding]:
    """Every check on every node. What was done to a machine by hand has been told: what follows from that is not."""
    for check in CHECKS:
        yield from (one for one in check(nodes) if one.node not in nodes.apart or one.result is not Outcome.FAIL)


def _reach(nodes: Nodes) -> Iterator[Finding]:
    """Each machine takes a command."""
    for one in nodes.probes:
        name = one.instance.hostname
        if one.answer is None:
            yield fail("reach", f"it takes no command: {one.why}", f"see `bootstrap status {nodes.file}`", name)
        else:
            yield ok("reach", "it takes commands", name)


def _agent(nodes: Nodes) -> Iterator[Finding]:
    """The agent and its units, and the engine's."""
    for name, answer in nodes.answered:
        look = f"bootstrap logs {nodes.file} {name}"
        bad = {unit: state for unit, state in answer["units"].items() if state not in _SETTLED[unit]}
        if not answer["units"]:
            yield fail("agent", "its systemd does not tell the states of the units", f"see `{look}`", name)
        elif not answer["agent"]:
            yield fail("agent", "the agent is not on it", f"see `{look} --boot`: its first boot did not end", name)
        elif bad:
            told = ", ".join(f"{unit} is {state}" for unit, state in bad.items())
            yield fail("agent", told, f"see `{look}`", name)
        else:
            yield ok("agent", "the agent and the units are as they should be", name)


def _engine(nodes: Nodes) -> Iterator[Finding]:
    """Each engine answers, and is none that is known to be bad."""
    encrypted = any(one.encrypted for one in nodes.cluster.networks)
    for name, answer in nodes.answered:
        version = answer["engine"]["version"]
        if not version:
            fix = f"bootstrap ssh {nodes.file} {name} -- systemctl restart docker"
            yield fail("engine", f"the engine does not answer: {answer['engine']['error']}", fix, name)
        elif told := bad_engine(version, encrypted=encrypted):
            yield warn(
                "engine", f"engine {version}: {told}", "update docker's packages on it, one node after the other", name
            )
        else:
            yield ok("engine", f"engine {version}", name)
    versions = sorted({answer["engine"]["version"] for _, answer in nodes.answered if answer["engine"]["version"]})
    if len(versions) > 1:
        told = f"engines of several versions: {', '.join(versions)}"
        yield warn("engine-mix", told, "fine while you update; else bring them to one version, managers first")
    elif versions:
        yield ok("engine-mix", f"every engine is {versions[0]}")


def bad_engine(version: str, *, encrypted: bool) -> str:
    """Why nobody should run that engine, or nothing."""
    found = tuple(int(part) for part in re.findall(r"\d+", version)[:3])
    if len(found) < 3:
        return "its version cannot be read"
    if found < OLDEST:
        return "older than 20.10.24, which is the oldest that this was tried with"
    if encrypted and found < PATCHED.get(found[0], (0, 0, 0)):
        return "its encrypted networks let plain text in (CVE-2023-28840)"
    return ""


def _clock(nodes: Nodes) -> Iterator[Finding]:
    """Each clock is near this machine's."""
    fix = "start chrony or systemd-timesyncd on it (`os.ntp` names the servers)"
    for one in nodes.probes:
        name = one.instance.hostname
        if one.answer is None:
            continue
        ahead = "ahead" if one.skew > 0 else "behind"
        if abs(one.skew) >= SKEW_FAIL:
            yield fail("clock", f"its clock is {abs(one.skew):.0f} s {ahead}", fix, name)
        elif abs(one.skew) >= SKEW_WARN:
            yield warn("clock", f"its clock is {abs(one.skew):.0f} s {ahead}", fix, name)
        else:
            yield ok("clock", "its clock is right", name)


def _ports(nodes: Nodes) -> Iterator[Finding]:
    """Every node reaches every other: 2377 of managers, 7946, and the data path over UDP."""
    port = nodes.cluster.swarm.data_path_port
    answers = [(name, answer) for name, answer in nodes.answered if name not in nodes.apart]
    heard = {name: answer["udp"] for name, answer in answers}
    for name, answer in answers:
        peers = {peer: ports for peer, ports in answer["tcp"].items() if peer not in nodes.apart}
        shut = [f"{peer}:{one} ({why})" for peer, ports in peers.items() for one, why in ports.items() if why]
        deaf = [
            f"{peer}:{port}/udp"
            for peer, names in heard.items()
            if peer != name and names is not None and name not in names
        ]
        if shut or deaf:
            told = f"it does not reach {', '.join([*shut, *deaf][:8])}"
            fix = f"let nodes reach each other on 2377/tcp, 7946/tcp+udp, {port}/udp; start the engines that are off"
            yield fail("ports", told, fix, name)
        else:
            yield ok("ports", f"it reaches {len(peers)} others on 2377, 7946 and {port}/udp", name)


def _mtu(nodes: Nodes) -> Iterator[Finding]:
    """One size of packets for all: with several, large ones vanish."""
    sizes = {name: answer["mtu"] for name, answer in nodes.answered if answer["mtu"]}
    if len(set(sizes.values())) > 1:
        told = ", ".join(f"{name} {size}" for name, size in sorted(sizes.items()))
        yield warn("mtu", f"the machines' MTUs differ: {told}", "give their interfaces one MTU")
    elif sizes:
        yield ok("mtu", f"every machine's MTU is {next(iter(sizes.values()))}")


def _twins(nodes: Nodes) -> Iterator[Finding]:
    """A cloned image has its first machine's id, and swarm takes two for one."""
    for check, key in (("machine-id", "machine_id"), ("hostname", "hostname")):
        same = defaultdict(list)
        for name, answer in nodes.answered:
            same[answer[key]].append(name)
        double = [names for value, names in same.items() if value and len(names) > 1]
        for names in double:
            fix = "on all but one: `rm /etc/machine-id; systemd-machine-id-setup`, then reboot"
            yield fail(
                check, f"the same {check} on {', '.join(names)}", fix if check == "machine-id" else "rename them"
            )
        if not double and same:
            yield ok(check, f"every {check} is there once")


def _disk(nodes: Nodes) -> Iterator[Finding]:
    """Room for images, and on managers for the raft log."""
    for name, answer in nodes.answered:
        free, total = answer["disk"]["free"], answer["disk"]["total"]
        share, told = free / max(total, 1), f"{free >> 20} of {total >> 20} MiB are free"
        fix = f"bootstrap ssh {nodes.file} {name} -- docker system prune"
        if share < DISK_FAIL:
            yield fail("disk", told, fix, name)
        elif share < DISK_WARN:
            yield warn("disk", told, fix, name)
        else:
            yield ok("disk", told, name)


CHECKS: tuple[Callable[[Nodes], Iterator[Finding]], ...] = (
    _reach,
    _agent,
    _engine,
    _clock,
    _ports,
    _mtu,
    _twins,
    _disk,
)
