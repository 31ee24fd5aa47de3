"""Which machine a node is, also where swarm shows it with the description of another one."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest

from bootstrap.agent import duties, members
from bootstrap.agent.metadata import Machine
from bootstrap.agent.nodes import Node, parse
from bootstrap.agent.owner import identify, is_foreign, machine_of
from bootstrap.agent.status import report
from tests.agent.fake_service import with_service
from tests.agent.fakes import Cluster, Host

WORKER = "i-05"


@pytest.fixture
def formed(tmp_path: Path) -> Cluster:
    cluster = Cluster(tmp_path, managers=3, workers=2)
    cluster.run(60)
    return cluster


def misdescribe(cluster: Cluster, host: Host, other: str = WORKER) -> None:
    """What the engine does when that manager takes the lead while it passes on the other's session."""
    records = cluster.world.swarms[cluster.control["swarm_id"]].nodes
    theirs = records[cluster.hosts[other].engine.node_id]["Description"]
    records[host.engine.node_id]["Description"] = copy.deepcopy(theirs)


def node(node_id: str, address: str, claim: str = "", label: str = "", born: int = 1) -> Node:
    labels = {"bootstrap.instance": label} if label else {}
    described = {"Hostname": claim, "Engine": {"Labels": {"bootstrap.instance": claim}}} if claim else {}
    raw: dict[str, Any] = {"ID": node_id, "Spec": {"Labels": labels}, "Description": described,
                           "Status": {"State": "down", "Addr": address}, "CreatedAt": str(born)}  # fmt: skip
    return parse(raw)


def machines(**addresses: str) -> dict[str, Machine]:
    return {key: Machine(key, f"host-{key}", "worker", "web", "a", to, "running") for key, to in addresses.items()}


def control(**seats: tuple[str | None, str]) -> dict[str, Any]:
    return {"seats": {key: {"node_id": one, "address": to} for key, (one, to) in seats.items()}}


def test_seed_8_a_wiped_manager_gets_its_seat(formed: Cluster) -> None:
    """A leader that swarm shows as a worker costs no seat: the worker gets none, and the wiped manager comes back."""
    leader = formed.leader
    misdescribe(formed, leader)
    formed.run(10)
    assert WORKER not in formed.control["seats"]
    gone = next(name for name in ("i-02", "i-03") if name != leader.instance)
    formed.terminate(gone)
    fresh = formed.boot("manager")
    formed.run(120)
    assert fresh.joined
    assert {*formed.control["seats"]} == {
        one.instance for one in formed.hosts.values() if one.context.role == "manager"
    }
    assert leader.joined
    assert len(formed.world.swarms[formed.control["swarm_id"]].nodes) == 5


def test_seed_8_nobody_is_missed_among_the_managers(formed: Cluster) -> None:
    """The agent that speaks is the manager's own, whatever its entry says; its labels and settings are kept apart."""
    leader = formed.leader
    misdescribe(formed, leader)
    formed.run(20)
    assert leader.agent._watch is not None
    assert leader.agent._watch.ailing == {}
    shown = next(one for one in report(leader.context, "abc")["swarm"]["nodes"] if one["leader"])
    assert (shown["instance"], shown["described_as"], shown["daemon"]) == (leader.instance, WORKER, None)
    assert shown["hostname"] == formed.machines[leader.instance].hostname
    assert shown["labels"]["bootstrap.instance"] == leader.instance


def test_seed_8_the_end_of_the_other_machine_removes_only_its_own_node(formed: Cluster) -> None:
    """The manager that is shown as a worker stays when that worker is terminated, also while it does not answer."""
    follower = next(one for one in formed.hosts.values() if one is not formed.leader and one.context.role == "manager")
    misdescribe(formed, follower)
    formed.terminate(WORKER)
    follower.engine.linked = False
    formed.run(9)
    assert follower.engine.node_id in formed.world.swarms[formed.control["swarm_id"]].raft
    follower.engine.linked = True
    formed.run(120)
    swarm = formed.world.swarms[formed.control["swarm_id"]]
    assert follower.engine.node_id in swarm.raft
    assert len(swarm.nodes) == 4


def test_seed_8_the_engine_tells_itself_anew(formed: Cluster) -> None:
    """What stays wrong for a while is put right by another label of the engine; nothing is restarted, and it is done once."""
    leader = formed.leader
    service = with_service(leader)
    misdescribe(formed, leader)
    formed.run(20)
    assert service.log == []
    formed.run(40)
    assert service.log == ["reload"]
    record = formed.world.swarms[formed.control["swarm_id"]].nodes[leader.engine.node_id]
    assert record["Description"]["Hostname"] == leader.instance
    assert "bootstrap.told=1" in leader.engine.labels
    formed.run(60)
    assert service.log == ["reload"]


def test_seed_8_a_seat_that_another_agent_gave_away_is_taken_back(formed: Cluster) -> None:
    """Two seats with one node: the one of the machine at that address is right, the other is dropped."""
    leader = formed.leader
    wrong = dict(formed.store.control["seats"][leader.instance])
    formed.store.control["seats"] = {WORKER: wrong, **formed.store.control["seats"]}
    formed.run(10)
    assert {*formed.control["seats"]} == {"i-01", "i-02", "i-03"}


def test_one_thing_alone_proves_nothing() -> None:
    """A claim, or a label, of a machine that is gone is no proof where another machine has the node's address."""
    cloud = machines(a="10.0.0.1")
    for one in (node("n1", "10.0.0.1", claim="b"), node("n1", "10.0.0.1", label="b")):
        (known,) = identify(control(), [one], cloud)
        assert members.proven_gone(control(), [known], cloud) == set()
    (known,) = identify(control(), [node("n1", "10.0.0.1", claim="b", label="b")], cloud)
    assert members.proven_gone(control(), [known], cloud) == {"n1"}
    (known,) = identify(control(), [node("n1", "10.0.0.9", claim="b", label="c")], cloud)
    assert (known.instance, known.sure) == (None, False)
    assert members.proven_gone(control(), [known], cloud) == set()


def test_a_seat_that_its_machine_filled_wins() -> None:
    """The node id stands in the seat: no description makes the node another machine's, or its machine a living one."""
    seats = control(a=("n1", "10.0.0.1"))
    (known,) = identify(seats, [node("n1", "10.0.0.1", claim="b", label="a")], machines(a="10.0.0.1", b="10.0.0.2"))
    assert (known.instance, known.hostname, is_foreign(known)) == ("a", "host-a", True)
    cloud = machines(b="10.0.0.2")
    found = identify(seats, [node("n1", "10.0.0.1", claim="b")], cloud)
    assert members.proven_gone(seats, found, cloud) == {"n1"}


def test_what_a_machine_left_behind_when_it_moved_is_gone() -> None:
    """Its old node stays at its old address with the same label; a newer one is where the cloud says that it is."""
    cloud = machines(a="10.0.0.2")
    old, new = node("n1", "10.0.0.1", claim="a", label="a"), node("n2", "10.0.0.2", claim="a", born=2)
    assert members.proven_gone(control(), identify(control(), [old, new], cloud), cloud) == {"n1"}
    assert members.proven_gone(control(), identify(control(), [old, new]), None) == set()
    earlier = node("n2", "10.0.0.2", claim="a", born=0)
    assert members.proven_gone(control(), identify(control(), [old, earlier], cloud), cloud) == set()


def test_a_newer_node_elsewhere_is_no_successor_of_a_manager_that_looks_like_it() -> None:
    """A worker joins anew while a manager is shown as that worker: the manager is not what it left behind."""
    cloud = machines(a="10.0.0.1", b="10.0.0.2")
    found = identify(
        control(), [node("n1", "10.0.0.1", claim="b"), node("n2", "10.0.0.2", claim="b", label="b", born=2)], cloud
    )
    assert members.proven_gone(control(), found, cloud) == set()
    assert machine_of(found[0], cloud) is None


def test_a_ghost_that_was_never_labelled_goes_with_the_next_node_at_its_address() -> None:
    """A machine that was wiped right after it joined has another name now, and the same address."""
    cloud = machines(b="10.0.0.1")
    found = identify(control(), [node("n1", "10.0.0.1", claim="a"), node("n2", "10.0.0.1", claim="b", born=2)], cloud)
    assert members.proven_gone(control(), found, cloud) == {"n1"}


def test_stale_seats_need_the_cloud_to_tell_two_holders_apart() -> None:
    """Without its list both stay: nothing is inferred from silence."""
    seats = control(a=("n1", "10.0.0.1"), b=("n1", "10.0.0.1"))
    found = [node("n1", "10.0.0.1")]
    assert duties.stale_seats(seats, found, None) == {}
    assert duties.stale_seats(seats, found, machines(a="10.0.0.2", b="10.0.0.1")) == {"a": "n1"}
