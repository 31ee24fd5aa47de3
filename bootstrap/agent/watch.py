"""The managers watched over time, and what the guard says of them now."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Set
from typing import Any

from . import control as rules
from . import guard, nodes
from .context import Context, read_file, replace_file
from .errors import HEALS
from .health import History
from .nodes import Node
from .owner import Machines, identify
from .pulse import Pulse, Pulses
from .store import Control


class Watch:
    """Samples of the nodes, and of what the managers say themselves. `pulse`: this agent speaks with every sample."""

    def __init__(self, context: Context, control: Control, pulse: Pulse | None = None) -> None:
        self._context = context
        self._pulse = pulse
        self.control = control  # as it was read last: whose seat a node fills
        self.history = History(rules.timer(control, "stable"))
        self._pulses = Pulses(self.history.pause)
        self._instances: dict[str, str] = {}
        self.ailing: dict[str, str] = {}  # instance -> why it is not well

    def sample(self) -> list[Node]:
        """Look once; the nodes, identified as far as that goes without the cloud. Raises EngineError."""
        if self._pulse is not None:
            self._pulse.beat()
        try:
            found = identify(self.control, nodes.read(self._context.engine))
        except HEALS:
            self.history.lapse()
            self._tell(False)
            raise
        self._tell(True)
        now = self._context.clock.now()
        with contextlib.suppress(*HEALS):  # what was heard before grows old by itself
            self._pulses.hear(now, self._context.store.beats())
        self._instances = {node.id: node.instance or "" for node in found if node.member}
        ailing = {key: self._pulses.ailment(instance, now) for key, instance in self._instances.items()}
        self.ailing = {self._instances[key]: why for key, why in ailing.items() if why}
        back = {key for key, instance in self._instances.items() if self._pulses.has_leader(instance, key, now)}
        self.history.add(now, found, frozenset(key for key, why in ailing.items() if why), back)
        return found

    def _tell(self, answered: bool) -> None:
        if self._pulse is not None:
            self._pulse.looked(answered)

    def view(self, control: Control, found: list[Node], proven: Set[str], besides: str = "") -> guard.View:
        """What the guard needs. `proven` are nodes of which something other than silence says that they are gone."""
        now = self._context.clock.now()
        members = frozenset(node.id for node in found if node.member)
        stable = self.history.stable(now) & members
        target = int(control["managers_target"]) - bool(control.get("surge"))  # the seat of a surge is no wish
        return guard.View(
            members, stable, frozenset(one for one in members - stable if self._is_dead(one, now, control, proven)),
            target, single=target == 1,
            in_flight=any(_moves(node) for node in found if node.id != besides),
            settled=self.history.leader_age(now) >= rules.timer(control, "settle"),
        )  # fmt: skip

    def _is_dead(self, node_id: str, now: float, control: Control, proven: Set[str]) -> bool:
        """Bad for long enough. One that only has no room lives: it could not join anew, and needs no new seat."""
        if node_id in proven:
            return self.history.is_bad(node_id)
        lives = self._pulses.only_lacks_room(self._instances.get(node_id, ""), now)
        long = self.history.bad_for(node_id, now) >= rules.timer(control, "dead")
        return self.history.is_bad(node_id) and long and not lives

    def shows_life(self, control: Control, node: Node) -> bool:
        """True for a manager of which swarm hears one half already: it is coming back.

        It would only lose its role for a moment: a node that is ready is not removed. One whose engine panics over its
        raft log, again and again, is down and reachable for good: what comes back takes no longer than dying.
        """
        if self.owns_up(node):
            return False
        stirs = self.history.stirs_for(node.id, self._context.clock.now())
        return node.state == "ready" or (node.reachability == "reachable" and stirs < rules.timer(control, "dead"))

    def forget_gone(self, machines: Machines) -> None:
        """Take away what machines said that are no more, unless the swarm has them as managers. For the leader."""
        if machines is not None:
            for instance in self._pulses.forget(set(machines) | set(self._instances.values())):
                self._context.store.forget_beat(instance)

    def owns_up(self, node: Node) -> bool:
        """True when the machine itself says that its engine is no manager now, while swarm may show it as ready."""
        return self._pulses.says_it_does_not_serve(node.instance or "", self._context.clock.now())

    def refusal(self, control: Control, node_id: str, proven: Set[str], *, dead_only: bool = False) -> str | None:
        """Look again, and why that manager may not be removed now; None when it may. `dead_only`: not if it lives."""
        self.control = control
        found = self.sample()
        node = nodes.find(found, node_id)
        if dead_only and node and node_id not in proven and self.shows_life(control, node):
            return "it is coming back"
        rule = guard.refuse_dead if dead_only else guard.refuse_removal
        why = rule(self.view(control, found, proven, besides=node_id), node_id)
        ill = [f"{node.hostname}: {self.ailing[node.instance]}" for node in found if node.instance in self.ailing]
        return f"{why} ({'; '.join(ill)})" if why and ill else why

    def save(self) -> None:
        """Tell the verbs of this boot for how long the leader is the same, and who is not well."""
        history = self.history
        seen = {"at": self._context.clock.now(), "pause": history.pause, "leader": history.leader,
                "since": history.leader_since, "ailing": self.ailing}  # fmt: skip
        replace_file(_path(self._context), json.dumps(seen), lasting=False)

    def adopt_leader(self) -> None:
        """Take over what a running reconciler has seen of the leader, if it saw it just now."""
        seen = seen_lately(self._context)
        if seen:
            self.history.leader, self.history.leader_since = str(seen["leader"]), float(seen["since"])


def seen_lately(context: Context) -> dict[str, Any]:
    """What the running reconciler saw last, if that was just now, else {}."""
    try:
        seen = dict(json.loads(read_file(_path(context)) or "{}"))
        return seen if seen and 0 <= context.clock.now() - seen["at"] <= 3 * seen["pause"] else {}
    except HEALS:
        return {}


def _path(context: Context) -> str:
    return os.path.join(context.paths.run, "watch")


def _moves(node: Node) -> bool:
    """A promotion or a demotion that has begun and not ended."""
    return node.member != (node.role == "manager") and (node.member or node.state == "ready")
