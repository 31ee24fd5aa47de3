"""What a person does to a cluster that cannot help itself, by hand: the verbs for it come with later work."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from bootstrap.agent import control as rules
from bootstrap.agent.store import Control
from tests.agent.living import LivingCluster, LivingHost
from tests.agent.oracle import Oracle


def _write(cluster: LivingCluster, oracle: Oracle, **changes: Any) -> None:
    def change(now: Control) -> Control:
        return {**now, **changes}

    oracle.by_operator.add(len(cluster.store.history))
    rules.swap(cluster.store, change, "operator")


def may_reset(cluster: LivingCluster) -> bool:
    """A swarm that never had a second member, and whose only one is proved terminated."""
    control = cluster.control
    holders = {one["instance"] for one in control["managers"]}
    alone = control["phase"] == rules.FORMED and not control["established"] and not holders & set(cluster.machines)
    return alone and not any(host.engine.home is cluster.published for host in cluster.hosts.values())


def reset(cluster: LivingCluster, oracle: Oracle) -> None:
    """FORMED -> EMPTY: the next manager begins anew."""
    nothing: dict[str, Any] = {"holder": None, "swarm_id": None, "ca_digest": None}
    _write(cluster, oracle, phase=rules.EMPTY, managers=[], seats={}, secrets={}, **nothing)


def survivor(cluster: LivingCluster) -> LivingHost | None:
    """The manager that a cluster without a quorum can be recovered from, else None."""
    swarm = cluster.published
    if swarm is None or cluster.world.quorate(swarm):
        return None
    fit = [host for host in cluster.hosts.values() if cluster.is_member(host) and host.engine.node_id in swarm.raft]
    return next((host for host in fit if not host.process.busy), None)


def recover(cluster: LivingCluster, oracle: Oracle, one: LivingHost) -> None:
    """Fence every other manager by its power, and begin anew with this one's raft log in the next epoch.

    Workers find the new manager at the old address by themselves, as measured.
    """
    old = cluster.published
    assert old is not None
    fenced = [host for host in cluster.hosts.values() if host.engine.node_id in old.raft and host is not one]
    for host in fenced:
        if not host.off:
            host.power_off()
    control, node_id = cluster.control, one.engine.node_id
    epoch, address = control["epoch"] + 1, one.engine.address
    _write(cluster, oracle, phase=rules.RECOVERING, epoch=epoch)
    records = {key: node for key, node in old.nodes.items() if key not in old.raft or key == node_id}
    new = replace(old, nodes=records, raft=[node_id], demoting=set(), generation=old.generation + 1)
    cluster.world.swarms[new.id] = new
    for engine in cluster.world.engines:
        if engine.home is old and engine.node_id in records:
            engine.home = new
    member = {"instance": one.instance, "node_id": node_id, "address": address}
    seats = {one.instance: {"address": address, "node_id": node_id}}
    _write(cluster, oracle, phase=rules.FORMED, epoch=epoch, managers=[member], seats=seats, established=True)
