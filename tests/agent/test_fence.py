"""Who freezes with a decision and wakes up when others have gone on: every interleaving of the two, over the real code."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from bootstrap.agent import control as rules
from bootstrap.agent import lease as leases
from bootstrap.agent import members, nodes
from bootstrap.agent.context import Context
from bootstrap.agent.lease import TERM, Breaker
from tests.agent.fake_swarm import Swarm, copy_of
from tests.agent.living import LivingCluster
from tests.agent.process import HOLD, Process

FROZEN, BREAKER, NEXT = "i-02", "i-01", "i-03"  # who holds the lease, who leads, who changes the membership after it
ITS_AIM, NEXT_AIM = "i-04", "i-05"


class Scene:
    """Five managers. One demotes another; the leader takes it for dead meanwhile, and somebody demotes a second one."""

    def __init__(self, cluster: LivingCluster) -> None:
        self.cluster, swarm = cluster, cluster.published
        assert swarm is not None
        self.swarm: Swarm = swarm
        self._before = copy_of([swarm.nodes, swarm.raft, cluster.store.control])
        self.uncovered: list[str] = []
        cluster.witness = self._witness

    def begin(self) -> None:
        """As it was at first."""
        self.swarm.nodes, self.swarm.raft, self.cluster.store.control = copy_of(self._before)
        self.swarm.demoting.clear()
        self.uncovered.clear()
        del self.cluster.store.history[1:]

    def id_of(self, instance: str) -> str:
        return self.cluster.hosts[instance].engine.node_id

    def _witness(self, process: Process, method: str, path: str, body: Any) -> Callable[[], None] | None:
        if method != "POST" or body.get("Role") != "worker" or path.split("/")[2] in self.swarm.demoting:
            return None
        return lambda: self._demoted(process, path.split("/")[2])

    def _demoted(self, process: Process, node_id: str) -> None:
        """A demotion was taken: the lease that stands then must be for it."""
        if node_id in self.swarm.demoting and (self.cluster.control["change"] or {}).get("node_id") != node_id:
            self.uncovered.append(process.host.instance)

    def demotes(self, by: str, aim: str) -> Callable[[Context], None]:
        """Take a manager out whom the guard lets go unless another is on its way."""

        def gate(context: Context) -> str | None:
            found = nodes.read(context.engine)
            moving = [one for one in found if one.member and one.role == "worker" and one.id != self.id_of(aim)]
            return "another change is under way" if moving else None

        def verb(context: Context) -> None:
            node = nodes.find(nodes.read(context.engine), self.id_of(aim))
            if node is not None and node.member:
                members.take_out(context, node, self.id_of(by), lambda: gate(context), force=True)

        return verb

    def breaks(self, context: Context) -> None:
        """The leader sees the same lease for too long; then the next one changes the membership."""
        breaker, control = Breaker(context), context.store.read()[0]
        breaker.look(control, self.id_of(BREAKER))
        breaker._seen = (breaker._seen[0], context.clock.now() - TERM)
        breaker.look(control, self.id_of(BREAKER))
        self.demotes(NEXT, NEXT_AIM)(context)


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    cluster = LivingCluster(tmp_path, 5)
    assert not cluster.healed(60)
    try:
        yield Scene(cluster)
    finally:
        cluster.end()


def schedules() -> Iterator[tuple[int, int, int]]:
    """(calls of the holder, calls of the leader, calls of the holder) before the leader's end and the holder's."""
    return itertools.product(range(1, 15), range(16), range(6))


def play(scene: Scene, first: int, second: int, third: int) -> None:
    """The holder is frozen after so many calls, the leader after so many of its own, and both go on in turns."""
    scene.begin()
    holder = scene.cluster.hosts[FROZEN].begin(scene.demotes(FROZEN, ITS_AIM), 2 * first)
    leader = scene.cluster.hosts[BREAKER].begin(scene.breaks, 2 * second)
    holder.resume((2 * third, HOLD))
    for one in (leader, holder, leader, holder):
        while one.busy:
            one.resume()
            if one.sleeps_until:  # it waits for a role, and the other may go on
                break
    for one in (holder, leader):
        one.kill()


def test_no_interleaving_lets_a_late_demotion_through(scene: Scene) -> None:
    """Frozen anywhere, and with the leader frozen anywhere in breaking its lease: no demotion without a lease for it."""
    wrong = []
    fenced = broken = 0
    for schedule in schedules():
        play(scene, *schedule)
        wrong += [(schedule, who) for who in scene.uncovered]
        history = scene.cluster.store.history
        broken += any((one["change"] or {}).get("broken") for one in history)
        fenced += len(scene.swarm.raft) == 4
    assert wrong == []
    assert broken > 100, "the sweep has to break leases"
    assert fenced > 100, "and to refuse late demotions"


def no_bump(patch: pytest.MonkeyPatch) -> None:
    """The leader frees a foreign lease and writes nothing to the node."""
    patch.setattr(leases, "fence", lambda context, node_id: None)


def no_mark(patch: pytest.MonkeyPatch) -> None:
    """The holder does not see that its lease is being broken."""
    patch.setattr(rules, "must_hold", lambda control, lease_id: control.get("change") or {})


def fresh_version(patch: pytest.MonkeyPatch) -> None:
    """The version is read behind the guard, as it was before there was a fence."""
    real = nodes.change
    patch.setattr(nodes, "change", lambda engine, node_id, edit, version=None: real(engine, node_id, edit))


@pytest.mark.parametrize("mutant", [no_bump, no_mark, fresh_version], ids=lambda one: str(one.__name__))
def test_each_part_of_the_fence_is_needed(
    scene: Scene, mutant: Callable[[pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A test of the test: without any one of the three steps, some interleaving lets a late demotion through."""
    mutant(monkeypatch)
    order = list(schedules())
    random.Random(1).shuffle(order)

    def caught(schedule: tuple[int, int, int]) -> bool:
        play(scene, *schedule)
        return bool(scene.uncovered)

    assert any(caught(one) for one in order)
