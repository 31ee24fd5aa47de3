"""Rotation of the join tokens: killed at every call, many at once, beside joiners and a CA rotation."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from bootstrap.agent import control as rules
from bootstrap.agent import enter, publish
from bootstrap.agent.engine_api import EngineError
from bootstrap.agent.errors import AgentError, Refused
from bootstrap.agent.local import fingerprint
from bootstrap.agent.reconcile import Reconciler
from bootstrap.agent.rotate import Wish, age, rotate
from tests.agent.fakes import Cluster
from tests.agent.interruption import KilledError, interrupted, kill

CALLS = 32  # more than a rotation makes to its engine and its store
DAY = 86400.0


@pytest.fixture
def formed(tmp_path: Path) -> Cluster:
    cluster = Cluster(tmp_path, managers=3, workers=1)
    cluster.run(60)
    return cluster


def live(cluster: Cluster) -> dict[str, str]:
    """The tokens that the swarm takes now."""
    return dict(cluster.world.swarms[cluster.control["swarm_id"]].tokens)


def is_published(cluster: Cluster) -> bool:
    """What stands in the store is what the swarm takes, and the pointer's fingerprint is its own."""
    published = {}
    for role in ("worker", "manager"):
        pointer = cluster.control["secrets"][role]
        value = cluster.store.read_secret(role, "join-token", pointer["version"])
        assert fingerprint(value) == pointer["fp"]
        published[role.title()] = value
    return published == live(cluster)


def test_both_tokens_are_made_anew_and_published(formed: Cluster) -> None:
    """The old ones are dead, the new ones stand in the store, and the answer tells no token."""
    before = live(formed)
    answer = rotate(formed.hosts["i-02"].context, Wish())
    assert answer == {"rotated": ["worker", "manager"], "published_version": 2}
    assert not set(before.values()) & set(live(formed).values())
    assert is_published(formed)
    assert formed.control["rotation"] is None
    assert formed.control["rotated_at"] == rules.stamp(formed.clock.wall())
    assert "SWMTKN" not in json.dumps([answer, formed.store.audit, formed.control])


def test_one_role_alone(formed: Cluster) -> None:
    """The manager's token stays what it was, and its version with it."""
    before = live(formed)
    assert rotate(formed.leader.context, Wish(["worker"])) == {"rotated": ["worker"], "published_version": 2}
    assert live(formed)["Manager"] == before["Manager"]
    assert formed.control["secrets"]["manager"]["version"] == "1"
    assert is_published(formed)


def test_the_spec_of_the_swarm_stays_whole(formed: Cluster) -> None:
    """Swarm replaces its spec with every update: nothing of it is lost."""
    swarm = formed.world.swarms[formed.control["swarm_id"]]
    before = json.dumps(swarm.spec)
    rotate(formed.leader.context, Wish())
    assert json.dumps(swarm.spec) == before


def test_every_rotation_stands_in_the_audit_trail(formed: Cluster) -> None:
    """Who rotated what, that it began and ended, and what was published."""
    formed.store.audit.clear()
    rotate(formed.leader.context, Wish(["worker"]))
    told = [(one["what"], one["outcome"], one["detail"].split(" ")[0]) for one in formed.store.events()]
    assert told == [("rotate", "began", "worker"), ("publish", "done", "worker"), ("rotate", "done", "worker")]


@pytest.mark.parametrize("calls", range(CALLS))
def test_a_killed_rotation_heals_itself(formed: Cluster, calls: int) -> None:
    """Killed at any call: what is published is live within a period, `rotated_at` tells it, the next one is not barred."""
    first, second = formed.hosts["i-02"], formed.hosts["i-03"]
    before, start = live(formed), formed.clock.wall()
    with suppress(KilledError), interrupted(first, calls, kill):
        rotate(first.context, Wish())
    formed.run(15)
    assert is_published(formed)
    rotated = live(formed) != before
    assert (formed.control["rotated_at"] or "") >= (rules.stamp(start) if rotated else "")
    assert rotate(second.context, Wish())["rotated"] == ["worker", "manager"]
    assert is_published(formed)


@pytest.mark.parametrize("calls", range(0, CALLS, 3))
def test_a_machine_that_boots_during_a_killed_rotation_joins(formed: Cluster, calls: int) -> None:
    """Joiners that boot during a rotation join, also when it dies in between."""
    with suppress(KilledError), interrupted(formed.hosts["i-02"], calls, kill):
        rotate(formed.hosts["i-02"].context, Wish())
    new = formed.boot("worker")
    new.agent.tick()
    formed.run(40)
    assert new.joined


def test_a_machine_that_fetched_the_old_token_joins(formed: Cluster) -> None:
    """The token dies between its fetch and its use: refused, it fetches again."""
    new, leader = formed.boot("worker"), formed.leader
    real, turns = new.view.read_secret, list[dict[str, Any]]()

    def rotated_after(*what: str) -> str:
        value = real(*what)
        if not turns:
            turns.append(rotate(leader.context, Wish()))
        return value

    new.view.read_secret = rotated_after  # type: ignore[method-assign,assignment]
    formed.run(30)
    assert turns
    assert new.joined


@pytest.mark.parametrize("calls", range(1, CALLS, 2))
def test_three_rotations_at_once_all_end_well(formed: Cluster, calls: int) -> None:
    """Each begins within another: the last published token is the live one."""
    hosts = [formed.hosts[name] for name in ("i-01", "i-02", "i-03")]
    answers: list[Any] = []

    def third() -> None:
        answers.append(rotate(hosts[2].context, Wish()))

    def second() -> None:
        with interrupted(hosts[1], calls, third):
            answers.append(rotate(hosts[1].context, Wish()))

    with interrupted(hosts[0], calls, second):
        answers.append(rotate(hosts[0].context, Wish()))
    assert all(one["rotated"] == ["worker", "manager"] for one in answers)
    formed.run(10)
    assert is_published(formed)
    assert formed.control["rotation"] is None


def test_the_lease_of_a_dead_rotation_is_taken(formed: Cluster) -> None:
    """Only after it has not moved for a while on the waiter's own clock."""
    rules.swap(formed.store, lambda now: rules.begin_rotation(now, {"id": "dead", "instance": "i-09"}), "test")
    start = formed.clock.now()
    assert rotate(formed.leader.context, Wish())["rotated"]
    assert 10 <= formed.clock.now() - start <= 12


def test_the_lease_bars_no_removal(formed: Cluster) -> None:
    """A rotation that hangs must not keep a dead manager in the quorum."""
    rules.swap(formed.store, lambda now: rules.begin_rotation(now, {"id": "dead", "instance": "i-09"}), "test")
    formed.terminate("i-02")
    formed.boot("manager")
    formed.run(60)
    assert formed.hosts["i-05"].joined


def test_lost_answers_of_the_engine_are_read_again(formed: Cluster) -> None:
    """The update was applied and the answer lost: it is not applied again, and what is live is published."""
    host = formed.leader
    real, lost = host.engine.request, list[dict[str, str]]()

    def once(method: str, path: str, body: Any = None, **query: Any) -> Any:
        answer = real(method, path, body, **query)
        if path == "/swarm/update" and not lost:
            lost.append(live(formed))
            raise EngineError("the engine does not answer: timed out", kind="down")
        return answer

    host.engine.request = once  # type: ignore[method-assign]
    rotate(host.context, Wish())
    assert live(formed) == lost[0]
    assert is_published(formed)


def test_ca_rotation_that_ends_now_is_followed(formed: Cluster) -> None:
    """Both tokens and the digest change once more while we publish: in the end all of it is published."""
    swarm, host = formed.world.swarms[formed.control["swarm_id"]], formed.leader
    old = formed.control["ca_digest"]

    def finish() -> None:
        swarm.pem = formed.world.pem()
        for role in swarm.tokens:
            formed.world.rotate(swarm, role)
        for other in formed.hosts.values():
            other.engine.trust(swarm.pem)

    with interrupted(host, 20, finish):
        rotate(host.context, Wish())
    formed.run(15)
    assert is_published(formed)
    assert formed.control["ca_digest"] != old


def test_no_store_no_rotation(formed: Cluster) -> None:
    """What could not be published must not be rotated."""
    before = live(formed)
    formed.store.down = True
    with pytest.raises(AgentError):
        rotate(formed.leader.context, Wish())
    assert live(formed) == before


def test_only_a_manager_with_a_quorum_rotates(formed: Cluster) -> None:
    """A worker refuses; a manager without a quorum changes nothing."""
    with pytest.raises(Refused):
        rotate(formed.hosts["i-04"].context, Wish())
    before = live(formed)
    formed.hosts["i-02"].engine.up = formed.hosts["i-03"].engine.up = False
    with pytest.raises(AgentError):
        rotate(formed.hosts["i-01"].context, Wish())
    assert live(formed) == before


def test_only_when_older(formed: Cluster) -> None:
    """Each role by the age of its own token; nothing old enough is no error and changes nothing."""
    context = formed.leader.context
    assert rotate(context, Wish(older_than=DAY)) == {"rotated": [], "published_version": 1}
    formed.clock.sleep(DAY)
    assert rotate(context, Wish(["worker"], older_than=DAY))["rotated"] == ["worker"]
    assert rotate(context, Wish(older_than=DAY)) == {"rotated": ["manager"], "published_version": 2}
    assert rotate(context, Wish(older_than=DAY))["rotated"] == []


def test_the_timer_acts_on_the_leader_and_by_the_inventory(formed: Cluster) -> None:
    """`--if-due`: nothing before the period is over, nor without one, nor elsewhere, nor while upkeep is paused."""
    due, control, leader = Wish(scheduled=True), formed.store.control, formed.leader
    others = [host for host in formed.hosts.values() if host is not leader]
    control["rotate_every"] = None
    formed.clock.sleep(90 * DAY)
    assert rotate(leader.context, due)["rotated"] == []
    control["rotate_every"], control["reconcile"] = int(DAY), False
    assert rotate(leader.context, due)["rotated"] == []
    control["reconcile"] = True
    assert [rotate(host.context, due)["rotated"] for host in others] == [[], [], []]
    assert rotate(leader.context, due)["rotated"] == ["worker", "manager"]
    assert rotate(leader.context, due)["rotated"] == []
    formed.store.control["rotate_every"] = 900
    formed.clock.sleep(900)
    assert rotate(leader.context, due)["rotated"] == ["worker", "manager"]


def test_a_rotation_by_hand_publishes_while_upkeep_is_paused(formed: Cluster) -> None:
    """The pause is the leader's; what a person asks for is done to its end."""
    formed.store.control["reconcile"] = False
    assert rotate(formed.hosts["i-03"].context, Wish())["rotated"] == ["worker", "manager"]
    assert is_published(formed)


def test_the_timer_is_quiet_where_there_is_no_swarm(tmp_path: Path) -> None:
    """Before the cluster is formed it has nothing to do, which is no failure."""
    cluster = Cluster(tmp_path, managers=1)
    assert rotate(cluster.hosts["i-01"].context, Wish(scheduled=True)) == {"rotated": [], "published_version": None}


def test_age_of_a_token() -> None:
    """Its own time, else the last rotation's, else the swarm's birth; a time to come is nobody's."""
    swarm, now = {"CreatedAt": "2026-01-01T00:00:00.123456789Z"}, 1_767_225_600.0 + 100
    pointer: dict[str, Any] = {"version": "1", "fp": "x"}
    control: dict[str, Any] = {"rotated_at": None, "secrets": {"worker": pointer}}
    assert age(control, "worker", swarm, now) == 100
    control["rotated_at"] = "2026-01-01T00:01:00Z"
    assert age(control, "worker", swarm, now) == 40
    pointer["at"] = "2026-01-01T00:01:30Z"
    assert age(control, "worker", swarm, now) == 10
    pointer["at"] = "2030-01-01T00:00:00Z"
    assert age(control, "worker", swarm, now) == float("inf")
    assert age(control, "worker", {}, now) == float("inf")
    assert age({"secrets": {}}, "worker", {}, now) == float("inf")


# -- tests of the tests: each mutant of models/rotate.py, put into the real code, is caught


def test_sweep_sees_a_leader_that_does_not_publish(formed: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    """no_reconcile: a rotation that was killed after the swarm's update is never published."""
    monkeypatch.setattr(Reconciler, "_publish", lambda *_: None)
    with suppress(KilledError), interrupted(formed.hosts["i-02"], 14, kill):
        rotate(formed.hosts["i-02"].context, Wish())
    formed.run(15)
    assert not is_published(formed)


def test_sweep_sees_a_joiner_that_does_not_fetch_again(formed: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    """no_refetch: who keeps the token that it fetched first is refused for ever."""
    real, kept = enter._token, dict[int, str]()

    def remembered(context: Any, control: Any, role: str) -> str:
        return kept.setdefault(id(context), real(context, control, role))

    monkeypatch.setattr(enter, "_token", remembered)
    with pytest.raises(AssertionError):
        test_a_machine_that_fetched_the_old_token_joins(formed)


def test_a_publisher_that_slept_moves_no_pointer_back(formed: Cluster) -> None:
    """What it read before it slept is dead by now: it looks again instead of writing it."""
    _publish_late(formed)
    assert is_published(formed)


def test_sweep_sees_a_blind_publisher(formed: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    """pub_blind: one that writes what it read, whatever was published since, puts a dead token there."""
    monkeypatch.setattr(publish, "_must_not_have_moved", lambda *_: None)
    _publish_late(formed)
    assert not is_published(formed)


def _publish_late(formed: Cluster) -> None:
    """One manager reads the live token and sleeps; another rotates and publishes; the first wakes up and writes."""
    sleeper, other = formed.hosts["i-02"], formed.hosts["i-03"]
    formed.world.rotate(formed.world.swarms[formed.control["swarm_id"]], "Worker")
    real = sleeper.view.swap

    def late(control: Any, generation: Any) -> Any:
        sleeper.view.swap = real  # type: ignore[method-assign]
        rotate(other.context, Wish())
        return real(control, generation)

    sleeper.view.swap = late  # type: ignore[method-assign]
    publish.publish(sleeper.context, sleeper.engine.node_id, None)
