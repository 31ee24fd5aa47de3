"""All that a cluster is on this machine, in a form in which two clusters made from one file are equal."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections import Counter
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from typing import Any

from bootstrap.lab import cgroups, network, paths, records, sysctl
from bootstrap.lab.egress import table
from bootstrap.lab.records import HostRecord
from bootstrap.lab.runner import HostRunner
from tests.chaos.checkpoints_face import Face

DAEMONS = ("systemd", "dockerd", "containerd", "sshd", "supervisor.sh", "agent.pyz")
WORD = re.compile(r"[0-9a-f]{8,}|\d+")

State = dict[str, Any]


def of_cluster(face: Face) -> State:
    """The machine's part, the swarm's part, and the faults that no cluster may have."""
    status = face.json("status")
    engines = {host.hostname: _engine(host) for host in _hosts(face.cluster)}
    return {
        **on_the_machine(face.cluster),
        **in_the_swarm(status),
        "plan": {key: value for key, value in face.json("plan").items() if key != "cluster"},
        "engines": {name: found[:2] for name, found in engines.items()},
        "faults": sorted(faults(face.cluster, status, {found[2] for found in engines.values()})),
    }


def on_the_machine(cluster: str) -> State:
    """What the machine has of the cluster; every value is empty where nothing is left of it."""
    folder = paths.cluster_dir(cluster)
    fabric = records.load_fabric(folder)
    subnet = fabric.subnet if fabric else ""
    return {
        "hosts": [_host(one, subnet) for one in records.load_hosts(folder)],
        "groups": [vars(one) for one in records.load_groups(folder)],
        "namespaces": sorted(network.namespaces(cluster)),
        "ports": _ports(cluster),
        "cables": [one.name for one in Path("/sys/class/net").iterdir() if one.name == network.cable(cluster)],
        "rules": [line for line in _lines("nft", "list", "tables") if line.split()[-1] == table(cluster)],
        "cgroups": sorted(cgroups.names(cluster)),
        "processes": _processes(cluster),
        "strays": _strays(cluster),
        "mounts": [point for point in _mounts() if Path(point).is_relative_to(folder)],
        "files": sorted(set(_files(cluster, folder))),
    }


def in_the_swarm(status: Any) -> State:
    """What the cluster says of itself, without what differs each time it is made."""
    nodes = [
        {key: one[key] for key in ("hostname", "role", "pool", "zone", "state", "availability", "hold", "labels")}
        for one in status["nodes"]
    ]
    for one in nodes:
        one["labels"] = {key: value for key, value in one["labels"].items() if key != "bootstrap.instance"}
    return {
        "healthy": status["healthy"],
        "problems": status["problems"],
        "nodes": sorted(nodes, key=lambda one: str(one["hostname"])),
        "unjoined": status["unjoined"],
        "quorum": status["quorum"],
        "published": status["tokens"]["published_is_live"],
    }


def faults(cluster: str, status: Any, members: set[str]) -> Iterator[str]:
    """What must be one, and is not: the swarm, and each machine's identity, address and node."""
    swarms = {one for one in _published(cluster) if one} | {status["swarm_id"]}
    if len(swarms) != 1:
        yield f"swarms: {swarms}"
    for what in ("instance", "address", "mac", "hostname"):
        for value, times in Counter(getattr(one, what) for one in _hosts(cluster)).items():
            if times > 1:
                yield f"{what} {value} twice"
    if members != {one["id"] for one in status["nodes"]}:
        yield "the swarm's nodes are not the engines that are there"


def leftovers(cluster: str) -> State:
    """What is still there of a cluster that was taken down: nothing."""
    lock = paths.root() / f"{cluster}.lock"
    found = {**on_the_machine(cluster), "folder": paths.cluster_dir(cluster).exists(), "lock": lock.exists()}
    if not any(paths.NAMESPACES.glob(f"{paths.PREFIX}*.fabric")):  # the last one puts the machine's settings back
        found["settings"] = sysctl.REMEMBERED.exists()
    return {key: value for key, value in found.items() if value}


def differences(wanted: State, found: State) -> dict[str, Any]:
    """The parts that differ: what was wanted, and what was found; of lists only what the other has not."""
    return {
        key: {"wanted": _besides(wanted.get(key), found.get(key)), "found": _besides(found.get(key), wanted.get(key))}
        for key in sorted({*wanted, *found})
        if wanted.get(key) != found.get(key)
    }


def _besides(one: Any, other: Any) -> Any:
    return [part for part in one if part not in other] if isinstance(one, list) and isinstance(other, list) else one


def _hosts(cluster: str) -> list[HostRecord]:
    return records.load_hosts(paths.cluster_dir(cluster))


def _host(one: HostRecord, subnet: str) -> dict[str, Any]:
    kept = {
        key: value for key, value in vars(one).items() if key not in {"instance", "uid", "created", "address", "mac"}
    }
    inside = IPv4Address(one.address) in IPv4Network(subnet) if subnet else False
    return {**kept, "inside": inside, "mac follows": one.mac == network.mac(one.address)}


def _ports(cluster: str) -> list[str]:
    """The cables in the fabric, by the host where there is one: which of two new hosts has which address is open."""
    hosts = {network.port(one.address): one.hostname for one in _hosts(cluster)}
    lines = _lines("ip", "-n", paths.fabric_namespace(cluster), "-br", "link")
    names = [line.split()[0].split("@")[0] for line in lines]
    return sorted(hosts.get(name, name) for name in names)


def _processes(cluster: str) -> dict[str, dict[str, int]]:
    """How many of each kind run in each group of the cluster."""
    found = {}
    for name in sorted(cgroups.names(cluster)):
        words = [_argv(pid) for pid in cgroups.Group(cluster, name).pids()]
        kinds = Counter(kind for one in words for kind in DAEMONS if any(Path(word).name == kind for word in one[:4]))
        found[name] = dict(kinds) if kinds else {"services": len(words)}
    return found


def _strays(cluster: str) -> list[str]:
    """Processes outside the cluster's groups that work in its folder."""
    known = {pid for name in cgroups.names(cluster) for pid in cgroups.Group(cluster, name).pids()}
    folder = f"{paths.cluster_dir(cluster)}/"
    pids = (int(path.name) for path in Path("/proc").glob("[0-9]*"))
    return [" ".join(_argv(pid)) for pid in pids if pid not in known and any(folder in one for one in _argv(pid))]


def _argv(pid: int) -> list[str]:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")
    except OSError:
        return []


def _files(cluster: str, folder: Path) -> Iterator[str]:
    """Names, numbers and ids blanked; the disks of hosts are their own affair."""
    for path, names, files in os.walk(folder):
        inside = Path(path).relative_to(folder)
        if len(inside.parts) == 2 and inside.parts[0] == "hosts":
            names.clear()
        if inside.parts[:2] in {("store", "audit"), ("store", "health")}:
            files.clear()  # a running cluster's own diary
        yield from (WORD.sub("#", str(inside / name)) for name in files if name != "power.log")  # there once it was off
    if (lock := paths.root() / f"{cluster}.lock").exists():
        yield f"lock of {lock.stat().st_size} bytes"


def _engine(host: HostRecord) -> tuple[str, str, str]:
    """(state, "manager" or "", node id) as the host's own engine says."""
    text = HostRunner(host).run(["docker", "info", "--format", "{{json .Swarm}}"]).stdout
    swarm = json.loads(text or "{}")
    return swarm.get("LocalNodeState", ""), "manager" if swarm.get("ControlAvailable") else "", swarm.get("NodeID", "")


def _published(cluster: str) -> set[str | None]:
    """The swarm of every control object that there ever was; none is overwritten."""
    found = (paths.cluster_dir(cluster) / "store" / "control").glob("control.*.json")
    return {json.loads(path.read_text())["swarm_id"] for path in found}


def _mounts() -> list[str]:
    return [line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()]


def _lines(*argv: str) -> list[str]:
    return subprocess.run(argv, capture_output=True, text=True, check=False).stdout.splitlines()
