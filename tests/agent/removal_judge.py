"""The judge of every demotion and removal: what really was, beside what the process that asked could know.

It knows nothing of `guard.py`. A process knows what it saw when it last asked for the nodes; what befell a manager
after that it cannot know, and the engine's own rule is the wall then.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

from tests.agent.fake_swarm import Swarm
from tests.agent.living import LivingCluster
from tests.agent.process import Process

WINDOW = 8.0  # seconds of samples without a lapse that make a manager stable, a little less than the agents ask for
DEAD = 16.0  # likewise, for which a manager must have been away before it is taken out for it
FRESH = 3.0  # seconds in which a word that a manager's agent said is surely known
HEARD = 12.0  # seconds after which a full disk is known to everybody


class Look:
    """What one process saw of the managers: when, who held a seat, and who was not well."""

    def __init__(self, now: float, members: frozenset[str], unwell: frozenset[str], target: int) -> None:
        self.now, self.members, self.unwell, self.target = now, members, unwell, target


class RemovalJudge:
    """Witness of all calls to the engines of a cluster."""

    def __init__(self, cluster: LivingCluster) -> None:
        self._cluster = cluster
        self._looks: dict[Process, deque[Look]] = {}
        self._words: dict[str, tuple[int, float]] = {}  # instance -> the number of its last word, and since when
        self.demoted: dict[str, Process] = {}  # seats that are being given up, and for whom

    def witness(self, process: Process, method: str, path: str, body: Any) -> Callable[[], None] | None:
        """See living.Witness."""
        swarm = process.host.engine.home
        if swarm is None or not path.startswith("/nodes"):
            return None
        if (method, path) == ("GET", "/nodes"):
            self._look(process, swarm)
        elif method == "DELETE":
            self._removes(process, swarm, path.split("/")[2])
        elif method == "POST":
            node_id = path.split("/")[2]
            if body["Role"] == "worker" and node_id in set(swarm.raft) - swarm.demoting:
                return self._demotes(process, swarm, node_id)
        return None

    def _look(self, process: Process, swarm: Swarm) -> None:
        now, members = self._cluster.clock.now(), frozenset(swarm.raft)
        self._listen(now)
        unwell = frozenset(one for one in members if not self._is_well(swarm, one, now) or self._full(one, now))
        looks = self._looks.setdefault(process, deque(maxlen=100))
        looks.append(Look(now, members, unwell, int(self._cluster.control["managers_target"])))

    def _listen(self, now: float) -> None:
        for instance, facts in self._cluster.store.health.items():
            if self._words.get(instance, (0, 0.0))[0] != facts["n"]:
                self._words[instance] = (facts["n"], now)

    def _is_well(self, swarm: Swarm, node_id: str, now: float) -> bool:
        """Whether it is alive as far as anybody can know: swarm shows it, or its agent said so just now."""
        world = self._cluster.world
        if not world.alive(swarm, node_id) or node_id not in world.late:
            return world.alive(swarm, node_id)
        engine = world.engine_of(node_id)
        instance = engine.instance if engine else ""
        led = self._cluster.store.health.get(instance, {}).get("led")
        return bool(led == node_id) and now - self._words[instance][1] <= FRESH

    def _full(self, node_id: str, now: float) -> bool:
        engine = self._cluster.world.engine_of(node_id)
        host = self._cluster.hosts.get(engine.instance) if engine else None
        return host is not None and host.full_since <= now - HEARD

    def _demotes(self, process: Process, swarm: Swarm, node_id: str) -> Callable[[], None]:
        looks = self._looks[process]
        last = looks[-1]
        unwell = frozenset[str]().union(*(one.unwell for one in looks if one.now >= last.now - WINDOW)) & last.members
        rest = last.members - {node_id}
        name = f"{node_id[:4]} of {len(last.members)} by {process.host.instance}"
        assert len(last.members - unwell) >= len(last.members) // 2 + 1, f"{name}: no healthy majority to commit it"
        assert len(rest - unwell) >= len(rest) // 2 + 1, f"{name}: the healthy ones lose the quorum"
        others = {one for one in swarm.demoting if self.demoted.get(one) is not process} - {node_id}
        assert not others, f"{name}: two changes at a time"
        if not self._was_dead(looks, swarm, node_id):
            self._live(process, last, rest, unwell, name)

        def done() -> None:
            self.demoted[node_id] = process
            lease = self._cluster.control["change"] or {}
            assert lease.get("node_id") == node_id, f"{name}: no lease covers it any more"

        return done

    def _live(self, process: Process, last: Look, rest: frozenset[str], unwell: frozenset[str], name: str) -> None:
        assert process is not process.host.process, f"{name}: the upkeep removes a live manager"
        assert not rest & unwell, f"{name}: a live one goes while another is not well"
        assert len(rest) >= last.target, f"{name}: fewer than the {last.target} that are wanted"
        assert len(rest) >= 3 or last.target == 1, f"{name}: two managers survive no loss"

    def _was_dead(self, looks: deque[Look], swarm: Swarm, node_id: str) -> bool:
        """Its machine is gone or has another identity, or it was away in every look for long."""
        engine = self._cluster.world.engine_of(node_id)
        if engine is None or engine.instance not in self._cluster.hosts or engine.home is not swarm:
            return True
        well = [one.now for one in looks if node_id not in one.unwell]
        since = max(well, default=looks[0].now)
        return looks[-1].now - since >= DEAD

    def _removes(self, process: Process, swarm: Swarm, node_id: str) -> None:
        if process is process.host.process and node_id not in self.demoted:
            name = f"{node_id[:4]} by {process.host.instance}"
            assert not self._cluster.world.alive(swarm, node_id), f"{name}: the upkeep removes a live node"
