"""A manager that is back is not taken for dead because swarm is slow to show it: else it loses its role for a moment."""

from __future__ import annotations

from pathlib import Path

import pytest

from bootstrap.agent.health import History
from tests.agent.fakes import Cluster
from tests.agent.test_found_by_machines import _well

BACK = "i-03"


@pytest.fixture
def cluster(tmp_path: Path) -> Cluster:
    one = Cluster(tmp_path, managers=5)
    one.run(60)
    return one


def changes(cluster: Cluster) -> list[tuple[str, ...]]:
    return [entry for entry in cluster.world.log if entry[0] in ("demote", "promote", "rm")]


@pytest.mark.parametrize("view", ["grey", "late"])
def test_a_manager_that_is_back_keeps_its_role(cluster: Cluster, view: str) -> None:
    """Away for long, and now its raft node answers, or it has a leader itself: swarm shows it as down for a while yet."""
    cluster.hosts[BACK].engine.linked = False
    cluster.run(18)
    getattr(cluster.world, view).add(cluster.hosts[BACK].engine.node_id)
    cluster.hosts[BACK].engine.linked = True
    cluster.run(15)
    getattr(cluster.world, view).clear()
    cluster.run(60)
    assert changes(cluster) == []


def test_a_manager_that_looks_ready_is_not_demoted_for_nothing(cluster: Cluster) -> None:
    """Swarm removes no node that is ready, so it would only be promoted again, for ever."""
    engine = cluster.hosts[BACK].engine
    cluster.world.lingering.add(engine.node_id)
    engine.linked = False
    cluster.run(120)
    assert changes(cluster) == []


@pytest.mark.parametrize("off", [False, True], ids=["cut", "off"])
def test_a_manager_that_stays_away_is_cleared(cluster: Cluster, off: bool) -> None:
    """Nothing that shows life keeps the seat of one that has no leader, although its agent goes on."""
    node_id = cluster.hosts[BACK].engine.node_id
    cluster.hosts[BACK].engine.linked, cluster.hosts[BACK].engine.up = False, not off
    cluster.run(60)
    assert changes(cluster) == [("demote", node_id), ("rm", node_id)]


def test_a_manager_whose_engine_panics_is_cleared(cluster: Cluster) -> None:
    """Its raft port answers for moments, and its agent lives, but says of no leader what was true before."""
    node_id = cluster.hosts[BACK].engine.node_id
    cluster.world.panicking.add(node_id)
    cluster.run(90)
    assert changes(cluster) == [("demote", node_id), ("rm", node_id)]


def test_the_first_look_is_the_first_however_young_the_clock_is() -> None:
    """What another process saw of the leader does not outlive it: also on a machine that came up a moment ago."""
    for started in (1.0, 1e6):
        history = History(60)
        history.leader, history.leader_since = "a", started - 1
        history.add(started, [_well("a", leader=True)])
        assert history.leader_age(started) == 0


def test_a_manager_without_metadata_still_says_that_it_has_a_leader(cluster: Cluster) -> None:
    """It cannot see all that a step needs; its engine is answered all the same, and swarm is slow to show it."""
    host = cluster.hosts[BACK]
    host.metadata.down = True
    cluster.world.grey.add(host.engine.node_id)
    cluster.run(90)
    assert changes(cluster) == []


def test_what_was_bad_before_nobody_looked_is_not_dead() -> None:
    """A time without answers counts as one without looks, however often it was asked: nobody was seen dead in it."""
    gone = _well("b")._replace(state="down", reachability="unreachable")
    history = History(10)
    for now in range(4):
        history.add(now, [_well("a", leader=True), gone])
    for _ in range(30):
        history.lapse()
    history.add(60, [_well("a", leader=True), gone])
    assert history.bad_for("b", 60) == 0
