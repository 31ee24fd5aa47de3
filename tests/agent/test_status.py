"""The status document: whole, prompt, and honest about what it cannot see."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from bootstrap.agent.status import report
from tests.agent.fakes import Cluster


@pytest.fixture
def cluster(tmp_path: Path) -> Cluster:
    one = Cluster(tmp_path, managers=3, workers=1)
    one.run(60)
    return one


def test_on_the_leader(cluster: Cluster) -> None:
    """Everything there is to know, and JSON all through."""
    document = json.loads(json.dumps(report(cluster.leader.context, "abc")))
    assert (document["agent"], document["state"], document["leader"]) == ("abc", "active", True)
    assert (document["published_is_live"], document["problems"]) == (True, [])
    assert document["control"]["phase"] == "FORMED"
    assert document["swarm"]["id"] == cluster.control["swarm_id"]
    node = next(one for one in document["swarm"]["nodes"] if one["instance"] == "i-04")
    assert node == {
        "id": cluster.hosts["i-04"].engine.node_id, "hostname": "i-04", "role": "worker", "state": "ready",
        "availability": "active", "address": "10.91.0.4", "leader": False, "reachability": None, "engine": "26.1.5",
        "arch": "x86_64", "instance": "i-04",
        "labels": {"bootstrap.pool": "web", "bootstrap.zone": "a", "bootstrap.instance": "i-04", "tier": "web",
                   "bootstrap.pool-labels": "tier", "bootstrap.availability": "active"},
        "daemon": None, "described_as": None,
    }  # fmt: skip
    assert sum(one["leader"] for one in document["swarm"]["nodes"]) == 1
    assert document["disk"]["total_bytes"] >= document["disk"]["free_bytes"] > 0


def test_on_a_worker(cluster: Cluster) -> None:
    """A worker knows the control object and itself, and no swarm."""
    document = report(cluster.hosts["i-04"].context, "abc")
    assert (document["swarm"], document["published_is_live"]) == (None, None)
    assert (document["state"], document["control_available"], document["role"]) == ("active", False, "worker")


def test_without_a_quorum(cluster: Cluster) -> None:
    """No quorum answers: the swarm is unknown and a problem says why."""
    cluster.hosts["i-02"].engine.up = cluster.hosts["i-03"].engine.up = False
    document = report(cluster.hosts["i-01"].context, "abc")
    assert (document["swarm"], document["published_is_live"]) == (None, None)
    assert [one["code"] for one in document["problems"]] == ["engine_no_quorum"]


def test_stale_token_shows(cluster: Cluster) -> None:
    """A rotated and unpublished token is seen at once."""
    cluster.world.swarms[cluster.control["swarm_id"]].tokens["Worker"] = cluster.world.token()
    assert report(cluster.leader.context, "abc")["published_is_live"] is False


def test_all_doors_shut(cluster: Cluster) -> None:
    """Engine, store and metadata service down: still one document, with a problem for each."""
    host = cluster.hosts["i-01"]
    host.engine.up, host.metadata.down, cluster.store.down = False, True, True
    document = report(host.context, "abc")
    assert (document["state"], document["control"], document["instance"]) == ("error", None, None)
    assert len(document["problems"]) == 3


def test_an_engine_that_does_not_answer_is_not_explained(cluster: Cluster) -> None:
    """As during an election: that its swarm is in error, say, would be a guess."""
    host = cluster.hosts["i-01"]
    host.engine.up = False
    assert [one["code"] for one in report(host.context, "abc")["problems"]] == ["engine_down"]


def test_only_the_first_answer_is_asked_for_in_a_hurry(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    """An election shows in the first call; an engine that answered it and is busy is given more time."""
    engine, patience = cluster.leader.engine, []
    real = engine.request

    def request(method: str, path: str, body: Any = None, **query: Any) -> Any:
        patience.append((path, engine.deadline))
        return real(method, path, body, **query)

    monkeypatch.setattr(engine, "request", request)
    report(cluster.leader.context, "abc")
    report(cluster.leader.context, "abc")
    assert {seconds for path, seconds in patience if path == "/info"} == {2.0}
    assert {seconds for path, seconds in patience if path != "/info"} == {5.0}


def test_local_asks_nobody_else(cluster: Cluster) -> None:
    """With --local neither store nor managers are asked."""
    cluster.store.down = True
    document = report(cluster.leader.context, "abc", local_only=True)
    assert (document["control"], document["swarm"], document["problems"]) == (None, None, [])
    assert document["state"] == "active"


def test_not_joined_says_why(cluster: Cluster) -> None:
    """A machine that waits explains itself."""
    extra = cluster.boot("manager")
    problems = report(extra.context, "abc")["problems"]
    assert problems == [
        {"code": "not_joined", "what": "wait: all 3 manager seats are taken", "where": "prod-5", "fix": ""}
    ]
