"""The upkeep of a running cluster: every node keeps its own membership, and the leader keeps the rest."""

from __future__ import annotations

from functools import partial
from typing import Any, Callable

from . import control as rules
from . import duties, form, members, nodes
from .context import Context
from .duties import Machines, Marking
from .errors import HEALS, explain, log
from .join import DONE
from .membership import Membership
from .metadata import list_machines
from .nodes import Node
from .store import Control

_PERIOD = 15.0
_AGAIN = 900.0  # seconds until the same is said again
_STALE_LEASE = 120.0  # seconds that a lease may stay unchanged before its holder counts as dead


class Reconciler:
    """Ticks for ever. A tick that cannot see does nothing; a tick that can does little at a time."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._membership = Membership(context)
        self._watch: members.Watch | None = None
        self._due = context.clock.now()
        self._lease: tuple[Any, float] = (None, 0.0)
        self._said: dict[str, float] = {}

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
        if turn.step is None or turn.sight is None or turn.step.action != DONE:
            return turn.pause
        try:
            control, local, _ = turn.sight
            period = min(_PERIOD, rules.timer(control, "stable") / 2)
            return min(period, self._as_manager(control, period, local.node_id)) if local.control_available else period
        except HEALS as error:
            self._say(f"nothing is seen: {explain(error)}")
            return _PERIOD / 3

    def _as_manager(self, control: Control, period: float, mine: str) -> float:
        if self._watch is None or self._watch.history.window != rules.timer(control, "stable"):
            self._watch = members.Watch(self._context, control)
        found = self._watch.sample()
        self._watch.save_leader()
        own = nodes.find(found, mine)
        now = self._context.clock.now()
        if own and own.leader and control.get("reconcile", True) and now >= self._due:
            self._due = now + period * 0.9
            self._lead(control, found, mine, self._watch)
        return self._watch.history.pause

    def _lead(self, control: Control, found: list[Node], mine: str, watch: members.Watch) -> None:
        machines = list_machines(self._context.metadata)
        self._do(partial(self._publish, control, found, mine, machines))
        for marking in duties.markings(control, found, machines):
            self._do(partial(self._mark, marking))
        self._do(partial(self._end_stale_lease, control, mine))
        if watch.history.leader_age(self._context.clock.now()) >= rules.timer(control, "settle"):
            # not right after a change of the leader, when nodes look worse than they are
            self._do(partial(self._clear, control, found, mine, watch, machines))

    def _do(self, deed: Callable[[], object]) -> None:
        """One duty: what fails is tried again in the next round, and keeps no other duty from being done."""
        try:
            deed()
        except HEALS as error:
            self._say(f"not done: {explain(error)}")

    def _clear(self, control: Control, found: list[Node], mine: str, watch: members.Watch, machines: Machines) -> None:
        """One change of the membership in a round: a dead manager, else a lost role, else a ghost."""
        if self._clear_dead_manager(control, found, mine, watch, machines):
            return
        if duties.demoted(control, found, machines):
            self._promote(mine, machines)
        elif duties.too_many_dead(found):
            self._say("so many machines look dead that nothing is reaped: look at the network first")
        else:
            for node in duties.ghosts(control, found, machines, watch.history, self._context.clock.now())[:1]:
                log(f"reap {node.hostname} ({node.id})")
                members.take_out(self._context, node, mine, lambda: None)

    def _promote(self, mine: str, machines: Machines) -> None:
        nodes.barrier(self._context.engine, mine)
        found = nodes.read(self._context.engine)
        for node in duties.demoted(self._context.store.read()[0], found, machines)[:1]:
            log(f"promote {node.hostname} ({node.id}) again")
            nodes.change(self._context.engine, node.id, lambda spec: spec.update(Role="manager"))

    def _publish(self, control: Control, found: list[Node], mine: str, machines: Machines) -> None:
        engine, store = self._context.engine, self._context.store
        stale = duties.stale_seats(control, found, machines)
        swarm = engine.swarm()
        live = form.live_secrets(self._context, swarm)
        if duties.is_published(control, found, swarm, live) and not stale:
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
            seen = (spec.get("Labels") or {}, spec.get("Availability"))
            if seen == (marking.node.labels, marking.node.availability):  # else somebody was faster: look again
                spec["Labels"], spec["Availability"] = marking.labels, marking.availability

        log(f"label {marking.node.hostname}" + ("" if nodes.INSTANCE in marking.node.labels else " (new)"))
        nodes.change(self._context.engine, marking.node.id, edit)

    def _clear_dead_manager(
        self, control: Control, found: list[Node], mine: str, watch: members.Watch, machines: Machines
    ) -> bool:
        """Remove at most one; True when something was removed."""
        proven = members.proven_gone(control, found, machines)
        for node in duties.dead_managers(found, machines, watch.history):
            if node.id == mine:
                continue  # the leader: another leads first
            why = watch.refusal(control, node.id, proven)
            if why:
                self._say(f"manager {node.hostname} does not answer; it stays because: {why}")
                continue
            gate = partial(
                watch.refusal, control, node.id, proven
            )  # one that is proven gone may look Ready for 15 s yet
            members.take_out(self._context, node, mine, gate, force=node.id in proven)
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

    def _say(self, text: str) -> None:
        """Once in a quarter of an hour."""
        now = self._context.clock.now()
        self._said = {said: when for said, when in self._said.items() if now - when < _AGAIN}
        if text not in self._said:
            log(text)
            self._said[text] = now
