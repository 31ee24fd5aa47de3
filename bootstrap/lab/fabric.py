"""A cluster's network as one thing: its subnet, its way out and its services; made, found whole, mended, removed."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import suppress
from ipaddress import IPv4Network
from pathlib import Path

from bootstrap.checkpoint import reach
from bootstrap.errors import BootstrapError
from bootstrap.lab import cgroups, egress, host, network, partition, paths, records, supervisor, sysctl
from bootstrap.lab.records import FabricRecord

PACKAGE_ROOT = Path(__file__).parents[2]  # where `bootstrap` is imported from, also when it is not installed
SERVICES = "services"  # the control group of the services; a host's name begins with its cluster's and a hyphen
START = 30.0  # seconds for an interpreter to start on a machine that may be busy; 0.3 on an idle one
FILES = ("services.pid", "services.ready", "services.log", partition.FILE, "fabric.json")


def create(cluster: str, uid: str, avoid: Sequence[str] = ()) -> FabricRecord:
    """Make the network of a cluster, with a subnet that nobody uses, and start its services.

    `avoid` are CIDRs that the subnet may not overlap, as the swarm's address pool. What exists already is kept and
    mended. BootstrapError when the fabric is another cluster's of the same name, or no subnet is free.
    """
    with sysctl.locked():
        record = _record(cluster, uid, avoid)
        reach("fabric.recorded")
        _start(record)  # before the next run looks which subnets are free
    return record


def _record(cluster: str, uid: str, avoid: Sequence[str]) -> FabricRecord:
    folder = paths.cluster_dir(cluster)
    found = records.load_fabric(folder)
    if found is None:
        found = _new(cluster, uid, network.choose(_taken(avoid)))
        records.save_fabric(folder, found)
    if found.uid != uid:
        what = f"a local cluster of this name with another uid ({found.uid}) is there already"
        raise BootstrapError(what, where=cluster, fix="use another name, or take that one down", code="not_ours")
    return found


def refuse_stranger(cluster: str) -> None:
    """BootstrapError where a cluster of this name runs whose records are not ours: two would share all that it names."""
    if not paths.cluster_dir(cluster).exists() and network.namespaces(cluster):
        raise BootstrapError(
            f"a cluster of this name runs already, and {paths.root()} knows nothing of it",
            where=cluster,
            fix="use another name, or take it down with the BOOTSTRAP_LOCAL_DIR that it was made with; if its folder was"
            " deleted, make that again and run `bootstrap down`",
            code="not_ours",
        )


def _new(cluster: str, uid: str, subnet: IPv4Network) -> FabricRecord:
    return FabricRecord(cluster, uid, str(subnet), str(subnet[1]), str(subnet[2]), records.now())


def _taken(avoid: Sequence[str]) -> list[IPv4Network]:
    """What the machine uses, what a cluster that is off will use again, and what the caller names."""
    others = (records.load_fabric(paths.cluster_dir(name)) for name in paths.clusters())
    recorded = [one.subnet for one in others if one is not None]
    return [*network.in_use(), *(IPv4Network(one, strict=False) for one in [*recorded, *avoid])]


def start(cluster: str) -> None:
    """Build what is missing of it, after a restart of the machine for example, and start its services."""
    record = _known(cluster)
    with sysctl.locked():
        _start(record)


def _start(record: FabricRecord) -> None:
    fresh = network.build(record)
    reach("fabric.built")
    sysctl.change(sysctl.FORWARD, "1")
    reach("fabric.forwarding")
    egress.open_up(record)
    reach("fabric.open")
    if fresh:
        partition.apply(record.cluster)
    if fresh or not _serving(record):
        _serve(record)


def running(cluster: str) -> bool:
    """Whether it is whole: namespace, bridge, cable, way out, and services that answer."""
    record = records.load_fabric(paths.cluster_dir(cluster))
    if record is None or not _serving(record):
        return False
    return network.whole(record) and egress.is_open(record) and sysctl.read(sysctl.FORWARD) == "1"


def destroy(cluster: str) -> None:
    """Remove it and every host in it, also half-made ones; already gone is success.

    What is not the lab's in the cluster's folder (groups, store, keys) is left to its owner.
    """
    folder = paths.cluster_dir(cluster)
    for hostname in _hostnames(cluster):
        host.discard(cluster, hostname)
    for name in cgroups.names(cluster):
        cgroups.Group(cluster, name).destroy()
    reach("fabric.ended")
    with sysctl.locked():
        egress.close(cluster)
        reach("fabric.closed")
        network.tear_down(cluster)
        reach("fabric.torn")
        cgroups.remove_cluster(cluster)
        reach("fabric.ungrouped")
        for name in FILES:
            (folder / name).unlink(missing_ok=True)
        reach("fabric.forgotten")
        sysctl.put_back(keep={sysctl.FORWARD} if egress.docker_lives_here() else ())
    for empty in (folder / "hosts", folder):
        with suppress(OSError):
            empty.rmdir()


def _known(cluster: str) -> FabricRecord:
    record = records.load_fabric(paths.cluster_dir(cluster))
    if record is None:
        raise BootstrapError(
            "the cluster has no network yet", where=cluster, fix="run `bootstrap up`", code="no_fabric"
        )
    return record


def _hostnames(cluster: str) -> list[str]:
    return sorted(found.name for found in (paths.cluster_dir(cluster) / "hosts").glob("*"))


def _serving(record: FabricRecord) -> bool:
    alive = cgroups.Group(record.cluster, SERVICES).pids()
    return bool(alive) and (paths.cluster_dir(record.cluster) / "services.ready").exists()


def _serve(record: FabricRecord) -> None:
    """The services find their cluster by its folder, and enter the fabric themselves."""
    folder = paths.cluster_dir(record.cluster)
    group, ready, log = cgroups.Group(record.cluster, SERVICES), folder / "services.ready", folder / "services.log"
    group.destroy()
    group.make()
    reach("fabric.grouped")
    ready.unlink(missing_ok=True)
    enter = 'for door in $DOORS; do echo 0 >"$door"; done; exec "$@"'
    namespace = paths.NAMESPACES / paths.fabric_namespace(record.cluster)
    daemon = [sys.executable, "-m", "bootstrap.lab.services", str(folder), str(namespace)]
    doors = " ".join(str(door) for door in group.doors(cgroups.INSIDE))
    supervisor.detach(["sh", "-c", enter, "sh", *daemon], log, {"DOORS": doors, "PYTHONPATH": str(PACKAGE_ROOT)})
    reach("fabric.detached")
    supervisor.wait(lambda: bool(group.pids()), timeout=START)
    supervisor.wait(lambda: ready.exists() or not group.pids(), timeout=START)
    if not ready.exists():
        raise supervisor.did_not("the services of the network do not start", record.cluster, log)
