"""The real agents on fake engines: forming, joining, labelling, publishing, clearing what is dead."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bootstrap.agent import control as rules
from bootstrap.agent import nodes
from bootstrap.agent.local import fingerprint
from tests.agent.fakes import Cluster


@pytest.fixture
def cluster(tmp_path: Path) -> Cluster:
    return Cluster(tmp_path, managers=3, workers=2)


@pytest.fixture
def formed(cluster: Cluster) -> Cluster:
    cluster.run(60)
    return cluster


def members(cluster: Cluster) -> list[str]:
    return cluster.world.swarms[cluster.control["swarm_id"]].raft


def ready(node: dict[str, Any]) -> bool:
    return bool(node["Status"]["State"] == "ready")


def test_machines_become_one_swarm(formed: Cluster) -> None:
    """Three managers and two workers that boot together end in the one published swarm."""
    assert {host.engine.home.id for host in formed.hosts.values() if host.engine.home} == {formed.control["swarm_id"]}
    assert all(host.joined for host in formed.hosts.values())
    assert len(members(formed)) == 3
    assert [entry for entry in formed.world.log if entry[0] == "init"] == [("init", "i-01")]
    assert len(formed.control["managers"]) == 3
    assert formed.control["established"]


def test_swarm_is_made_as_asked(formed: Cluster) -> None:
    """The whole spec of the configuration is in the swarm."""
    swarm = formed.world.swarms[formed.control["swarm_id"]]
    assert (swarm.pool, swarm.subnet_size, swarm.port) == (["10.200.0.0/16"], 24, 4789)
    assert swarm.spec["CAConfig"]["NodeCertExpiry"] == 360000 * 10**9


def test_newcomers_are_labelled_and_activated(formed: Cluster) -> None:
    """A worker joins drained; the leader gives it the cloud's labels, those of its pool, and work."""
    node = formed.nodes()["i-04"]["Spec"]
    assert node["Availability"] == "active"
    assert node["Labels"] == {
        "bootstrap.instance": "i-04", "bootstrap.pool": "web", "bootstrap.zone": "a", "tier": "web",
        "bootstrap.pool-labels": "tier", "bootstrap.availability": "active",
    }  # fmt: skip


def test_pool_labels_follow_the_control_object(formed: Cluster) -> None:
    """A label taken out of the pool leaves the nodes; one set by hand stays."""
    swarm = formed.world.swarms[formed.control["swarm_id"]]
    node = swarm.nodes[formed.hosts["i-04"].engine.node_id]
    node["Spec"]["Labels"]["mine"] = "1"
    formed.store.control["pools"]["web"]["labels"] = {"disk": "ssd"}
    formed.run(20)
    labels = formed.nodes()["i-04"]["Spec"]["Labels"]
    assert "tier" not in labels
    assert labels["disk"] == "ssd"
    assert labels["mine"] == "1"


def test_a_pool_s_new_availability_reaches_its_nodes(formed: Cluster) -> None:
    """What the file says now is set once on every node of the pool that nobody holds, managers included."""
    formed.store.control["pools"]["web"]["availability"] = "pause"
    formed.store.control["pools"]["managers"]["availability"] = "drain"
    formed.run(20)
    found = {name: node["Spec"]["Availability"] for name, node in formed.nodes().items()}
    assert {found["i-04"], found["i-05"]} == {"pause"}
    assert {found["i-01"], found["i-02"], found["i-03"]} == {"drain"}


def test_what_is_taken_back_into_service_gets_its_pool_s_availability(formed: Cluster) -> None:
    """`activate` ends the hold of a drain by hand; the leader then sets what the pool wishes."""
    node = formed.hosts["i-04"].engine.node_id
    nodes.set_availability(formed.leader.engine, node, "drain", hold=True)
    formed.store.control["pools"]["web"]["availability"] = "pause"
    formed.run(20)
    assert formed.nodes()["i-04"]["Spec"]["Availability"] == "drain"
    nodes.set_availability(formed.leader.engine, node, "active", hold=False)
    formed.run(20)
    assert formed.nodes()["i-04"]["Spec"]["Availability"] == "pause"
    assert "bootstrap.hold" not in formed.nodes()["i-04"]["Spec"]["Labels"]


@pytest.mark.parametrize("labels", [{}, {"bootstrap.hold": "true"}])
def test_drain_by_hand_stays(formed: Cluster, labels: dict[str, str]) -> None:
    """A node that was once activated and then drained by hand is held: the leader marks it and never activates it."""
    swarm = formed.world.swarms[formed.control["swarm_id"]]
    spec = swarm.nodes[formed.hosts["i-04"].engine.node_id]["Spec"]
    spec["Availability"] = "drain"
    spec["Labels"].update(labels)
    formed.run(40)
    assert formed.nodes()["i-04"]["Spec"]["Availability"] == "drain"
    assert "bootstrap.hold" in formed.nodes()["i-04"]["Spec"]["Labels"]


def test_label_needs_the_address_too(cluster: Cluster) -> None:
    """A node that claims another machine's instance gets no label and no work."""
    cluster.hosts["i-05"].engine.instance = "i-04"
    cluster.run(60)
    swarm = cluster.world.swarms[cluster.control["swarm_id"]]
    liar = swarm.nodes[cluster.hosts["i-05"].engine.node_id]
    assert liar["Spec"] == {"Role": "worker", "Availability": "drain", "Labels": {}}


def test_rotated_token_is_published(formed: Cluster) -> None:
    """Whoever rotates a token: the store has the live one within a period."""
    swarm = formed.world.swarms[formed.control["swarm_id"]]
    swarm.tokens["Worker"] = formed.world.token()
    formed.run(10)
    pointer = formed.control["secrets"]["worker"]
    assert pointer["fp"] == fingerprint(swarm.tokens["Worker"])
    assert formed.store.read_secret("worker", "join-token", pointer["version"]) == swarm.tokens["Worker"]


def test_ca_rotation_wipes_nobody(formed: Cluster) -> None:
    """When CA and tokens change, the new digest is published and every node stays what it is."""
    swarm = formed.world.swarms[formed.control["swarm_id"]]
    before = {host.engine.node_id for host in formed.hosts.values()}
    swarm.pem = formed.world.pem()
    swarm.tokens = {"Worker": formed.world.token(), "Manager": formed.world.token()}
    for host in formed.hosts.values():
        host.engine.trust(swarm.pem)
    old = formed.control["ca_digest"]
    formed.run(30)
    assert formed.control["ca_digest"] != old
    assert {host.engine.node_id for host in formed.hosts.values()} == before


def test_dead_manager_is_replaced(formed: Cluster) -> None:
    """A terminated manager leaves raft under the guard, and the replacement gets its seat only then."""
    formed.terminate("i-02")
    formed.boot("manager")
    formed.run(60)
    assert len(members(formed)) == 3
    assert formed.hosts["i-06"].joined
    kinds = [entry[0] for entry in formed.world.log if entry[0] in ("demote", "rm", "join")]
    assert kinds[-3:] == ["demote", "rm", "join"]
    assert set(formed.control["seats"]) == {"i-01", "i-03", "i-06"}


def test_manager_that_reboots_keeps_its_seat(formed: Cluster) -> None:
    """A manager that is away for less than `dead` is not touched."""
    formed.hosts["i-02"].engine.up = False
    formed.run(15)
    formed.hosts["i-02"].engine.up = True
    formed.run(60)
    assert not [entry for entry in formed.world.log if entry[0] in ("demote", "rm")]


def test_manager_that_lost_its_swarm_comes_back(formed: Cluster) -> None:
    """A manager whose swarm directory is gone says so, its old seat is cleared at once, and it joins anew."""
    engine = formed.hosts["i-03"].engine
    engine.state, engine.node_id, engine.home = "inactive", "", None
    formed.run(60)
    assert len(members(formed)) == 3
    assert formed.hosts["i-03"].joined
    assert len(formed.nodes()) == 5


def test_lost_quorum_changes_nothing(formed: Cluster) -> None:
    """Two of three managers gone: nobody inits, nobody is removed, nobody leaves."""
    formed.run(30)
    log, generation = list(formed.world.log), formed.store.generation
    formed.terminate("i-02")
    formed.terminate("i-03")
    formed.boot("manager")
    formed.run(1200)
    assert formed.world.log == log
    assert formed.store.generation == generation


def test_terminating_machine_never_joins(cluster: Cluster) -> None:
    """An instance that the cloud is taking away stays out, and is not activated."""
    cluster.say("i-05", "terminating")
    cluster.run(60)
    assert cluster.hosts["i-05"].engine.state == "inactive"


def test_reconcile_off_keeps_only_membership(cluster: Cluster) -> None:
    """With `reconcile` false newcomers still join, but nothing is labelled."""
    cluster.store.control["reconcile"] = False
    cluster.run(60)
    assert cluster.hosts["i-04"].joined
    assert cluster.nodes()["i-04"]["Spec"]["Labels"] == {}


def test_reconcile_off_removes_and_publishes_nothing(formed: Cluster) -> None:
    """While upkeep is paused a dead manager keeps its seat and a token rotated by hand is not published; then both are."""
    formed.store.control["reconcile"] = False
    swarm = formed.world.swarms[formed.control["swarm_id"]]
    generation, beats = formed.store.generation, dict(formed.store.health)
    swarm.tokens["Worker"] = formed.world.token()
    formed.terminate("i-02")
    formed.run(120)
    assert (len(members(formed)), formed.store.generation) == (3, generation)
    assert formed.store.health["i-01"] != beats["i-01"]
    formed.store.control["reconcile"] = True
    formed.run(60)
    assert len(members(formed)) == 2
    assert formed.control["secrets"]["worker"]["fp"] == fingerprint(swarm.tokens["Worker"])


def test_idle_cluster_writes_nothing(formed: Cluster) -> None:
    """A cluster that is as it should be is not written to: neither store nor raft."""
    formed.run(60)
    generation = formed.store.generation
    versions = {key: node["Version"] for key, node in formed.nodes().items()}
    formed.run(120)
    assert formed.store.generation == generation
    assert {key: node["Version"] for key, node in formed.nodes().items()} == versions


def test_fourth_manager_waits_for_a_seat(formed: Cluster) -> None:
    """A manager beyond the target stays out until the target is raised."""
    extra = formed.boot("manager")
    formed.run(60)
    assert extra.engine.state == "inactive"
    formed.store.control["managers_target"] = 5
    formed.run(30)
    assert extra.joined


def test_blind_agents_change_nothing(formed: Cluster) -> None:
    """With the store down nothing happens, for hours."""
    formed.run(60)
    formed.store.down = True
    formed.hosts["i-02"].engine.up = False
    log = list(formed.world.log)
    formed.run(600)
    assert formed.world.log == log


def test_broken_engine_keeps_its_membership(formed: Cluster) -> None:
    """All managers in error at once, as by a clock or a full disk at boot: no raft log is thrown away."""
    before = list(formed.world.log)
    for host in formed.hosts.values():
        if host.context.role == "manager":
            host.engine.state, host.engine.error = "error", "manager stopped: no space left on device"
    formed.run(600)
    for host in formed.hosts.values():
        host.engine.state, host.engine.error = "active", ""
    formed.run(60)
    assert [entry for entry in formed.world.log[len(before) :] if entry[1] in ("i-01", "i-02", "i-03")] == []
    assert len(members(formed)) == 3


def test_broken_worker_joins_anew(formed: Cluster) -> None:
    """A worker's engine that stays in error is left after a minute, not before, and joins with a new identity."""
    engine, old = formed.hosts["i-05"].engine, formed.hosts["i-05"].engine.node_id
    engine.state, engine.error = "error", "x509: certificate has expired or is not yet valid"
    formed.run(50)
    assert (engine.state, engine.node_id) == ("error", old)
    formed.run(60)
    assert formed.hosts["i-05"].joined
    assert engine.node_id != old
    formed.run(30)
    assert len(formed.nodes()) == 5


def test_object_set_back_wipes_nobody(formed: Cluster) -> None:
    """Somebody puts an older control object back: members wait, none leaves and none makes a second swarm."""
    before = list(formed.world.log)
    formed.store.control.update(phase="EMPTY", epoch=0, holder=None, swarm_id=None, managers=[], seats={})
    formed.run(600)
    assert formed.world.log == before


def test_lost_seat_that_comes_back_is_no_longer_lost(formed: Cluster) -> None:
    """A manager that said that it lost its swarm, and is in it after all, is not removed at its next hiccup."""
    node_id = formed.hosts["i-03"].engine.node_id
    rules.swap(formed.store, lambda now: rules.lose_seat(now, "i-03", node_id), "test")
    formed.run(10)
    assert "lost" not in formed.control["seats"]["i-03"]
    formed.hosts["i-03"].engine.linked = False
    formed.run(6)
    formed.hosts["i-03"].engine.linked = True
    formed.run(30)
    assert not [entry for entry in formed.world.log if entry[0] in ("demote", "rm")]


def test_lost_manager_is_removed_while_it_looks_ready(formed: Cluster) -> None:
    """Swarm shows a node that left as Ready for a while: the host's own word is enough to remove it at once."""
    formed.run(30)
    engine, start = formed.hosts["i-03"].engine, formed.clock.now()
    formed.world.lingering.add(engine.node_id)
    engine.state, engine.node_id, engine.home = "inactive", "", None
    while len(members(formed)) < 3 or not formed.hosts["i-03"].joined:
        formed.run(1.5)
        assert formed.clock.now() - start < 20


@pytest.mark.parametrize("hold", [False, True])
def test_manager_demoted_by_hand_is_promoted_again(formed: Cluster, hold: bool) -> None:
    """A manager that only lost its role gets it back while managers are too few; not one that is held."""
    formed.run(30)
    swarm, node_id = formed.world.swarms[formed.control["swarm_id"]], formed.hosts["i-03"].engine.node_id
    swarm.raft.remove(node_id)
    swarm.nodes[node_id]["Spec"]["Role"] = "worker"
    if hold:
        swarm.nodes[node_id]["Spec"]["Labels"]["bootstrap.hold"] = "true"
    formed.run(40)
    assert (swarm.nodes[node_id]["Spec"]["Role"] == "manager") is not hold


def test_demotion_under_way_is_not_undone(formed: Cluster) -> None:
    """Neither while a removal holds the lease, nor when fewer managers are wanted."""
    formed.run(30)
    swarm, node_id = formed.world.swarms[formed.control["swarm_id"]], formed.hosts["i-03"].engine.node_id
    swarm.raft.remove(node_id)
    swarm.nodes[node_id]["Spec"]["Role"] = "worker"
    formed.store.control["change"] = {"id": "x", "instance": "i-03", "node_id": node_id}
    formed.run(60)
    assert swarm.nodes[node_id]["Spec"]["Role"] == "worker"
    formed.store.control.update(change=None, managers_target=1)
    formed.run(60)
    assert swarm.nodes[node_id]["Spec"]["Role"] == "worker"


def test_rotated_unlock_key_is_published(formed: Cluster) -> None:
    """With autolock on, a key that was rotated by hand is followed as tokens are."""
    swarm = formed.world.swarms[formed.control["swarm_id"]]
    swarm.spec = {**swarm.spec, "EncryptionConfig": {"AutoLockManagers": True}}
    for key in ("SWMKEY-1-one", "SWMKEY-1-two"):
        swarm.unlock_key = key
        formed.run(15)
        assert formed.control["secrets"]["unlock"]["fp"] == fingerprint(key)
    assert formed.store.secrets["manager", "unlock-key"] == ["SWMKEY-1-one", "SWMKEY-1-two"]


def test_one_duty_that_fails_keeps_no_other_from_being_done(formed: Cluster) -> None:
    """A node that takes no label and a store that takes no secret: dead managers are still replaced."""
    formed.store.control["pools"]["web"]["labels"] = {"never": "taken"}
    for host in formed.hosts.values():
        host.engine.refuses_labels = True
    formed.terminate("i-02")
    formed.boot("manager")
    formed.run(90)
    assert len(members(formed)) == 3
    assert formed.hosts["i-06"].joined


def test_leader_never_removes_itself(formed: Cluster) -> None:
    """A leader whose own node looks dead stays: whoever leads next decides."""
    leader = formed.leader
    formed.world.grey.add(leader.engine.node_id)
    formed.run(120)
    assert leader.engine.node_id in members(formed)


def test_a_newcomer_is_labelled_at_the_next_sample(formed: Cluster) -> None:
    """Who waits for it waits for seconds, and not until the leader's next full round."""
    formed.leader.agent._due = formed.clock.now() + 1000
    worker = formed.boot("worker")
    formed.run(8)
    node = formed.nodes()[worker.instance]["Spec"]
    assert (node["Labels"]["bootstrap.pool"], node["Availability"]) == ("web", "active")


def test_a_dead_lease_ends_also_while_the_upkeep_is_paused(formed: Cluster) -> None:
    """Or else a person could not remove anything then."""
    formed.store.control["reconcile"] = False
    formed.store.control["change"] = {"id": "dead", "instance": "i-09", "node_id": ""}
    formed.run(60)
    assert formed.control["change"] is not None
    formed.run(90)
    assert formed.control["change"] is None


def test_what_only_differs_in_seconds_is_said_once(formed: Cluster, capsys: pytest.CaptureFixture[str]) -> None:
    """A manager that stays silent for hours fills no journal."""
    agent = formed.leader.agent
    capsys.readouterr()
    for seconds in (8, 14, 44):
        agent._say(f"its agent has been silent for {seconds} s")
    assert capsys.readouterr().err.count("silent") == 1
