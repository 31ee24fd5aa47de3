"""The decision what to do next, case by case, and the attempts to join with everything that can go wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bootstrap.agent import control as rules
from bootstrap.agent import enter, identity, join
from bootstrap.agent.local import Local, ca_digests, fingerprint
from bootstrap.agent.metadata import Machine
from tests.agent.fakes import Cluster, Host
from tests.agent.test_control import FACTS, MEMBER, empty, formed

MANAGER = Machine("i-2", "prod-2", "manager", "managers", "a", "10.0.0.2", "running", "prod", "u1")
WORKER = MANAGER._replace(role="worker", pool="web")
OUT = Local("inactive")
OURS = Local("active", "n2", True, "s1", ("d1",))
ORPHAN = Local("active", "n9", True, "s9", ("d9",))
PENDING = Local("pending", "n2")
BROKEN = Local("error", error="x")  # in error and locked the engine tells no node id, as measured on 26.1
EXPIRED = Local("error", error="Swarm certificates have expired.")
LOCKED = Local("locked")
CLAIMED = rules.claim(empty(), "i-1", "b")
MINE = rules.claim(empty(), "i-2", "b")
SEATED = rules.take_seat(formed(), "i-2", "10.0.0.2")
FILLED = rules.fill_seat(SEATED, "i-2", "n2", "10.0.0.2")
FULL = {**formed(), "managers_target": 1}


def was(local: Local, node_id: str = "", swarm_id: str = "s1") -> Local:
    """The same on a machine that remembers having been a full member as n2."""
    return local._replace(node_id=node_id or local.node_id, joined=("u1", swarm_id), joined_as="n2")


@pytest.mark.parametrize(
    ("control", "local", "me", "action"),
    [
        ({}, OUT, MANAGER, join.WAIT),
        ({}, ORPHAN, MANAGER, join.WAIT),
        (empty(uid="u2"), ORPHAN, MANAGER, join.WAIT),
        (empty(), OUT, MANAGER, join.CLAIM),
        (empty(), OUT, WORKER, join.WAIT),
        (empty(), ORPHAN, MANAGER, join.WIPE),
        (CLAIMED, OUT, MANAGER, join.WAIT),
        (CLAIMED, OUT, WORKER, join.WAIT),
        (CLAIMED, ORPHAN, MANAGER, join.WIPE),
        (MINE, OUT, MANAGER, join.INIT),
        (MINE, ORPHAN, MANAGER, join.PUBLISH),
        (MINE, ORPHAN._replace(control_available=False), MANAGER, join.WIPE),
        (MINE, BROKEN, MANAGER, join.WIPE),
        (MINE, LOCKED, MANAGER, join.WIPE),
        (MINE, PENDING, MANAGER, join.PENDING),
        (CLAIMED, LOCKED, MANAGER, join.WIPE),
        (MINE, was(OURS), MANAGER, join.WAIT),
        (MINE, was(OUT), MANAGER, join.WAIT),
        (CLAIMED, was(OURS), MANAGER, join.WAIT),
        (empty(), was(OURS), WORKER, join.WAIT),
        (empty(), was(OUT), MANAGER, join.WAIT),
        (empty(), ORPHAN._replace(joined=("u0", "s0"), joined_as="n9"), MANAGER, join.WIPE),
        (formed(), OUT, WORKER, join.JOIN),
        (formed(), OUT, MANAGER, join.TAKE_SEAT),
        (FULL, OUT, MANAGER, join.WAIT),
        (SEATED, OUT, MANAGER, join.JOIN),
        (FILLED, OUT, MANAGER, join.LOSE_SEAT),
        (rules.lose_seat(FILLED, "i-2", "n2"), OUT, MANAGER, join.WAIT),
        (formed(), OURS, MANAGER, join.DONE),
        (formed(), OURS._replace(control_available=False), MANAGER, join.WAIT),
        (formed(), Local("active", "n2", digests=("d1",)), WORKER, join.DONE),
        (formed(), Local("active", "n2", digests=("d0", "d1")), WORKER, join.DONE),
        (formed(), Local("active", "n2"), WORKER, join.WAIT),
        (formed(), Local("active", "n2", digests=("d2",), joined=("u1", "s1"), joined_as="n2"), WORKER, join.DONE),
        (formed(), Local("active", "n2", digests=("d2",), joined=("u1", "s0"), joined_as="n2"), WORKER, join.WIPE),
        (formed(), ORPHAN, MANAGER, join.WIPE),
        (rules.forget(formed(), "n2"), OURS, WORKER, join.WIPE),
        (formed(), PENDING, WORKER, join.PENDING),
        (formed(), was(PENDING), WORKER, join.WAIT),
        (formed(), PENDING._replace(node_id=""), WORKER, join.PENDING),
        (formed(), was(PENDING, "n3"), WORKER, join.PENDING),
        (formed(), PENDING._replace(node_id="n1"), MANAGER, join.WAIT),
        (formed(), BROKEN, MANAGER, join.WIPE),
        (formed(), BROKEN, WORKER, join.WIPE),
        (formed(), was(BROKEN), MANAGER, join.WAIT),
        (formed(), was(BROKEN), WORKER, join.PENDING),
        (formed(), was(BROKEN, swarm_id="s0"), WORKER, join.WIPE),
        (FILLED, BROKEN, MANAGER, join.WAIT),
        (SEATED, BROKEN, MANAGER, join.WIPE),
        (rules.forget(FILLED, "n2"), was(BROKEN), MANAGER, join.WIPE),
        (formed(), was(EXPIRED), WORKER, join.PENDING),
        (formed(), was(EXPIRED), MANAGER, join.WAIT),
        ({**formed(), "epoch": 2}, OURS._replace(epoch=1), MANAGER, join.WIPE),
        ({**formed(), "epoch": 2}, OURS._replace(epoch=1, node_id="n1"), MANAGER, join.DONE),
        (FILLED, LOCKED, MANAGER, join.UNLOCK),
        (formed(), was(LOCKED), MANAGER, join.UNLOCK),
        (formed(), LOCKED, MANAGER, join.WIPE),
        ({**formed(), "phase": "RECOVERING"}, OUT, MANAGER, join.WAIT),
        ({**formed(), "phase": "DESTROYED"}, ORPHAN, MANAGER, join.WAIT),
        (empty(), OUT, MANAGER._replace(state="terminating"), join.IDLE),
        (formed(), OUT, WORKER._replace(state="terminating"), join.IDLE),
        (formed(), OURS, WORKER._replace(state="terminating"), join.DONE),
    ],
)
def test_next_step(control: Any, local: Local, me: Machine, action: str) -> None:
    """Every row of the decision table."""
    assert join.next_step(control, local, me).action == action


def test_stale_claim_is_taken_over_only_by_managers() -> None:
    """A worker waits for ever rather than make a swarm."""
    assert join.next_step(CLAIMED, OUT, MANAGER, claim_is_stale=True).action == join.TAKE_OVER
    assert join.next_step(CLAIMED, OUT, WORKER, claim_is_stale=True).action == join.WAIT


def test_formed_never_inits() -> None:
    """Whatever the engine says: once a swarm is published no node ever makes another."""
    states = ("inactive", "pending", "active", "error", "locked")
    for phase in ("FORMED", "RECOVERING", "DESTROYED"):
        for local in (Local(state, node, bool(node)) for state in states for node in ("", "n1", "n9")):
            for me in (MANAGER, WORKER, MANAGER._replace(instance="i-1")):
                step = join.next_step({**formed(), "phase": phase}, local, me, claim_is_stale=True)
                assert step.action not in (join.INIT, join.CLAIM, join.TAKE_OVER, join.PUBLISH)


def test_digests_are_the_same_however_it_is_wrapped() -> None:
    """Managers read the CA from the API and workers from a file: white space makes no difference."""
    one = "-----BEGIN CERTIFICATE-----\nAAAA\nBBBB\n-----END CERTIFICATE-----\n"
    other = "-----BEGIN CERTIFICATE-----\r\nAAAABBBB\r\n-----END CERTIFICATE-----"
    assert ca_digests(one) == ca_digests(other) == ca_digests(one + other)
    assert ca_digests("garbage") == ca_digests("-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----") == ()


@pytest.fixture
def cluster(tmp_path: Path) -> Cluster:
    one = Cluster(tmp_path, managers=3)
    one.run(60)
    return one


@pytest.fixture
def worker(cluster: Cluster) -> Host:
    return cluster.boot("worker")


def test_black_hole_costs_a_minute(cluster: Cluster, worker: Host) -> None:
    """A join that hangs is left after 60 s and the next manager is tried."""
    worker.engine.black_hole = {f"{one['address']}:2377" for one in cluster.control["managers"][:2]}
    start = cluster.clock.now()
    worker.agent.tick()
    cluster.run(10)
    assert worker.joined
    assert cluster.clock.now() - start <= 150


def test_stale_token_is_fetched_again_at_once(cluster: Cluster, worker: Host) -> None:
    """Refused with an old token: one immediate second look, then patience; it joins when the new one is published."""
    swarm = cluster.world.swarms[cluster.control["swarm_id"]]
    swarm.tokens["Worker"] = cluster.world.token()
    turn = worker.agent._membership.turn()
    assert (turn.step, turn.pause) == (None, 0.0)
    assert worker.agent._membership.turn().pause >= 2
    cluster.run(20)
    assert worker.joined


def test_damaged_token_is_never_sent(cluster: Cluster, worker: Host) -> None:
    """A token that does not look like one, or not like its fingerprint, is a damaged store."""
    cluster.store.secrets["worker", "join-token"] = ["SWMTKN-1-short"]
    cluster.store.control["secrets"]["worker"]["fp"] = fingerprint("SWMTKN-1-short")
    with pytest.raises(enter.Refusal) as caught:
        enter.attempt(worker.context, cluster.control, worker.metadata.identity())
    assert caught.value.kind == "bad_token"
    assert ("join", worker.instance, "worker") not in cluster.world.log


def test_dial_back_waits_long(cluster: Cluster) -> None:
    """Each failed join of a manager leaves a ghost, so the pause is a minute at least."""
    cluster.store.control["managers_target"] = 4
    extra = cluster.boot("manager")
    extra.engine.dials_back = False
    assert extra.agent._membership.turn().pause == 0  # takes its seat
    assert extra.agent._membership.turn().pause >= 60


def test_worker_joins_drained(cluster: Cluster, worker: Host) -> None:
    """A worker joins drained, with its private address for all planes."""
    sent: list[dict[str, Any]] = []
    real = worker.engine._join

    def seen(body: dict[str, Any], **rest: Any) -> Any:
        sent.append(body)
        return real(body, **rest)

    worker.engine._join = seen  # type: ignore[method-assign]
    worker.agent.tick()
    assert sent[0]["Availability"] == "drain"
    assert sent[0]["ListenAddr"] == sent[0]["AdvertiseAddr"] == "10.91.0.4:2377"
    assert (sent[0]["DataPathAddr"], len(sent[0]["RemoteAddrs"])) == ("10.91.0.4", 1)


def test_refusals_wait_longer_and_longer(cluster: Cluster, worker: Host) -> None:
    """Full jitter from 2 s up to 60 s, for ever; never a claim, never an init."""
    swarm = cluster.world.swarms[cluster.control["swarm_id"]]
    swarm.tokens["Worker"] = cluster.world.token()
    pauses = [worker.agent._membership.turn().pause for _ in range(40)]
    assert pauses[0] == 0.0
    assert all(2 <= pause <= 60 for pause in pauses[1:])
    assert max(pauses) > 30
    assert [entry for entry in cluster.world.log if entry[0] == "init"] == [("init", "i-01")]


def test_alarm_after_fifteen_minutes(cluster: Cluster, worker: Host, capsys: pytest.CaptureFixture[str]) -> None:
    """A machine that cannot join says so loudly, and goes on trying."""
    worker.engine.linked = False
    cluster.run(1000)
    assert "ALARM" in capsys.readouterr().err
    worker.engine.linked = True
    cluster.run(70)
    assert worker.joined


@pytest.mark.parametrize("fault", ["spec", "key", "raft", "reply"])
def test_killed_init_is_made_right(tmp_path: Path, fault: str) -> None:
    """An engine killed in `swarm init` comes back with defaults, without its CA's key or a leader: it is made right."""
    cluster = Cluster(tmp_path, managers=1)
    cluster.hosts["i-01"].engine.init_dies = fault
    cluster.run(150)
    swarm = cluster.world.swarms[cluster.control["swarm_id"]]
    assert swarm.pool == ["10.200.0.0/16"]
    assert swarm.spec["CAConfig"]["NodeCertExpiry"] == 360000 * 10**9
    assert swarm.has_key


def test_takeover_of_a_dead_claimer(tmp_path: Path) -> None:
    """The holder dies: taken over after `takeover`, or at once when the cloud says terminated; its orphan is wiped."""
    cluster = Cluster(tmp_path, managers=2)
    first, second = cluster.hosts.values()
    rules.swap(cluster.store, lambda now: rules.claim(now, first.instance, "b"), "test")
    cluster.run(20, skip=(first.instance,))
    assert cluster.control["phase"] == "CLAIMED"
    cluster.run(20, skip=(first.instance,))
    assert (cluster.control["phase"], cluster.control["epoch"]) == ("FORMED", 2)
    assert second.joined


def test_no_secret_is_said(cluster: Cluster, worker: Host, capsys: pytest.CaptureFixture[str]) -> None:
    """Neither logs nor the control object nor what the node remembers hold a token."""
    cluster.run(60)
    said = capsys.readouterr()
    files = "".join(path.read_text() for path in cluster.root.rglob("*") if path.is_file())
    assert worker.joined
    assert "SWMTKN" not in said.err + said.out + files + str(cluster.store.history)


def test_publish_facts_hold_no_secret() -> None:
    """What a publish writes is pointers and fingerprints."""
    control = rules.publish(CLAIMED, MEMBER, FACTS, 1)
    assert control["secrets"]["worker"] == {"version": "1", "fp": "x"}


def test_cut_off_manager_is_passed_by(cluster: Cluster, worker: Host) -> None:
    """A manager without a leader is one address that does not answer well: the next one is tried at once."""
    addresses = {f"{one['address']}:2377" for one in cluster.control["managers"][:2]}
    worker.engine.leaderless = addresses
    for seed in range(6):  # whatever the order
        worker.context.random.seed(seed)
        enter.attempt(worker.context, cluster.control, worker.metadata.identity())
        assert worker.joined
        worker.engine.leave()


def test_node_that_was_made_to_leave_takes_no_seat(cluster: Cluster) -> None:
    """A manager that left on purpose keeps no newcomer from its place."""
    identity.stay_out(cluster.hosts["i-03"].context, True)
    cluster.hosts["i-03"].engine.leave()
    cluster.run(60)
    assert "i-03" not in cluster.control["seats"]
    extra = cluster.boot("manager")
    cluster.run(30)
    assert extra.joined


def test_new_identity_forgets_the_old_one(cluster: Cluster, worker: Host) -> None:
    """From the first try to join the node id of an earlier life says nothing about the engine's state."""
    identity.remember(worker.context, uid="uid-1", swarm_id=cluster.control["swarm_id"], node_id="old")
    worker.engine.linked = False
    worker.agent.tick()
    assert identity.recall(worker.context)["node_id"] == ""


@pytest.mark.process
@pytest.mark.parametrize("fails", [False, True])
def test_hook_that_a_crash_cut_off_runs_again(cluster: Cluster, worker: Host, fails: bool) -> None:
    """post-join runs once for a membership, again after a crash in it, but not again because it failed."""
    folder, count = Path(worker.context.paths.hooks) / "post-join", Path(worker.context.paths.root) / "count"
    folder.mkdir(parents=True)
    (folder / "10").write_text(f"#!/bin/sh\necho x >>{count}\nexit {int(fails)}\n")
    (folder / "10").chmod(0o755)
    cluster.run(20)
    assert count.read_text() == "x\n"
    identity.remember(worker.context, hooked=None)  # as a crash leaves it
    worker.restart()
    cluster.run(20)
    assert count.read_text() == "x\nx\n"
