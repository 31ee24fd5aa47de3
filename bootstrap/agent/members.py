"""Drain, demote and remove nodes: one at a time, behind a committed write, and a manager only past the guard."""

from __future__ import annotations

from collections.abc import Set
from typing import Any, Callable, Optional

from . import audit, nodes
from . import control as rules
from .checkpoint import reach
from .context import Context
from .engine_api import EngineError
from .errors import HEALS, AgentError, Refused, explain, log
from .lease import Lease, held
from .local import observe
from .metadata import list_machines
from .nodes import Node
from .owner import Machines, identify, machine_of
from .store import Control
from .watch import Watch

_TRIES = 5
_ROLE_DEADLINE = 30.0  # seconds a demotion may take
Gate = Callable[[], Optional[str]]


def proven_gone(control: Control, found: list[Node], machines: Machines) -> set[str]:
    """Identified nodes whose machine is terminated by the cloud's word, was made anew, or says itself that it left."""
    lost = {seat["node_id"] for seat in control["seats"].values() if seat.get("lost")}
    return {node.id for node in found if node.id in lost or _is_gone(node, found, machines)}


def _is_gone(node: Node, found: list[Node], machines: Machines) -> bool:
    machine = (machines or {}).get(node.instance or "")
    if node.sure and machines is not None and (machine is None or machine.state == "terminated"):
        return True
    return any(other.created > node.created and _replaces(other, node, machines) for other in found)


def _replaces(other: Node, node: Node, machines: Machines) -> bool:
    """Whether a newer node is what this one became: a machine has one identity at a time, a new one with every join."""
    same = node.instance is not None and other.instance == node.instance
    if machines is None:
        return same and other.address == node.address
    here = machine_of(other, machines) is not None
    return here and (other.address == node.address or (same and node.sure))  # it may have moved


def drain(context: Context, node_id: str, timeout: float, hold: bool = False) -> None:
    """Move the tasks away and wait until none is left. Raises AgentError after `timeout` seconds."""
    nodes.set_availability(context.engine, node_id, "drain", True if hold else None)
    end = context.clock.now() + timeout
    while True:
        left = nodes.busy(context.engine, node_id)
        if not left:
            return
        if context.clock.now() >= end:
            fix = "look at what does not stop, or give it more time"
            what = f"{left} tasks still run after {timeout:g} s"
            raise AgentError(what, where=node_id, fix=fix, code="drain_timeout")
        context.clock.sleep(1)


def remove(context: Context, node_id: str, timeout: float) -> dict[str, Any]:
    """Drain, demote, wait, remove; safe to repeat. {"removed", "emptied"}. Raises Refused when the guard says no."""
    mine = observe(context).node_id
    if node_id == mine:
        raise Refused("a node cannot remove itself", where=node_id, fix="ask another manager", code="self")
    nodes.barrier(context.engine, mine)
    control, _ = context.store.read()
    watch = Watch(context, control)
    node = nodes.find(watch.sample(), node_id)
    if node is None:
        rules.swap(context.store, lambda now: rules.forget(now, node_id), node_id)
        return {"removed": False, "emptied": True}
    machines = list_machines(context.metadata)
    proven = proven_gone(control, identify(control, watch.sample(), machines), machines)
    if node.member:
        _wait_for_guard(context, watch, control, node_id, proven)
    emptied = node.state != "ready" or _empty(context, node_id, timeout)
    try:
        if node.member:  # the drain may have lasted longer than the samples are good for
            _wait_for_guard(context, watch, control, node_id, proven)
        take_out(context, node, mine, lambda: watch.refusal(context.store.read()[0], node_id, proven), force=True)
    except Refused:
        _give_back(context, node)
        raise
    return {"removed": True, "emptied": emptied}


def _give_back(context: Context, node: Node) -> None:
    """It stays after all: with the availability that it had, or else it would stay drained."""
    try:
        nodes.set_availability(context.engine, node.id, node.availability)
    except HEALS as error:
        log(f"{node.hostname} stays drained: {explain(error)}")


def take_out(context: Context, node: Node, mine: str, gate: Gate, *, force: bool = False, duty: str = "remove") -> None:
    """Demote where needed, wait for the role, remove, and free the seat. `gate` has the last word before a demotion."""
    if not node.member:
        _delete(context, node, mine, force, duty)
        return
    with held(Lease(context, mine, node.instance or "", node.id)) as lease:
        reach("reconcile.leased")
        nodes.barrier(context.engine, mine)
        _demote(context, node, lease, gate)
        reach("reconcile.demoting")
        _wait_demoted(context, node)
        audit.record(context, "demote", node=node.hostname, detail=node.id)
        reach("reconcile.demoted")
        lease.check()  # else somebody may have given it its role back meanwhile
        _delete(context, node, mine, force, duty)


def _demote(context: Context, node: Node, lease: Lease, gate: Gate) -> None:
    """In the version that was read before the lease was found whole and the guard was asked: see lease.py."""
    for _ in range(_TRIES):
        version = nodes.version_of(context.engine, node.id)
        lease.check()
        why = gate()
        if why:
            audit.record(context, "demote", node=node.hostname, outcome=audit.REFUSED, detail=why)
            raise Refused(why, where=node.hostname, code="guard")
        log(f"demote {node.hostname} ({node.id})")
        reach("reconcile.demote")
        if lease.demote(version):
            return
    raise Refused("the node changes all the time", where=node.hostname, fix="run it again", code="demote_timeout")


def _delete(context: Context, node: Node, mine: str, force: bool, duty: str) -> None:
    nodes.barrier(context.engine, mine)
    log(f"{duty} node {node.hostname} ({node.id})")
    reach("reconcile.delete")
    context.engine.delete("nodes", node.id, force="1" if force else None)
    reach("reconcile.deleted")
    control, _ = rules.swap(context.store, lambda now: rules.forget(now, node.id), mine)
    audit.record(context, duty, node=node.hostname, epoch=control["epoch"], detail=node.id)
    reach("reconcile.forgotten")


def _wait_demoted(context: Context, node: Node) -> None:
    end = context.clock.now() + _ROLE_DEADLINE
    while not _is_demoted(context, node.id):
        if context.clock.now() >= end:
            what = "the demotion does not end"
            raise AgentError(what, where=node.hostname, fix="run it again", code="demote_timeout")
        context.clock.sleep(0.5)


def _is_demoted(context: Context, node_id: str) -> bool:
    """Whether it is seen to be no manager any more. Nobody tells while the others elect: it may have been the leader."""
    try:
        node = nodes.find(nodes.read(context.engine), node_id)
    except EngineError:
        return False
    return node is None or (not node.member and node.role == "worker")


def _wait_for_guard(context: Context, watch: Watch, control: Control, node_id: str, proven: Set[str]) -> None:
    """Sample until the guard allows it; give up one window after it could have."""
    watch.adopt_leader()
    settle = rules.timer(control, "settle") - watch.history.leader_age(context.clock.now())
    end = context.clock.now() + max(settle, watch.history.pause * 7) + watch.history.pause * 7
    while True:
        why = watch.refusal(control, node_id, proven)
        if why is None:
            return
        if context.clock.now() >= end:
            raise Refused(why, where=node_id, fix="see `bootstrap status`", code="guard")
        context.clock.sleep(watch.history.pause)


def _empty(context: Context, node_id: str, timeout: float) -> bool:
    try:
        drain(context, node_id, timeout)
    except AgentError as error:
        if error.code != "drain_timeout":
            raise
        log(f"{node_id}: {error.what}; going on")
        return False
    return True
