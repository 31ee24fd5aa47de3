"""What the state machines found in the agent, each as a small story."""

from __future__ import annotations

from pathlib import Path

import pytest

from bootstrap.agent import nodes
from bootstrap.agent.engine_api import EngineError
from bootstrap.agent.health import History
from bootstrap.agent.membership import Membership
from tests.agent.fakes import Cluster


@pytest.fixture
def cluster(tmp_path: Path) -> Cluster:
    one = Cluster(tmp_path, managers=5)
    one.run(90)
    return one


def test_a_hiccup_costs_no_manager_its_seat(cluster: Cluster) -> None:
    """With more managers than are wanted, one that was away for a few seconds stays: only a dead one is cleared."""
    cluster.store.control["managers_target"] = 3
    cluster.hosts["i-04"].engine.linked = False
    cluster.run(6)
    cluster.hosts["i-04"].engine.linked = True
    cluster.run(60)
    assert not [entry for entry in cluster.world.log if entry[0] == "demote"]


def _well(node_id: str, leader: bool = False) -> nodes.Node:
    seat = {"Reachability": "reachable", "Leader": leader}
    return nodes.parse(
        {"ID": node_id, "Spec": {"Role": "manager"}, "Status": {"State": "ready"}, "ManagerStatus": seat}
    )


def test_nobody_was_stable_while_there_was_no_quorum() -> None:
    """A look that failed breaks the window, and the leader that comes after it is a new one."""
    history = History(10)
    for now in range(0, 12, 2):
        history.add(now, [_well("a", leader=True), _well("b")])
    assert history.stable(10) == {"a", "b"}
    history.lapse()
    history.add(11, [_well("a", leader=True), _well("b")])
    assert (history.stable(11), history.leader_age(11)) == (frozenset(), 0)


def test_a_gap_leaves_nobody_stable() -> None:
    """Samples from before a gap count for nothing, however many there are behind it."""
    history = History(10)
    for now in [*range(10), *(16 + step / 10 for step in range(6))]:
        history.add(now, [_well("a", leader=True)])
    assert history.stable(16.5) == frozenset()


def test_refusals_go_on_for_ever(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    """A node that is refused two thousand times still only waits a minute for the next attempt."""
    late = cluster.boot("worker")
    membership = Membership(late.context)
    monkeypatch.setattr(cluster.world, "at", lambda _: None)
    pauses = [membership.turn().pause for _ in range(2000)]
    assert max(pauses) <= 60


def test_watch_forgets_what_it_saw_before_a_failed_look(cluster: Cluster) -> None:
    """The leader's own history breaks when the swarm does not answer it."""
    watch = cluster.leader.agent._watch
    assert watch is not None
    leader = cluster.leader
    assert watch.history.stable(cluster.clock.now())
    leader.engine.linked = False
    with pytest.raises(EngineError):
        watch.sample()
    assert not watch.history.stable(cluster.clock.now())


def test_ghosts_of_managers_do_not_keep_their_seats(tmp_path: Path) -> None:
    """Of four managers two were demoted and never removed, and are gone: their places in the swarm are given to new ones."""
    cluster = Cluster(tmp_path, managers=4)
    cluster.run(90)
    swarm = cluster.world.swarms[cluster.control["swarm_id"]]
    for instance in ("i-03", "i-04"):
        node_id = cluster.hosts[instance].engine.node_id
        swarm.raft.remove(node_id)
        swarm.nodes[node_id]["Spec"]["Role"] = "worker"
        cluster.terminate(instance)
    new = [cluster.boot("manager"), cluster.boot("manager")]
    cluster.run(180)
    assert all(host.joined for host in new)
