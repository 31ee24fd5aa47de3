"""Drain and remove: one at a time, past the guard, safe to repeat."""

from __future__ import annotations

from pathlib import Path

import pytest

from bootstrap.agent import control as rules
from bootstrap.agent import members, nodes
from bootstrap.agent.engine_api import Engine, EngineError
from bootstrap.agent.errors import AgentError, Refused
from bootstrap.agent.health import History
from tests.agent.fakes import Cluster


@pytest.fixture
def cluster(tmp_path: Path) -> Cluster:
    one = Cluster(tmp_path, managers=3, workers=2)
    one.run(90)
    one.clock.meanwhile = one.speak
    return one


def node_id(cluster: Cluster, instance: str) -> str:
    return cluster.hosts[instance].engine.node_id


def test_drain_waits_until_empty(cluster: Cluster) -> None:
    """Drained means that no task runs there any more."""
    swarm, target = cluster.world.swarms[cluster.control["swarm_id"]], node_id(cluster, "i-04")
    swarm.tasks.append({"NodeID": target, "Status": {"State": "running"}})
    with pytest.raises(AgentError) as caught:
        members.drain(cluster.leader.context, target, 5)
    assert caught.value.code == "drain_timeout"
    swarm.tasks[0]["Status"]["State"] = "shutdown"
    members.drain(cluster.leader.context, target, 5, hold=True)
    spec = cluster.nodes()["i-04"]["Spec"]
    assert (spec["Availability"], spec["Labels"]["bootstrap.hold"]) == ("drain", "true")
    nodes.set_availability(cluster.leader.engine, target, "active", hold=False)
    spec = cluster.nodes()["i-04"]["Spec"]
    assert (spec["Availability"], "bootstrap.hold" in spec["Labels"]) == ("active", False)


def test_remove_worker_and_again(cluster: Cluster) -> None:
    """A live worker is drained and removed; removing it again is success; it can read that it was removed."""
    target = node_id(cluster, "i-05")
    context = cluster.leader.context
    assert members.remove(context, target, 60) == {"removed": True, "emptied": True}
    assert members.remove(context, target, 60) == {"removed": False, "emptied": True}
    assert target in cluster.control["removed"]


def test_remove_manager_is_refused_below_the_target(cluster: Cluster) -> None:
    """With three wanted none of three goes, and nothing was changed on the way."""
    with pytest.raises(Refused, match="3 managers are wanted"):
        members.remove(cluster.leader.context, node_id(cluster, "i-02"), 60)
    assert len(cluster.world.swarms[cluster.control["swarm_id"]].raft) == 3
    assert cluster.nodes()["i-02"]["Spec"]["Availability"] == "active"


def test_three_to_one(cluster: Cluster) -> None:
    """With the target lowered first the managers go one by one: demoted, awaited, removed, seat freed."""
    cluster.store.control["managers_target"] = 1
    context = cluster.leader.context
    for instance in ("i-02", "i-03"):
        assert members.remove(context, node_id(cluster, instance), 60)["removed"]
        cluster.say(instance, "terminating")
        cluster.run(30)
    assert set(cluster.control["seats"]) == {"i-01"}
    assert cluster.control["change"] is None
    assert [one["instance"] for one in cluster.control["managers"]] == ["i-01"]


def test_the_leader_itself_may_be_demoted(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    """Then the others have no leader for a moment: nobody tells its role, and it is asked again."""
    cluster.store.control["managers_target"] = 1
    context, asked, read = cluster.leader.context, list[str](), nodes.read

    def electing(engine: Engine) -> list[nodes.Node]:
        if any(deed == "demote" for deed, *_ in cluster.world.log) and not asked:
            asked.append("nobody leads")
            raise EngineError("rpc error: The swarm does not have a leader")
        return read(engine)

    monkeypatch.setattr(nodes, "read", electing)
    assert members.remove(context, node_id(cluster, "i-02"), 60)["removed"]
    assert asked


def test_not_oneself(cluster: Cluster) -> None:
    """A manager is removed by another one."""
    with pytest.raises(Refused, match="cannot remove itself"):
        members.remove(cluster.leader.context, cluster.leader.engine.node_id, 60)


def test_not_while_another_is_sick(cluster: Cluster) -> None:
    """One manager is away: a healthy one stays, the sick one may go."""
    cluster.store.control["managers_target"] = 1
    cluster.hosts["i-03"].engine.up = False
    with pytest.raises(Refused, match="not stable"):
        members.remove(cluster.leader.context, node_id(cluster, "i-02"), 60)
    assert members.remove(cluster.leader.context, node_id(cluster, "i-03"), 60)["removed"]


def test_lease_of_another_is_respected(cluster: Cluster) -> None:
    """While somebody else changes the membership nothing is demoted; a lease that never moves ends."""
    cluster.store.control["managers_target"] = 1
    lease = {"id": "theirs", "instance": "i-03", "node_id": "n"}
    rules.swap(cluster.store, lambda now: rules.begin_change(now, lease), "test")
    with pytest.raises(Refused, match="under way"):
        members.remove(cluster.leader.context, node_id(cluster, "i-02"), 60)
    cluster.run(140)
    assert cluster.control["change"] is None


def test_cut_off_manager_removes_nothing(cluster: Cluster) -> None:
    """Without a quorum the barrier fails before anything is decided."""
    context = cluster.leader.context
    cluster.leader.engine.linked = False
    with pytest.raises(AgentError) as caught:
        members.remove(context, node_id(cluster, "i-05"), 60)
    assert caught.value.code == "engine_no_quorum"


def test_long_drain_of_a_manager(cluster: Cluster) -> None:
    """Tasks that take longer to stop than a sample is good for: the guard looks again, and the removal succeeds."""
    cluster.store.control["managers_target"] = 1
    swarm, target = cluster.world.swarms[cluster.control["swarm_id"]], node_id(cluster, "i-02")
    swarm.tasks.append({"NodeID": target, "Status": {"State": "running"}})
    assert members.remove(cluster.leader.context, target, 100) == {"removed": True, "emptied": False}


def test_guard_begins_anew_after_it_looked_away() -> None:
    """What was bad before a gap in the samples is not dead, nobody is stable, and the leader is new."""
    seen = nodes.parse({"ID": "a", "Spec": {"Role": "manager"}, "Status": {"State": "down"},
                        "ManagerStatus": {"Reachability": "unreachable", "Leader": True}})  # fmt: skip
    history = History(60)
    for now in (0, 10, 20):
        history.add(now, [seen])
    assert (history.bad_for("a", 20), history.leader_age(20)) == (20, 20)
    history.add(400, [seen])
    assert (history.bad_for("a", 400), history.leader_age(400), history.stable(400)) == (0, 0, frozenset())
