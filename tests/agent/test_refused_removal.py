"""What a removal leaves behind that is refused after all, and what a surge does to the guard's target."""

from __future__ import annotations

from pathlib import Path

import pytest

from bootstrap.agent import members
from bootstrap.agent.errors import Refused
from bootstrap.agent.lease import Lease
from tests.agent.fakes import Cluster


@pytest.fixture
def cluster(tmp_path: Path) -> Cluster:
    one = Cluster(tmp_path, managers=3, workers=0)
    one.run(90)
    one.clock.meanwhile = one.speak
    return one


def remove(cluster: Cluster, instance: str) -> None:
    """Ask the leader's agent."""
    members.remove(cluster.leader.context, cluster.hosts[instance].engine.node_id, 60)


def test_a_node_that_stays_after_all_is_not_left_drained(cluster: Cluster) -> None:
    """The file wants more managers again while this one is drained: refused, and it gets its work back."""
    cluster.store.control["managers_target"] = 1
    task = {"NodeID": cluster.hosts["i-02"].engine.node_id, "Status": {"State": "running"}}
    cluster.world.swarms[cluster.control["swarm_id"]].tasks.append(task)
    drained = []

    def meanwhile() -> None:
        if cluster.nodes()["i-02"]["Spec"]["Availability"] == "drain":
            drained.append(True)
            task["Status"] = {"State": "shutdown"}
            cluster.store.control["managers_target"] = 3
        cluster.speak()

    cluster.clock.meanwhile = meanwhile
    with pytest.raises(Refused, match="3 managers are wanted"):
        remove(cluster, "i-02")

    assert drained
    assert cluster.nodes()["i-02"]["Spec"]["Availability"] == "active"
    assert len(cluster.world.swarms[cluster.control["swarm_id"]].raft) == 3


def test_the_seat_of_a_surge_is_no_wish(tmp_path: Path) -> None:
    """Four seats while one of three managers is replaced: the old one may go, and no second one after it."""
    cluster = Cluster(tmp_path, managers=4, workers=0)
    cluster.store.control["managers_target"] = 4
    cluster.run(90)
    cluster.clock.meanwhile = cluster.speak
    cluster.store.control["surge"] = {"instance": "i-02", "hostname": "m2", "zone": "a", "since": "now"}

    remove(cluster, "i-02")
    cluster.say("i-02", "terminating")
    cluster.run(30)

    assert len(cluster.world.swarms[cluster.control["swarm_id"]].raft) == 3
    with pytest.raises(Refused, match="3 managers are wanted"):
        remove(cluster, "i-03")


def test_a_node_that_never_holds_still_is_not_left_drained(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    """It changes before each demotion that is asked for: nothing was demoted, and it gets its work back."""
    cluster.store.control["managers_target"] = 1
    monkeypatch.setattr(Lease, "demote", lambda *_: False)

    with pytest.raises(Refused, match="changes all the time"):
        remove(cluster, "i-02")

    assert cluster.nodes()["i-02"]["Spec"]["Availability"] == "active"
    assert cluster.control["change"] is None
