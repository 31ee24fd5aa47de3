"""The lease of a change of the membership: renewed while its holder works, fenced when nobody knows what became of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bootstrap.agent import configure, members, nodes
from bootstrap.agent import control as rules
from bootstrap.agent.engine_api import EngineError
from bootstrap.agent.errors import AgentError, Refused
from bootstrap.agent.lease import TERM, Breaker, Lease
from tests.agent.fake_service import with_service
from tests.agent.fakes import Cluster, Host


@pytest.fixture
def cluster(tmp_path: Path) -> Cluster:
    one = Cluster(tmp_path, managers=3)
    one.run(60)
    return one


def node_of(host: Host) -> nodes.Node:
    found = nodes.find(nodes.read(host.engine), host.engine.node_id)
    assert found is not None
    return found


def test_a_holder_that_renews_keeps_its_lease(cluster: Cluster) -> None:
    """However long it works; a quarter of a term after its last word at the latest it says that it lives."""
    lease = Lease(cluster.hosts["i-02"].context, "m", "i-02")
    lease.take()
    for _ in range(round(3 * TERM / 10)):
        cluster.run(10)
        lease.renew()
    lease.give_back()
    assert cluster.control["change"] is None
    assert sum("renewed" in (one["change"] or {}) for one in cluster.store.history) <= 3 * 4


def test_a_holder_whose_lease_was_ended_is_told(cluster: Cluster) -> None:
    """It can neither renew it nor go on with it, nor take it again by an answer that was lost."""
    lease = Lease(cluster.hosts["i-02"].context, "m", "i-02")
    lease.take()
    held = cluster.control["change"]
    marked = rules.break_change(cluster.control, held, held["id"])
    for attempt in (rules.must_hold, rules.renew_change):
        with pytest.raises(Refused, match="its lease was ended"):
            attempt(marked, held["id"])
    with pytest.raises(Refused, match="its lease was ended"):
        rules.begin_change(marked, held)
    cluster.run(TERM + 10)
    assert cluster.control["change"] is None
    for deed in (lease.check, lease.renew):
        with pytest.raises(Refused, match="its lease was ended"):
            deed()


def test_what_is_broken_ends_without_another_wait(cluster: Cluster) -> None:
    """A leader that died between its steps is no reason to wait for a whole term again; nor is a whole lease freed."""
    lease = {"id": "x", "instance": "i-02", "node_id": cluster.hosts["i-02"].engine.node_id}
    rules.swap(cluster.store, lambda now: rules.begin_change(now, lease), "test")
    assert rules.end_broken(cluster.control, "x") == cluster.control
    rules.swap(cluster.store, lambda now: rules.break_change(now, lease, "x"), "test")
    before = node_of(cluster.hosts["i-02"]).version
    Breaker(cluster.leader.context).look(cluster.control, cluster.leader.engine.node_id)
    assert cluster.control["change"] is None
    assert node_of(cluster.hosts["i-02"]).version != before


def test_a_lease_that_moved_meanwhile_is_not_broken(cluster: Cluster) -> None:
    """The leader breaks exactly what it watched."""
    lease = {"id": "x", "instance": "i-02", "node_id": ""}
    rules.swap(cluster.store, lambda now: rules.begin_change(now, lease), "test")
    breaker, seen = Breaker(cluster.leader.context), cluster.control
    breaker.look(seen, "m")
    cluster.clock.sleep(TERM)
    rules.swap(cluster.store, lambda now: rules.renew_change(now, "x"), "test")
    breaker.look(seen, "m")
    assert cluster.control["change"] == {**lease, "renewed": 1}


@pytest.mark.parametrize("done", [False, True], ids=["lost", "applied"])
def test_a_demotion_without_an_answer_is_fenced(cluster: Cluster, done: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """It may still come to pass: the lease is freed only behind another write to that node, and without a long wait."""
    leader, aim = cluster.leader, node_of(cluster.hosts["i-03"])
    real = leader.engine.request

    def request(method: str, path: str, body: Any = None, **query: Any) -> Any:
        demotion = method == "POST" and (body or {}).get("Role") == "worker"
        answer = real(method, path, body, **query) if done or not demotion else None
        if demotion:
            raise EngineError("the engine does not answer", kind="down")
        return answer

    with monkeypatch.context() as patch:
        patch.setattr(leader.engine, "request", request)
        with pytest.raises(EngineError):
            members.take_out(leader.context, aim, leader.engine.node_id, lambda: None)
    assert cluster.control["change"]["broken"]
    with pytest.raises(Refused, match="under way"):
        Lease(leader.context, "m", "i-01").take()
    cluster.run(10)
    assert cluster.control["change"] is None
    with pytest.raises(EngineError, match="out of sequence"):
        nodes.change(leader.engine, aim.id, lambda spec: spec.update(Role="worker"), version=aim.version)
    cluster.run(60)
    assert cluster.nodes()["i-03"]["Spec"]["Role"] == "manager"
    assert len(cluster.world.swarms[cluster.control["swarm_id"]].raft) == 3


def test_a_demotion_is_decided_anew_when_the_node_changed(cluster: Cluster) -> None:
    """The guard is asked again for what the node is now, and has the last word."""
    leader, aim = cluster.leader, node_of(cluster.hosts["i-03"])
    answers = ["change", "stop"]

    def gate() -> str | None:
        if answers.pop(0) == "stop":
            return "no"
        nodes.barrier(leader.engine, aim.id)
        return None

    with pytest.raises(Refused, match="no"):
        members.take_out(leader.context, aim, leader.engine.node_id, gate)
    assert answers == []
    assert cluster.control["change"] is None
    assert not [entry for entry in cluster.world.log if entry[0] == "demote"]


def test_a_restart_that_takes_longer_than_a_term_keeps_its_lease(cluster: Cluster) -> None:
    """New settings with which an engine does not come back: nobody else changes the membership before it has its old ones."""
    host = next(one for one in cluster.hosts.values() if one is not cluster.leader)
    service = with_service(host)
    restarts, real = list[dict[str, Any]](), service.restart

    def restart() -> None:
        restarts.append(cluster.control["change"])
        real()
        host.engine.linked = len(restarts) > 1  # with the new settings it finds no other manager

    def meanwhile() -> None:
        cluster.speak()
        if restarts:
            cluster.leader.agent.tick()

    service.restart, cluster.clock.meanwhile = restart, meanwhile  # type: ignore[method-assign]
    with pytest.raises(AgentError, match="did not come back"):
        configure.run(host.context, {"daemon": {"log-driver": "local"}}, 60)
    cluster.clock.meanwhile = lambda: None
    assert [lease["instance"] for lease in restarts] == [host.instance] * 2
    assert not [one for one in cluster.store.history if (one["change"] or {}).get("broken")]
    assert cluster.control["change"] is None
