"""The upkeep of a running cluster: every node keeps its own membership, and the leader keeps the rest."""

from __future__ import annotations

import re
from functools import partial
from typing import Any, Callable

from . import audit, duties, form, members, nodes
from . import control as rules
from .checkpoint import reach
from .context import Context
from .description import Description
from .duties import Marking
from .errors import HEALS, explain, log
from .join import DONE
from .lease import Breaker
from .membership import Membership, Sight, Turn
from .metadata import list_machines
from .nodes import Node
from .owner import Machines, identify
from .publish import publish
from .pulse import Pulse
from .store import Control
from .vanished import Register
from .watch import Watch

_PERIOD = 15.0
_AGAIN = 900.0  # seconds until the same is said again


class Reconciler:
    """Ticks for ever. A tick that cannot see does nothing; a tick that can does little at a time.

    `reconcile` false in the control object pauses all that the leader does: it publishes, labels, promotes, removes and
    rotates nothing. A node's own membership and a manager's word on its health go on, and so do the verbs.
    """

    def __init__(self, context: Context) -> None:
        self._context = context
        self._membership = Membership(context)
        self._pulse = Pulse(context)
        self._watch: Watch | None = None
        self._due = context.clock.now()
        self._register = Register(context)
        self._description = Description(context)
        self._breaker = Breaker(context)
        self._said: dict[str, float] = {}
        self._tried: dict[str, float] = {}  # node id -> when its membership was changed last, or tried to be

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
        self._do(partial(self._speak, turn))
        if turn.step is None or turn.sight is None or turn.step.action != DONE:
            return turn.pause
        try:
            period = min(_PERIOD, rules.timer(turn.sight.control, "stable") / 2)
            return min(period, self._as_manager(turn.sight, period)) if turn.sight.local.control_available else period
        except HEALS as error:
            self._say(f"nothing is seen: {explain(error)}")
            return _PERIOD / 3

    def _speak(self, turn: Turn) -> None:
        """A manager tells how it is whatever the turn brought: also one that its swarm has thrown out."""
        if self._context.role == "manager":
            if turn.sight is not None:
                control, local, me = turn.sight
                self._pulse.see(me.instance, local, rules.timer(control, "stable"))
            else:  # it cannot see all: what was true of its leader before may be so no more
                self._pulse.looked(self._has_leader())
            self._pulse.beat()

    def _has_leader(self) -> bool:
        """Whether the engine is answered by the leader of a quorum, also where the metadata or a deed of ours fails."""
        try:
            return bool(nodes.read(self._context.engine))
        except HEALS:
            return False

    def _as_manager(self, sight: Sight, period: float) -> float:
        control, mine = sight.control, sight.local.node_id
        if self._watch is None or self._watch.history.window != rules.timer(control, "stable"):
            self._watch = Watch(self._context, control, self._pulse)
        self._watch.control = control
        found = self._watch.sample()
        self._watch.save()
        self._register.look(control, found)
        own = nodes.find(found, mine)
        self._do(partial(self._description.look, own, sight.me.instance))
        if own and own.leader:
            self._as_leader(control, found, mine, period)
        return self._watch.history.pause

    def _as_leader(self, control: Control, found: list[Node], mine: str, period: float) -> None:
        now, new = self._context.clock.now(), any(_is_new(node) for node in found)
        due, paused = now >= self._due, not control.get("reconcile", True)
        if due:
            self._due = now + period * 0.9
            self._do(partial(self._breaker.look, control, mine))
        if paused or self._watch is None or not (due or new):
            return
        machines = list_machines(self._context.metadata)
        found = identify(control, found, machines)
        if due:
            self._lead(control, found, mine, self._watch, machines)
        else:  # whoever boots waits for it
            self._mark_all(control, [node for node in found if _is_new(node)], machines)

    def _lead(self, control: Control, found: list[Node], mine: str, watch: Watch, machines: Machines) -> None:
        self._do(partial(self._publish, control, found, mine, machines))
        self._do(partial(self._register.tell, control, found, mine))
        self._mark_all(control, found, machines)
        self._do(partial(watch.forget_gone, machines))
        if watch.history.leader_age(self._context.clock.now()) >= rules.timer(control, "settle"):
            # not right after a change of the leader, when nodes look worse than they are
            self._do(partial(self._clear, control, found, mine, watch, machines))

    def _mark_all(self, control: Control, found: list[Node], machines: Machines) -> None:
        for marking in duties.markings(control, found, machines):
            self._do(partial(self._mark, marking))

    def _do(self, deed: Callable[[], object]) -> None:
        """One duty: what fails is tried again in the next round, and keeps no other duty from being done."""
        try:
            deed()
        except HEALS as error:
            self._say(f"not done: {explain(error)}")

    def _clear(self, control: Control, found: list[Node], mine: str, watch: Watch, machines: Machines) -> None:
        """One change of the membership in a round: a dead manager, else a lost role, else a ghost."""
        now = self._context.clock.now()
        if self._clear_dead_manager(control, found, mine, watch, machines):
            return
        if duties.demoted(control, found, machines):
            self._promote(mine, machines)
        elif duties.too_many_doubtful(control, found, machines):
            self._say(
                "the swarm and the cloud disagree on so many machines that nothing is reaped: look at the network"
            )
        else:
            for node in self._in_turn(duties.ghosts(control, found, machines, watch.history, now))[:1]:
                members.take_out(self._context, node, mine, lambda: None, duty="reap")

    def _in_turn(self, found: list[Node]) -> list[Node]:
        """Who was tried last comes last, and the first is tried now: one that cannot be changed holds no other up."""
        now, turn = self._context.clock.now(), sorted(found, key=lambda node: self._tried.get(node.id, 0.0))
        self._tried = {key: when for key, when in self._tried.items() if now - when < _AGAIN}
        self._tried.update({node.id: now for node in turn[:1]})
        return turn

    def _promote(self, mine: str, machines: Machines) -> None:
        nodes.barrier(self._context.engine, mine)
        control, _ = self._context.store.read()
        found = identify(control, nodes.read(self._context.engine), machines)
        for node in self._in_turn(duties.demoted(control, found, machines))[:1]:
            log(f"promote {node.hostname} ({node.id}) again")
            reach("reconcile.promote")
            nodes.change(
                self._context.engine, node.id, lambda spec: spec.update(Role="manager"), version=node.version
            )  # not if somebody took it out meanwhile
            audit.record(self._context, "promote", node=node.hostname, detail=node.id)
            reach("reconcile.promoted")

    def _publish(self, control: Control, found: list[Node], mine: str, machines: Machines) -> None:
        swarm = self._context.engine.swarm()
        live = form.live_secrets(self._context, swarm)
        known = duties.is_published(control, found, swarm, live)
        if not known or duties.stale_seats(control, found, machines):
            reach("reconcile.publish")
            publish(self._context, mine, machines)
            reach("reconcile.published")

    def _mark(self, marking: Marking) -> None:
        def edit(spec: dict[str, Any]) -> None:
            seen = (spec.get("Labels") or {}, spec.get("Availability"))
            if seen == (marking.node.labels, marking.node.availability):  # else somebody was faster: look again
                spec["Labels"], spec["Availability"] = marking.labels, marking.availability

        log(f"label {marking.node.hostname}" + ("" if nodes.INSTANCE in marking.node.labels else " (new)"))
        reach("reconcile.mark")
        nodes.change(self._context.engine, marking.node.id, edit)
        reach("reconcile.marked")

    def _clear_dead_manager(
        self, control: Control, found: list[Node], mine: str, watch: Watch, machines: Machines
    ) -> bool:
        """Remove at most one; True when something was removed."""
        proven = members.proven_gone(control, found, machines)
        for node in self._in_turn(duties.dead_managers(found, machines, watch.history)):
            if node.id == mine:
                continue  # the leader: another leads first
            # The rule for dead ones alone: by that for live ones a hiccup would cost a seat wherever there is one to spare.
            gate = partial(watch.refusal, control, node.id, proven, dead_only=True)
            why = gate()
            if why:
                self._say(f"manager {node.hostname} does not answer; it stays because: {why}")
                continue
            # By force, what is sure of itself: with a broken raft log a node looks ready, and would be promoted for ever.
            members.take_out(self._context, node, mine, gate, force=node.id in proven or watch.owns_up(node))
            return True
        return False

    def _say(self, text: str) -> None:
        """Once in a quarter of an hour, whatever its numbers are by then."""
        now, key = self._context.clock.now(), re.sub(r"\b\d+ s\b", "", text)
        self._said = {said: when for said, when in self._said.items() if now - when < _AGAIN}
        if key not in self._said:
            log(text)
            self._said[key] = now


def _is_new(node: Node) -> bool:
    """Ready, and without the label that the leader gives everybody."""
    return node.state == "ready" and nodes.INSTANCE not in node.labels
