"""What keeps a cluster from being healthy: one check per promise of `status`, each naming the cause and the mend."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from bootstrap.model.cluster import Cluster
from bootstrap.model.resource import Plan
from bootstrap.swarm.view import Silence, View

DISK_FREE_SHARE = 0.10  # below this a manager's raft log is at risk


@dataclass(frozen=True)
class Problem:
    """One reason: a stable code, the node where there is one, a sentence, and what to do."""

    code: str
    node: str | None
    message: str
    fix: str

    def as_json(self) -> dict[str, str | None]:
        """The entry of `status`."""
        return {"code": self.code, "node": self.node, "message": self.message, "fix": self.fix}


@dataclass(frozen=True)
class Facts:
    """Everything a check may look at; `document` is the status document as far as it is filled."""

    cluster: Cluster
    document: dict[str, Any]
    sizes: dict[str, int]
    control: dict[str, Any] | None
    view: View | Silence
    drift: Plan  # what `up` would change inside the swarm
    stopped: tuple[str, ...] = ()  # hostnames of machines that are off
    machines: int = 0  # how many there are, on or off

    @property
    def up(self) -> str:
        """The command that mends most things."""
        return f"bootstrap up {self.file}"

    @property
    def down(self) -> str:
        """The command that ends what cannot be mended."""
        return f"bootstrap down {self.file}"

    @property
    def file(self) -> str:
        """The inventory, as it stands in commands."""
        return str(self.cluster.path or "FILE")

    @property
    def nodes(self) -> list[dict[str, Any]]:
        """The nodes of the document."""
        nodes: list[dict[str, Any]] = self.document["nodes"]
        return nodes


def problems(facts: Facts) -> list[Problem]:
    """Every problem; a cluster that was never made, or whose managers do not answer, has just that one."""
    if facts.control is None and facts.machines:
        fix = f"{facts.down}, then bootstrap up"
        return [Problem("control_lost", None, "its machines exist, but their control object is gone", fix)]
    if facts.control is None:
        return [Problem("no_cluster", None, "there is no such cluster yet", facts.up)]
    if isinstance(facts.view, Silence) or facts.control.get("phase") != "FORMED":
        return list(silent(facts))
    return [problem for check in CHECKS for problem in check(facts)]


def silent(facts: Facts) -> Iterator[Problem]:
    """Still forming, going, or a lost quorum."""
    phase = (facts.control or {}).get("phase")
    if phase == "FORMED":
        fix = f"see `bootstrap logs {facts.file} NODE`; start the managers that are off: {facts.up}"
        yield Problem("no_quorum", None, f"no manager answers with a quorum ({facts.view})", fix)
    elif phase == "DESTROYED":
        yield Problem("going", None, "a `down` of it began and did not end", facts.down)
    else:
        yield Problem("forming", None, f"the swarm is not formed yet ({phase})", facts.up)
    yield from machines_off(facts)


def machines_off(facts: Facts) -> Iterator[Problem]:
    """A machine that should run and does not."""
    for hostname in facts.stopped:
        yield Problem("machine_stopped", hostname, "its machine is off", facts.up)


def sizes(facts: Facts) -> Iterator[Problem]:
    """Every pool has as many nodes as it should."""
    for pool, wanted in facts.sizes.items():
        have = sum(1 for node in facts.nodes if node["pool"] == pool and node["instance"])
        if have < wanted:
            yield Problem("pool_short", None, f"pool {pool} has {have} of {wanted} nodes", facts.up)
        elif have > wanted:
            yield Problem("pool_long", None, f"pool {pool} has {have} nodes instead of {wanted}", facts.up)


def readiness(facts: Facts) -> Iterator[Problem]:
    """Every node is ready, and every manager reachable."""
    for node in facts.nodes:
        if not node["instance"] and node["state"] == "down":
            message = f"node {node['id']} has no machine any more; the leader removes it when it is sure"
            yield Problem("ghost", node["hostname"], message, "wait, or `bootstrap status --wait 2m`")
        elif not node["instance"] and node["state"] == "ready":
            message = f"node {node['id']} at {node['address']} is no machine of this cluster"
            yield Problem("stranger", node["hostname"], message, f"remove it: `docker node rm --force {node['id']}`")
        elif node["state"] != "ready" and node["hostname"] not in facts.stopped:
            fix = f"look at `bootstrap logs {facts.file} {node['hostname']}`; on it: `systemctl start docker`"
            yield Problem(
                "node_not_ready", node["hostname"], f"its engine is {node['state']} (node {node['id'][:12]})", fix
            )
        elif node["role"] == "manager" and node["reachability"] != "reachable":
            yield Problem("manager_unreachable", node["hostname"], "the other managers cannot reach it", facts.up)


def availability(facts: Facts) -> Iterator[Problem]:
    """Every node has the availability that its pool asks for, unless a person holds it."""
    for node in facts.nodes:
        pool = facts.cluster.pool(node["pool"])
        if pool is None or node["hold"] or node["availability"] == pool.availability:
            continue
        message = f"it is {node['availability']}, its pool says {pool.availability}; the leader sets it within seconds"
        yield Problem("availability", node["hostname"], message, "wait, or look at the leader's log")


def spread(facts: Facts) -> Iterator[Problem]:
    """No zone has more managers than its share."""
    zones = facts.document["zones"]
    counts = [zones[zone]["managers"] for zone in facts.cluster.zones]
    if counts and max(counts) - min(counts) > 1:
        yield Problem("zones", None, f"managers are unevenly spread over the zones: {counts}", facts.up)


def tokens(facts: Facts) -> Iterator[Problem]:
    """The published join tokens are the swarm's."""
    if facts.document["tokens"]["published_is_live"] is False:
        message = "the published join token is not the swarm's; the leader publishes it within a minute"
        yield Problem("token_stale", None, message, "wait, or look at `bootstrap logs FILE LEADER`")


def drift(facts: Facts) -> Iterator[Problem]:
    """Networks and stacks are as the file says."""
    for change in facts.drift.changes:
        if change.resource.kind in {"network", "stack"}:
            message = f"{change.resource.kind} {change.resource.name} is not as the file says ({change.action})"
            yield Problem("drift", None, message, facts.up)


def disks(facts: Facts) -> Iterator[Problem]:
    """The manager that answers has room on its disk."""
    agent = facts.view.document if isinstance(facts.view, View) else {}
    disk = agent.get("disk") or {}
    total, free = disk.get("total_bytes") or 0, disk.get("free_bytes") or 0
    if total and free / total < DISK_FREE_SHARE:
        message = f"its disk is nearly full ({free // 2**20} MiB free)"
        yield Problem("disk_full", agent.get("hostname"), message, "free space on it")


CHECKS: tuple[Callable[[Facts], Iterator[Problem]], ...] = (
    machines_off,
    sizes,
    readiness,
    availability,
    spread,
    tokens,
    drift,
    disks,
)
