"""The upkeep of a running cluster: every node keeps its own membership, and the leader keeps the rest."""

from __future__ import annotations

from functools import partial
from typing import Any

from . import control as rules
from . import duties, form, members, nodes
from .context import Context
from .duties import Machines, Marking
from .errors import HEALS, Unavailable, explain, log
from .join import DONE
from .local import observe
from .membership import Membership
from .nodes import Node
from .store import Control

_PERIOD = 15.0
_STALE_LEASE = 120.0  # seconds that a lease may stay unchanged before its holder counts as dead


class Reconciler:
    """Ticks for ever. A tick that cannot see does nothing; a tick that can does little at a time."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._membership = Membership(context)
        self._watch: members.Watch | None = None
        self._due = context.clock.now()
        self._lease: tuple[Any, float] = (None, 0.0)
        self._said = ""

    def run(self, once: bool = False) -> None:
        """Tick until the process ends."""
        while True:
            pause = self.tick()
            if once:
                return
            self._context.clock.sleep(pause)

    def tick(self) -> float:
        """Membership first, then a sample, then the duties when they are due; seconds until the next tick."""
        turn = self._membership.turn()
        if turn.step is None or turn.step.action != DONE:
            return turn.pause
        try:
            control, _ = self._context.store.read()
            period = min(_PERIOD, rules.timer(control, "stable") / 2)
            if not observe(self._context).control_available:
                return period
            return min(period, self._as_manager(control, period))
        except HEALS as error:
            self._say(f"nothing is changed: {explain(error)}")
            return _PERIOD / 3

    def _as_manager(self, control: Control, period: float) -> float:
        if self._watch is None or self._watch.history.window != rules.timer(control, "stable"):
            self._watch = members.Watch(self._context, control)
        found = self._watch.sample()
        self._watch.save_leader()
        mine = observe(self._context).node_id
        own = nodes.find(found, mine)
        now = self._context.clock.now()
        if own and own.leader and control.get("reconcile", True) and now >= self._due:
            self._due = now + period * 0.9
            self._lead(control, found, mine, self._watch)
        return self._watch.history.pause

    def _lead(self, control: Control, found: list[Node], mine: str, watch: members.Watch) -> None:
        machines = self._machines()
        self._publish(control, found, mine, machines)
        for marking in duties.markings(control, found, machines):
            self._mark(marking)
        self._end_stale_lease(control, mine)
        now = self._context.clock.now()
        if watch.history.leader_age(now) < rules.timer(control, "settle"):
            return  # right after a change of the leader nodes look worse than they are
        if not self._clear_dead_manager(control, found, mine, watch, machines):
            for node in duties.ghosts(control, found, machines, watch.history, now)[:1]:
                log(f"reap {node.hostname} ({node.id})")
                members.take_out(self._context, node, mine, lambda: None)

    def _publish(self, control: Control, found: list[Node], mine: str, machines: Machines) -> None:
        engine, store = self._context.engine, self._context.store
        stale = duties.stale_seats(control, found, machines)
        if duties.is_published(control, found, engine.swarm()) and not stale:
            return
        nodes.barrier(engine, mine)  # a leader that was cut off must not publish what it remembers
        swarm, found = engine.swarm(), nodes.read(engine)
        pointers = form.write_secrets(self._context, swarm, control["secrets"])
        stale = duties.stale_seats(control, found, machines)

        def change(now: Control) -> Control:
            facts = {**duties.facts(now, found, swarm), "secrets": pointers}
            return rules.refresh(rules.drop_seats(now, stale), duties.managers(found), facts)

        rules.swap(store, change, mine)
        log("published " + (", ".join(f"{key} token" for key in pointers) or "the managers"))

    def _mark(self, marking: Marking) -> None:
        def edit(spec: dict[str, Any]) -> None:
            if spec.get("Labels", {}) == marking.node.labels:  # else somebody was faster: look again in the next tick
                spec["Labels"], spec["Availability"] = marking.labels, marking.availability

        log(f"label {marking.node.hostname}" + ("" if nodes.INSTANCE in marking.node.labels else " (new)"))
        nodes.change(self._context.engine, marking.node.id, edit)

    def _clear_dead_manager(
        self, control: Control, found: list[Node], mine: str, watch: members.Watch, machines: Machines
    ) -> bool:
        """Remove at most one; True when something was removed."""
        proven = members.proven_gone(control, found, machines)
        for node in duties.dead_managers(found, machines, watch.history):
            why = watch.refusal(control, node.id, proven)
            if why:
                self._say(f"manager {node.hostname} does not answer; it stays because: {why}")
                continue
            members.take_out(self._context, node, mine, partial(watch.refusal, control, node.id, proven))
            return True
        return False

    def _end_stale_lease(self, control: Control, mine: str) -> None:
        """Whoever held the lease for that long without ending it is dead."""
        lease = (control.get("change") or {}).get("id")
        now = self._context.clock.now()
        if lease != self._lease[0]:
            self._lease = (lease, now)
        if lease and now - self._lease[1] >= _STALE_LEASE:
            rules.swap(self._context.store, lambda held: rules.end_change(held, lease), mine)

    def _machines(self) -> Machines:
        """The cloud's list, or None when it says nothing; a list without this very machine says nothing either."""
        try:
            machines = self._context.metadata.machines()
            return machines if self._context.metadata.identity().instance in machines else None
        except Unavailable:
            return None

    def _say(self, text: str) -> None:
        if text != self._said:
            log(text)
            self._said = text
