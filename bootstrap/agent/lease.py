"""The lease that keeps changes of the membership apart, and the fence against a holder that only froze.

A holder that does not move for long counts as dead. It may be frozen instead, and wake up with a decision that is long
out of date. So the two sides keep an order. Who demotes reads the node's version, then that its lease is whole, then
asks the guard, and posts with that very version. Who ends a foreign lease marks it as broken, then commits a write to
the node that it names, which gives the node another version, and only then frees it. Whatever the holder asks for after
that is refused by the swarm; and what was committed before is there for the next holder's guard to see.

This holds where every agent keeps that order: those of one cluster are of one version, but for the time of an upgrade.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from typing import Any

from . import audit, nodes
from . import control as rules
from .checkpoint import reach
from .context import Context
from .engine_api import EngineError
from .errors import log
from .store import Control

TERM = 120.0  # seconds that a lease may stay as it is before its holder counts as dead
# Refusals after which nothing can come to pass any more. Any other failure may be a change that is still under way.
_CERTAIN = ("out_of_sequence", "quorum_guard", "not_found", "not_manager", "not_in_swarm")


class Lease:
    """One process's right to change the membership. `node_id` is who may be demoted, "" for who restarts an engine.

    A restart cannot be fenced, and need not be: a manager that was frozen did not beat, and is not stable for a window.
    """

    def __init__(self, context: Context, by: str, instance: str, node_id: str = "") -> None:
        self._context, self._by = context, by
        self._id, self._node_id, self._instance = os.urandom(8).hex(), node_id, instance
        self._unsure, self._renewed = False, 0.0

    def take(self) -> None:
        """Raises Refused while somebody else holds it."""
        lease = {"id": self._id, "instance": self._instance, "node_id": self._node_id}
        self._swap(lambda now: rules.begin_change(now, lease))
        self._renewed = self._context.clock.now()

    def check(self) -> None:
        """Raises Refused unless it is still whole."""
        rules.must_hold(self._context.store.read()[0], self._id)

    def renew(self) -> None:
        """Say that its holder lives, every quarter of a term. Raises Refused when it was broken."""
        now = self._context.clock.now()
        if now - self._renewed < TERM / 4:
            self.check()
            return
        self._swap(lambda held: rules.renew_change(held, self._id))
        self._renewed = now

    def demote(self, version: int) -> bool:
        """Demote the node that it names, as it was in that version; False when it is another by now."""
        self._unsure = True
        try:
            nodes.change(self._context.engine, self._node_id, lambda spec: spec.update(Role="worker"), version=version)
        except EngineError as error:
            self._unsure = error.kind not in _CERTAIN
            if error.kind == "out_of_sequence":
                return False
            raise
        self._unsure = False
        return True

    def give_back(self) -> None:
        """Free it; where a demotion got no answer and may still come to pass, the leader fences it first."""
        if self._unsure:
            self._swap(lambda now: rules.break_change(now, now.get("change"), self._id))
        else:
            self._swap(lambda now: rules.end_change(now, self._id))

    def _swap(self, change: rules.Change) -> None:
        rules.swap(self._context.store, change, self._by)


@contextlib.contextmanager
def held(lease: Lease) -> Iterator[Lease]:
    """Take it, and give it back whatever happens."""
    lease.take()
    try:
        yield lease
    finally:
        lease.give_back()


class Breaker:
    """Ends the lease of a holder that does not move any more, or is not sure of what it did. For the leader."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._seen: tuple[Any, float] = (None, 0.0)

    def look(self, control: Control, mine: str) -> None:
        """Look at the lease as it is now; its age is measured on this machine's own clock."""
        lease, now = control.get("change"), self._context.clock.now()
        if lease != self._seen[0]:
            self._seen = (lease, now)
        if lease and (lease.get("broken") or now - self._seen[1] >= TERM):
            self._end(lease, mine)

    def _end(self, lease: dict[str, Any], mine: str) -> None:
        store = self._context.store
        control, _ = rules.swap(store, lambda now: rules.break_change(now, lease, lease["id"]), mine)
        marked = control.get("change") or {}
        if marked.get("id") != lease["id"] or not marked.get("broken"):
            return  # it moved after all
        log(
            f"the lease of {lease['instance']} ends: its holder does not move, or does not know what became of a change"
        )
        reach("lease.broken")
        fence(self._context, lease["node_id"])
        reach("lease.fenced")
        rules.swap(store, lambda now: rules.end_broken(now, lease["id"]), mine)
        audit.record(self._context, "end lease", node=lease["node_id"] or lease["instance"], epoch=control["epoch"])


def fence(context: Context, node_id: str) -> None:
    """Give a node another version, so that no demotion that was decided before is taken any more."""
    try:
        if node_id:
            nodes.barrier(context.engine, node_id)
    except EngineError as error:
        if error.kind != "not_found":
            raise
