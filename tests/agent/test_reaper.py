"""What is reaped, and all that is not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bootstrap.agent import control as rules
from bootstrap.agent import nodes
from bootstrap.agent.engine_api import EngineError
from bootstrap.agent.metadata import MetadataUnavailable, list_machines
from tests.agent.fake_engine import FakeEngine
from tests.agent.fakes import Cluster


@pytest.fixture
def formed(tmp_path: Path) -> Cluster:
    cluster = Cluster(tmp_path, managers=3, workers=2)
    cluster.run(60)
    return cluster


def test_ghost_worker_is_reaped(formed: Cluster) -> None:
    """A worker whose instance is terminated is removed after `dead`."""
    formed.terminate("i-05")
    formed.run(60)
    assert "i-05" not in formed.nodes()


def test_silence_of_the_cloud_is_no_absence(formed: Cluster) -> None:
    """A Down worker stays as long as the cloud does not say that it is gone."""
    formed.terminate("i-05")
    for host in formed.hosts.values():
        host.metadata.machines = _silent  # type: ignore[method-assign]
    formed.run(120)
    assert "i-05" in formed.nodes()


def _silent() -> Any:
    raise MetadataUnavailable("HTTP 500")


def test_running_worker_that_is_down_stays(formed: Cluster) -> None:
    """Down alone never removes a node."""
    formed.hosts["i-05"].engine.up = False
    formed.run(300)
    assert "i-05" in formed.nodes()


def _of_five(tmp_path: Path) -> Cluster:
    cluster = Cluster(tmp_path, managers=1, workers=4)
    cluster.run(60)
    return cluster


def test_many_dead_stop_the_reaper(tmp_path: Path) -> None:
    """When more than 40 % of the machines are Down and the cloud says that they run, no ghost is reaped."""
    cluster = _of_five(tmp_path)
    for instance in ("i-02", "i-03", "i-04"):
        cluster.hosts[instance].engine.up = False
    cluster.terminate("i-05")
    cluster.run(120)
    assert len(cluster.nodes()) == 5


def test_a_list_without_those_that_are_up_stops_the_reaper(tmp_path: Path) -> None:
    """A cloud that does not name machines that are well is not believed when it says that another is gone."""
    cluster = _of_five(tmp_path)
    for instance in ("i-02", "i-03", "i-04"):
        cluster.say(instance, "terminated")
    cluster.terminate("i-05")
    cluster.run(120)
    assert len(cluster.nodes()) == 5


def test_a_night_in_which_most_machines_end(tmp_path: Path) -> None:
    """Where swarm and cloud agree that four of five machines are gone, all four are reaped."""
    cluster = _of_five(tmp_path)
    for instance in ("i-02", "i-03", "i-04", "i-05"):
        cluster.terminate(instance)
    cluster.run(120)
    assert list(cluster.nodes()) == ["i-01"]


def test_stopped_workers_hold_back_no_seat(tmp_path: Path) -> None:
    """Machines that are switched off by the cloud's own word are no contradiction: a half-removed manager's seat is freed."""
    cluster = Cluster(tmp_path, managers=3, workers=4)
    cluster.run(60)
    for instance in ("i-04", "i-05", "i-06"):
        cluster.hosts[instance].engine.up = False
        cluster.say(instance, "stopped")
    _demote_by_hand(cluster, "i-03")
    cluster.terminate("i-03")
    new = cluster.boot("manager")
    cluster.run(120)
    assert new.joined
    assert {"i-04", "i-05", "i-06"} <= set(cluster.nodes())


def _demote_by_hand(cluster: Cluster, instance: str) -> str:
    swarm, node_id = cluster.world.swarms[cluster.control["swarm_id"]], cluster.hosts[instance].engine.node_id
    swarm.raft.remove(node_id)
    swarm.nodes[node_id]["Spec"]["Role"] = "worker"
    return node_id


def test_a_demoted_manager_that_is_held_by_hand_stays(formed: Cluster) -> None:
    """Who demoted and drained it wants it so: while it is down it is not removed, to come back as an active manager."""
    node_id = _demote_by_hand(formed, "i-03")
    nodes.set_availability(formed.leader.engine, node_id, "drain", hold=True)
    formed.hosts["i-03"].engine.up = False
    formed.run(120)
    formed.hosts["i-03"].engine.up = True
    formed.run(60)
    found = formed.nodes()["i-03"]
    assert (found["ID"], found["Spec"]["Availability"], found["Spec"]["Role"]) == (node_id, "drain", "worker")


def test_a_demoted_manager_is_not_reaped_while_the_cloud_is_silent(formed: Cluster) -> None:
    """Its machine may be well: without the cloud's word it is left alone."""
    node_id = _demote_by_hand(formed, "i-03")
    formed.hosts["i-03"].engine.up = False
    for host in formed.hosts.values():
        host.metadata.machines = _silent  # type: ignore[method-assign]
    formed.run(120)
    assert node_id in formed.world.swarms[formed.control["swarm_id"]].nodes


def test_one_that_cannot_be_removed_holds_no_other_up(formed: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    """The engine refuses to remove the first of two ghosts, every time: the other one goes."""
    refused, delete = formed.hosts["i-04"].engine.node_id, FakeEngine.delete

    def picky(engine: FakeEngine, kind: str, name: str, **query: Any) -> None:
        if name == refused:
            raise EngineError("rpc error: message larger than max")
        delete(engine, kind, name, **query)

    monkeypatch.setattr(FakeEngine, "delete", picky)
    formed.terminate("i-04")
    formed.terminate("i-05")
    formed.run(180)
    assert set(formed.nodes()) == {"i-01", "i-02", "i-03", "i-04"}


def test_a_manager_that_the_list_lacks_keeps_its_word(formed: Cluster) -> None:
    """What a live manager says of its health is not taken away because the cloud forgot it: another's seat is cleared."""
    formed.run(30)
    formed.terminate("i-03")
    new = formed.boot("manager")
    for host in formed.hosts.values():
        host.metadata.machines = _without(host.metadata.machines, "i-02")  # type: ignore[method-assign]
    formed.run(180)
    assert new.joined


def _without(machines: Any, instance: str) -> Any:
    return lambda: {key: value for key, value in machines().items() if key != instance}


def test_removed_node_joins_anew(formed: Cluster) -> None:
    """A worker that was thawed after its removal reads so in the control object, and joins again."""
    engine = formed.hosts["i-05"].engine
    old = engine.node_id
    swarm = formed.world.swarms[formed.control["swarm_id"]]
    del swarm.nodes[old]
    rules.swap(formed.store, lambda now: rules.forget(now, old), "test")
    formed.run(30)
    assert engine.node_id not in ("", old)
    assert formed.nodes()["i-05"]["Spec"]["Availability"] == "active"


def test_ghosts_of_one_machine_do_not_stop_the_reaper(formed: Cluster) -> None:
    """A manager that cannot be dialled leaves a record with every try: they are cleared in the end."""
    formed.store.control["managers_target"] = 4
    extra = formed.boot("manager")
    extra.engine.dials_back = False
    formed.run(12)
    records = formed.world.swarms[formed.control["swarm_id"]].nodes
    assert len(records) > 10
    extra.engine.dials_back = True
    formed.run(150)
    assert extra.joined
    assert len(records) == 6


def test_a_claim_to_be_another_machine_removes_nobody(formed: Cluster) -> None:
    """A newer record with another machine's name but its own address proves nothing: the Down worker stays."""
    formed.hosts["i-05"].engine.up = False
    liar = formed.boot("worker")
    liar.engine.instance = "i-05"
    formed.run(200)
    assert "i-05" in formed.nodes()
    old = [
        one
        for one in formed.world.swarms[formed.control["swarm_id"]].nodes.values()
        if one["Status"]["Addr"] == "10.91.0.5"
    ]
    assert len(old) == 1


def test_empty_list_of_machines_is_no_absence(formed: Cluster) -> None:
    """A list without the asking machine itself says nothing, to the reaper as to `remove`."""
    formed.hosts["i-05"].engine.up = False
    formed.hosts["i-03"].engine.up = False
    for host in formed.hosts.values():
        host.metadata.machines = dict  # type: ignore[method-assign]
        assert list_machines(host.metadata) is None
    formed.run(15)
    assert len(formed.world.swarms[formed.control["swarm_id"]].raft) == 3
    formed.run(120)
    assert "i-05" in formed.nodes()
