"""Drain, demote and remove nodes: one at a time, behind a committed write, and a manager only past the guard."""

from __future__ import annotations

import os
from collections.abc import Set
from typing import Any, Callable, Optional

from . import control as rules
from . import guard, nodes
from .context import Context, read_file, replace_file
from .errors import AgentError, Refused, log
from .health import History
from .local import observe
from .metadata import Machine, list_machines
from .nodes import Node
from .store import Control

_ROLE_DEADLINE = 30.0  # seconds a demotion may take
Gate = Callable[[], Optional[str]]


class Watch:
    """The managers sampled over time, and what the guard says of them now."""

    def __init__(self, context: Context, control: Control) -> None:
        self._context = context
        self.history = History(rules.timer(control, "stable"))

    def sample(self) -> list[Node]:
        """Look once. Raises EngineError."""
        found, now = nodes.read(self._context.engine), self._context.clock.now()
        self.history.add(now, found)
        return found

    def view(self, control: Control, found: list[Node], proven: Set[str], besides: str = "") -> guard.View:
        """What the guard needs. `proven` are nodes of which something other than silence says that they are gone."""
        now = self._context.clock.now()
        members = frozenset(node.id for node in found if node.member)
        stable = self.history.stable(now) & members
        limit = rules.timer(control, "dead")
        dead = {one for one in members if self._is_dead(one, now, 0.0 if one in proven else limit)}
        target = int(control["managers_target"])
        return guard.View(
            members, stable, frozenset(dead - stable), target, single=target == 1,
            in_flight=any(_moves(node) for node in found if node.id != besides),
            settled=self.history.leader_age(now) >= rules.timer(control, "settle"),
        )  # fmt: skip

    def _is_dead(self, node_id: str, now: float, limit: float) -> bool:
        return self.history.is_bad(node_id) and self.history.bad_for(node_id, now) >= limit

    def refusal(self, control: Control, node_id: str, proven: Set[str]) -> str | None:
        """Look again, and why that manager may not be removed now; None when it may."""
        return guard.refuse_removal(self.view(control, self.sample(), proven, besides=node_id), node_id)

    def save_leader(self) -> None:
        """Tell the verbs of this boot for how long the leader is the same."""
        path = os.path.join(self._context.paths.run, "leader")
        seen = f"{self.history.leader} {self.history.leader_since} {self._context.clock.now()}"
        replace_file(path, seen, lasting=False)

    def adopt_leader(self) -> None:
        """Take over what a running reconciler has seen of the leader, if it saw it just now."""
        parts = read_file(os.path.join(self._context.paths.run, "leader")).split()
        if len(parts) == 3 and 0 <= self._context.clock.now() - float(parts[2]) <= 3 * self.history.pause:
            self.history.leader, self.history.leader_since = parts[0], float(parts[1])


def proven_gone(control: Control, found: list[Node], machines: dict[str, Machine] | None) -> set[str]:
    """Nodes whose machine is terminated by the cloud's word, was made anew, or says itself that it left."""
    lost = {seat["node_id"] for seat in control["seats"].values() if seat.get("lost")}
    return {node.id for node in found if node.id in lost or _is_gone(node, found, machines)}


def _is_gone(node: Node, found: list[Node], machines: dict[str, Machine] | None) -> bool:
    if not node.instance:
        return False
    if machines is not None and (node.instance not in machines or machines[node.instance].state == "terminated"):
        return True
    here = (node.instance, node.address)  # a machine has one identity at a time, and a new one with every join
    return any((other.instance, other.address) == here and other.created > node.created for other in found)


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
    proven = proven_gone(control, watch.sample(), list_machines(context.metadata))
    if node.member:
        _wait_for_guard(context, watch, control, node_id, proven)
    emptied = node.state != "ready" or _empty(context, node_id, timeout)
    if node.member:  # the drain may have lasted longer than the samples are good for
        _wait_for_guard(context, watch, control, node_id, proven)
    take_out(context, node, mine, lambda: watch.refusal(context.store.read()[0], node_id, proven), force=True)
    return {"removed": True, "emptied": emptied}


def take_out(context: Context, node: Node, mine: str, gate: Gate, force: bool = False) -> None:
    """Demote where needed, wait for the role, remove, and free the seat. `gate` has the last word before a demotion."""
    if not node.member:
        _delete(context, node.id, mine, force)
        return
    lease = {"id": os.urandom(8).hex(), "instance": node.instance or "", "node_id": node.id}
    rules.swap(context.store, lambda now: rules.begin_change(now, lease), mine)
    try:
        nodes.barrier(context.engine, mine)
        why = gate()
        if why:
            raise Refused(why, where=node.hostname, code="guard")
        log(f"demote {node.hostname} ({node.id})")
        nodes.change(context.engine, node.id, lambda spec: spec.update(Role="worker"))
        _wait_demoted(context, node.id)
        _delete(context, node.id, mine, force)
    finally:
        rules.swap(context.store, lambda now: rules.end_change(now, lease["id"]), mine)


def _delete(context: Context, node_id: str, mine: str, force: bool) -> None:
    nodes.barrier(context.engine, mine)
    log(f"remove node {node_id}")
    context.engine.delete("nodes", node_id, force="1" if force else None)
    rules.swap(context.store, lambda now: rules.forget(now, node_id), mine)


def _wait_demoted(context: Context, node_id: str) -> None:
    end = context.clock.now() + _ROLE_DEADLINE
    while True:
        node = nodes.find(nodes.read(context.engine), node_id)
        if node is None or (not node.member and node.role == "worker"):
            return
        if context.clock.now() >= end:
            what = "the demotion does not end"
            raise AgentError(what, where=node.hostname, fix="run it again", code="demote_timeout")
        context.clock.sleep(0.5)


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


def _moves(node: Node) -> bool:
    """A promotion or a demotion that has begun and not ended."""
    return node.member != (node.role == "manager") and (node.member or node.state == "ready")
