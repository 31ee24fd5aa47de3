"""The first manager whose second never came: what is decided, what is done, and a crash at each step of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bootstrap.agent import anew, boot, checkpoint, identity, join, pulse, sole, status
from bootstrap.agent import control as rules
from bootstrap.agent.errors import Refused
from bootstrap.agent.local import Local, observe
from bootstrap.agent.metadata import Machine
from tests.agent.fakes import TIMERS, Cluster, Host
from tests.agent.interruption import KilledError
from tests.agent.test_control import formed
from tests.chaos import checkpoints_names

FIRST = Machine("i-1", "prod-1", "manager", "managers", "a", "10.0.0.1", "running", "prod", "u1")
SECOND = FIRST._replace(instance="i-2", hostname="prod-2", address="10.0.0.2")
OUT = Local("inactive")
LEADERLESS = Local("active", "n1", True, digests=("d1",), address="10.0.0.1")
LED = LEADERLESS._replace(swarm_id="s1")
JOINING = Local("pending", "n2")
SEATED = rules.take_seat(formed(), "i-2", "10.0.0.2")
ASKED = sole.mark(SEATED, "i-1", "n1")
GIVEN = sole.give_back(ASKED, "i-2")
FILLED = rules.fill_seat(ASKED, "i-2", "n2", "10.0.0.2")
BEGUN = sole.begin(GIVEN, "i-1", "n1", set())


@pytest.mark.parametrize(
    ("control", "local", "me", "action"),
    [
        (SEATED, LEADERLESS, FIRST, anew.MARK),
        (ASKED, LEADERLESS, FIRST, anew.BEGIN),
        (ASKED, LEADERLESS._replace(state="pending"), FIRST, anew.BEGIN),
        (GIVEN, LEADERLESS, FIRST, anew.BEGIN),
        (ASKED, LED, FIRST, anew.UNMARK),
        (FILLED, LEADERLESS, FIRST, anew.UNMARK),
        (ASKED, Local("locked"), FIRST, None),
        (ASKED, Local("pending", "n1"), FIRST, None),
        (ASKED, OUT, SECOND, anew.GIVE_BACK),
        (GIVEN, OUT, SECOND, join.WAIT),
        (GIVEN, OUT._replace(joined=("u1", "s1"), joined_as="n2"), SECOND, join.WAIT),
        (ASKED, JOINING, SECOND, join.WIPE),
        (ASKED, JOINING._replace(control_available=True), SECOND, None),
        (ASKED, Local("active", "n2", True, digests=("d1",)), SECOND, None),
        (ASKED, Local("active", "n2"), SECOND, join.PENDING),
        (FILLED, OUT, SECOND, None),
        (ASKED, OUT, SECOND._replace(role="worker"), None),
        (ASKED, OUT, SECOND._replace(state="terminating"), None),
        (ASKED, OUT, SECOND._replace(uid="u2"), None),
        (BEGUN, LEADERLESS, FIRST, anew.FORCE),
        (BEGUN, LEADERLESS._replace(state="pending"), FIRST, anew.FORCE),
        (BEGUN, LED, FIRST, anew.END),
        (BEGUN, OUT, FIRST, join.WAIT),
        (BEGUN, Local("pending", "n1"), FIRST, join.WAIT),
        (BEGUN, LEADERLESS._replace(node_id="n9"), FIRST, join.WAIT),
        (BEGUN, Local("locked"), FIRST, join.UNLOCK),
        (BEGUN, OUT, SECOND, None),
        ({**BEGUN, "epoch": 9}, LEADERLESS, FIRST, None),
    ],
)
def test_next_step(control: Any, local: Local, me: Machine, action: str | None) -> None:
    """Every row of the table; a RECOVERING that a person began is none of it."""
    step = anew.next_step(control, local, me, stuck=True)
    assert (step.action if step else None) == action


def test_only_who_is_stuck_asks_for_seats() -> None:
    """As long as nobody has asked, and this manager has a leader or has not waited long enough, all goes on as ever."""
    assert anew.next_step(SEATED, LEADERLESS, FIRST) is None


@pytest.mark.parametrize("local", [LED, OUT, Local("pending", "n1"), LEADERLESS._replace(address="10.0.0.7")])
def test_who_is_not_leaderless(local: Local) -> None:
    """One that tells its swarm has a leader; one that is no manager, or has another address, cannot begin anew."""
    assert not anew.is_leaderless(SEATED, local, FIRST)
    assert anew.is_leaderless(SEATED, LEADERLESS, FIRST)


def test_an_autolocked_manager_does_not_begin_anew() -> None:
    """Its engine would lose the key of its own raft log: it waits for a person."""
    locked = {**SEATED, "secrets": {**SEATED["secrets"], "unlock": {"version": "1", "fp": "x"}}}
    assert not anew.is_leaderless(locked, LEADERLESS, FIRST)


def test_nobody_takes_a_seat_meanwhile() -> None:
    """While the first manager asks for seats nobody takes one; who has one may fill it, and that ends the case."""
    with pytest.raises(Refused, match="begins anew"):
        rules.take_seat(GIVEN, "i-3", "10.0.0.3")
    assert rules.alone({**FILLED, "managers": [*FILLED["managers"], {"instance": "i-2", "node_id": "n2"}]}) is None
    assert "alone" not in sole.unmark(FILLED, "i-1")


def test_a_seat_is_given_back_only_when_asked_for() -> None:
    """Without the mark, by the marked manager itself, and once it is filled, a seat stays."""
    assert sole.give_back(SEATED, "i-2") == SEATED
    assert sole.give_back(ASKED, "i-1") == ASKED
    assert sole.give_back(FILLED, "i-2") == FILLED


@pytest.mark.parametrize(
    ("control", "gone"),
    [(SEATED, {"i-2"}), (ASKED, set()), (ASKED, {"i-3"}), (FILLED, {"i-2"}), (rules.forget(GIVEN, "n0") | {"phase": "EMPTY"}, set())],
)  # fmt: skip
def test_it_begins_only_from_what_it_judged(control: Any, gone: set[str]) -> None:
    """Unmarked, with a seat of a machine that may live, or with a filled one: refused, whatever was seen before."""
    with pytest.raises(Refused):
        sole.begin(control, "i-1", "n1", gone)


def test_the_way_through() -> None:
    """FORMED, RECOVERING in the next epoch, FORMED in the same: one swarm, one manager, one seat; each step repeatable."""
    begun = sole.begin(ASKED, "i-1", "n1", {"i-2"})
    ended = sole.end(begun, "i-1", begun["epoch"])
    rules.check(ASKED, begun)
    rules.check(begun, ended)
    assert (begun["phase"], begun["epoch"]) == ("RECOVERING", ASKED["epoch"] + 1)
    assert (ended["phase"], ended["epoch"], set(ended["seats"])) == ("FORMED", begun["epoch"], {"i-1"})
    assert "alone" not in ended
    assert sole.begin(begun, "i-1", "n1", set()) == begun
    assert sole.end(ended, "i-1", begun["epoch"]) == ended
    with pytest.raises(Refused, match="no longer mine"):
        sole.end(ASKED, "i-1", begun["epoch"])
    with pytest.raises(Refused, match="never replaced"):
        rules.check(begun, {**ended, "swarm_id": "s9"})


# ---- the same on engines ---------------------------------------------------------------------------------------------


@pytest.fixture
def stuck(tmp_path: Path) -> Cluster:
    """Three managers are wanted; the second died when raft had it, and nobody leads."""
    return stuck_cluster(tmp_path)


def stuck_cluster(root: Path) -> Cluster:
    """The same."""
    cluster = Cluster(root)
    for name in ("i-02", "i-03"):
        cluster.hosts[name].engine.join_dies = True
    while not any(swarm.raft[1:] for swarm in cluster.world.swarms.values()):
        cluster.run(1.5)
    for host in cluster.hosts.values():
        host.engine.join_dies = False
    return cluster


def whole(cluster: Cluster) -> bool:
    """Whether all managers are members of one swarm, which has no other."""
    swarm = cluster.world.swarms[cluster.control["swarm_id"]]
    joined = all(host.engine.home is swarm and host.engine.node_id in swarm.raft for host in cluster.hosts.values())
    return joined and len(swarm.raft) == len(cluster.hosts) == len(swarm.nodes)


def forced(cluster: Cluster) -> list[tuple[str, ...]]:
    """Who began anew, and the others that had its raft log then."""
    return [entry for entry in cluster.world.log if entry[0] == "force"]


@pytest.mark.parametrize("state", ["active", "pending"])
def test_it_heals_by_itself(stuck: Cluster, state: str) -> None:
    """From both states that an engine without a leader has: one swarm of all, the same, in the next epoch; no ghost."""
    before = dict(stuck.control)
    stuck.hosts["i-01"].engine.state = state
    stuck.run(300)
    assert whole(stuck)
    assert forced(stuck) == [("force", "i-01")]
    assert (stuck.control["swarm_id"], stuck.control["ca_digest"]) == (before["swarm_id"], before["ca_digest"])
    assert (stuck.control["phase"], stuck.control["epoch"]) == ("FORMED", before["epoch"] + 1)
    assert "alone" not in stuck.control
    told = [(one["what"], one["outcome"]) for one in stuck.store.audit if one["what"] == anew.ANEW]
    assert told == [(anew.ANEW, "began"), (anew.ANEW, "done")]


def test_it_waits_for_who_may_have_joined(stuck: Cluster) -> None:
    """A machine that is off with a seat may be the second: it is waited for until the cloud says that it is gone."""
    seated = next(name for name, seat in stuck.control["seats"].items() if not seat["node_id"])
    stuck.hosts[seated].engine.up = False
    stuck.run(200)
    assert not forced(stuck)
    assert set(stuck.control["seats"]) == {"i-01", seated}
    stuck.terminate(seated)
    stuck.run(60)
    assert forced(stuck) == [("force", "i-01")]


def test_a_cloud_that_says_nothing_is_no_proof(stuck: Cluster) -> None:
    """Without a list of the machines a seat that nobody gave back stays in the way."""
    seated = next(name for name, seat in stuck.control["seats"].items() if not seat["node_id"])
    stuck.terminate(seated)
    stuck.hosts["i-01"].metadata.machines = dict  # type: ignore[method-assign]
    stuck.run(200)
    assert not forced(stuck)


def test_a_full_disk_is_no_reason(stuck: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without room raft stops, and an engine that begins anew might not come up again: it waits, and goes on later."""
    monkeypatch.setattr(pulse, "disk", lambda _: (0, 100 << 30))
    stuck.run(200)
    assert "alone" not in stuck.control
    monkeypatch.undo()
    stuck.run(300)
    assert whole(stuck)


def test_a_leader_that_comes_back_ends_it(tmp_path: Path) -> None:
    """The second had only not said that it joined: it is asked, its peer hears it again, and nothing is begun anew."""
    cluster = Cluster(tmp_path, managers=2)
    second = cluster.hosts["i-02"]
    while not second.joined:
        cluster.run(1.5)
    cluster.store.control["seats"]["i-02"]["node_id"] = None
    cluster.store.control["managers"] = [one for one in cluster.control["managers"] if one["instance"] == "i-01"]
    second.engine.linked = False
    cluster.run(60, skip=("i-02",))
    assert rules.alone(cluster.control)
    second.engine.linked = True
    cluster.run(30)
    assert whole(cluster)
    assert not forced(cluster)
    assert "alone" not in cluster.control


STEPS = [name for name in checkpoints_names.on_a_node() if name.startswith("anew.") and "unmark" not in name]


@pytest.mark.parametrize("step", STEPS)
def test_a_crash_at_each_step(stuck: Cluster, step: str) -> None:
    """Who dies there is started again, its boot's gate included, and the end is the same: one swarm, begun anew once."""
    left = [step]

    def watch(name: str) -> None:
        if left and name == left[0]:
            left.clear()
            raise KilledError

    checkpoint.watch(watch)
    try:
        for _ in range(200):
            for host in stuck.hosts.values():
                try:
                    host.agent.tick()
                except KilledError:
                    reboot(stuck, host)
            stuck.clock.sleep(1.5)
    finally:
        checkpoint.watch(None)
    assert not left
    assert whole(stuck)
    assert forced(stuck) == [("force", "i-01")]


def reboot(cluster: Cluster, host: Host) -> None:
    """Its agent begins anew, and the gate does not take its raft log away."""
    assert not boot.fenced(cluster.control, host.context, "uid-1")
    host.restart()


def test_the_gate_knows_the_manager_that_begins_anew(stuck: Cluster) -> None:
    """Also one that died before it could remember its node id keeps its raft log at the next boot."""
    first = stuck.hosts["i-01"]
    identity.remember(first.context, node_id="")
    first.agent._membership._anew._leaderless = (first.engine.node_id, -1000.0)
    while stuck.control["phase"] != "RECOVERING":
        for host in stuck.hosts.values():
            host.agent._membership.turn()
        stuck.clock.sleep(TIMERS["takeover"] / 10)
    assert not boot.fenced(stuck.control, first.context, "uid-1")
    assert identity.recall(first.context)["node_id"] == first.engine.node_id


def test_status_tells_for_whom_it_waits(stuck: Cluster) -> None:
    """The status of the first manager names the machines whose seat is in the way."""
    seated = next(name for name, seat in stuck.control["seats"].items() if not seat["node_id"])
    stuck.run(60, skip=(seated,))
    told = status.report(stuck.hosts["i-01"].context, "1")["problems"]
    assert any(seated in one["what"] and one["code"] == "not_joined" for one in told)
    assert observe(stuck.hosts["i-01"].context).swarm_id == ""
