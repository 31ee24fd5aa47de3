"""A manager that is Reachable may not be well: its own word on its disk and its raft node, and its silence, count."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bootstrap.agent import members, pulse
from bootstrap.agent.errors import Refused
from bootstrap.agent.health import SAMPLES, History
from bootstrap.agent.local import Local
from bootstrap.agent.pulse import Pulse, Pulses, is_full
from bootstrap.agent.status import report
from tests.agent.fakes import Cluster

GIB = 1 << 30
WELL = {"n": 1, "disk_free": 50 * GIB, "disk_total": 100 * GIB, "raft_restarts": 0, "engine": "26.1.5"}
SERVES = Local("active", "n1", control_available=True, engine="26.1.5")


@pytest.fixture
def formed(tmp_path: Path) -> Cluster:
    cluster = Cluster(tmp_path, managers=3, workers=1)
    cluster.run(60)
    return cluster


def fill(cluster: Cluster, instance: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """From now on that manager's agent finds its disk full."""
    full = cluster.hosts[instance].context.swarm_dir
    real = pulse.disk
    monkeypatch.setattr(pulse, "disk", lambda path: (0, 50 * GIB) if path == full else real(path))


@pytest.mark.parametrize(
    ("free", "total", "full"),
    [
        (0, 200 << 20, True), (19 << 20, 200 << 20, True), (21 << 20, 200 << 20, False),  # a small disk of the lab
        (1 * GIB, 50 * GIB, True), (2 * GIB, 50 * GIB, False), (4 * GIB, 50 * GIB, False),
        (80 * GIB, 1000 * GIB, False),  # a laptop with room enough
        (1 * GIB, 1000 * GIB, True),
    ],
)  # fmt: skip
def test_what_counts_as_full(free: int, total: int, full: bool) -> None:
    """Less than 2 GiB, or on a small disk less than a tenth."""
    assert is_full(free, total) is full


def test_a_word_grows_old_on_the_listener_s_clock() -> None:
    """The same word again is silence, however often it is read; another one is life."""
    pulses = Pulses(10)
    for now in (0, 10, 20, 30, 40):
        pulses.hear(now, {"i-1": WELL})
        assert pulses.ailment("i-1", now) == ""
    pulses.hear(50, {"i-1": WELL})
    assert pulses.ailment("i-1", 50) == "its agent has been silent for 50 s"
    pulses.hear(60, {"i-1": {**WELL, "n": 2}})
    assert pulses.ailment("i-1", 60) == ""
    assert pulses.ailment("i-2", 60) == "its agent never spoke"


@pytest.mark.parametrize(
    ("facts", "why"),
    [
        ({"disk_free": 0}, "its disk is full: 0 of 102400 MiB are free"),
        ({"raft_restarts": 2}, "its raft node stopped 2 times lately"),
        ({"raft_restarts": 1}, ""),
        ({"disk_free": None}, "its agent speaks another language"),
        ({"raft_restarts": "many"}, "its agent speaks another language"),
    ],
)
def test_what_makes_a_manager_ill(facts: dict[str, Any], why: str) -> None:
    """A full disk and a raft node that stops again and again; one stop is a crash that healed."""
    pulses = Pulses(10)
    pulses.hear(0, {"i-1": {**WELL, **facts}})
    assert pulses.ailment("i-1", 0) == why


def test_silence_shows_within_a_window() -> None:
    """The listener's patience is shorter than a window: a manager that never speaks is never stable."""
    history = History(60)
    pulses, now = Pulses(history.pause), 0.0
    seen = False
    for _ in range(SAMPLES + 1):
        pulses.hear(now, {"i-1": WELL})
        seen = seen or bool(pulses.ailment("i-1", now))
        now += history.pause
    assert seen


def test_stops_of_the_raft_node_are_counted(formed: Cluster) -> None:
    """An engine that serves no more and one that was started anew count once each, and are forgotten in time."""
    context = formed.hosts["i-01"].context
    pid = Path(context.paths.at("/run/docker.pid"))
    pid.parent.mkdir(parents=True, exist_ok=True)
    pid.write_text("100")
    word = Pulse(context)

    def restarts(local: Local) -> int:
        formed.clock.sleep(2)
        word.see("i-01", local, 10)
        word.beat()
        return int(formed.store.health["i-01"]["raft_restarts"])

    assert restarts(SERVES) == 0
    assert restarts(SERVES._replace(state="error", control_available=False)) == 1
    assert restarts(SERVES._replace(state="error", control_available=False)) == 1
    assert restarts(SERVES) == 1
    pid.write_text("200")
    assert restarts(SERVES) == 2
    assert restarts(SERVES) == 2
    formed.clock.sleep(100)
    assert restarts(SERVES) == 0


def test_a_restart_on_purpose_is_no_stop(formed: Cluster) -> None:
    """New settings restart the engine as often as they come; what stops by itself after that counts."""
    context = formed.hosts["i-01"].context
    pid = Path(context.paths.at("/run/docker.pid"))
    pid.parent.mkdir(parents=True, exist_ok=True)
    word = Pulse(context)
    for number in ("100", "200", "300"):
        pid.write_text(number)
        pulse.note_restart(context)
        word.see("i-01", SERVES, 10)
    word.beat()
    assert formed.store.health["i-01"]["raft_restarts"] == 0
    formed.clock.sleep(2)
    word.see("i-01", SERVES._replace(state="error", control_available=False), 10)
    word.beat()
    assert formed.store.health["i-01"]["raft_restarts"] == 1


def test_the_leader_forgets_the_words_of_machines_that_are_gone(formed: Cluster) -> None:
    """Not while the cloud says nothing, nor while it has its seat; then what a terminated manager said goes with it."""
    formed.terminate("i-03")
    for host in formed.hosts.values():
        host.metadata.down = True
    formed.run(20)
    assert "i-03" in formed.store.health
    for host in formed.hosts.values():
        host.metadata.down = False
    formed.run(60)
    assert set(formed.store.health) == {"i-01", "i-02"}


def test_a_word_says_all_that_the_guard_needs(formed: Cluster) -> None:
    """Every manager speaks with each tick, a worker never; the counter grows."""
    assert set(formed.store.health) == {"i-01", "i-02", "i-03"}
    before = formed.store.health["i-02"]["n"]
    formed.run(3)
    facts = formed.store.health["i-02"]
    assert set(facts) == {"n", "disk_free", "disk_total", "raft_restarts", "serves", "led", "engine"}
    assert facts["n"] > before


def test_a_manager_that_its_swarm_threw_out_still_speaks(formed: Cluster) -> None:
    """Its engine is in error, as with a full disk: the others hear how it is."""
    engine = formed.hosts["i-03"].engine
    engine.state, engine.error = "error", "manager stopped: no space left on device"
    formed.run(3)
    before = formed.store.health["i-03"]
    formed.run(6)
    assert formed.store.health["i-03"]["n"] > before["n"]
    assert formed.store.health["i-03"]["raft_restarts"] == 1


def test_beside_a_full_disk_no_manager_goes(formed: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    """The incident: of four managers one has a full disk and looks Reachable. No healthy one is removed, it may be."""
    formed.store.control["managers_target"] = 4
    formed.boot("manager")
    formed.run(60)
    formed.store.control["managers_target"] = 3
    fill(formed, "i-05", monkeypatch)
    formed.run(20)
    formed.clock.meanwhile = formed.speak
    nodes = {name: host.engine.node_id for name, host in formed.hosts.items()}
    with pytest.raises(Refused, match=r"another manager is not stable.*its disk is full"):
        members.remove(formed.leader.context, nodes["i-02"], 60)
    assert not [entry for entry in formed.world.log if entry[0] == "demote"]
    assert members.remove(formed.leader.context, nodes["i-05"], 60)["removed"]


def test_a_manager_whose_agent_is_silent_is_not_stable(formed: Cluster) -> None:
    """Its engine answers the others, its agent does not speak: none of the others goes."""
    formed.store.control["managers_target"] = 1
    formed.clock.meanwhile = formed.speak
    formed.hosts["i-03"].agent._pulse._instance = ""
    target = formed.hosts["i-02"].engine.node_id
    with pytest.raises(Refused, match="i-03: its agent has been silent"):
        members.remove(formed.leader.context, target, 60)


def test_a_manager_that_only_lacks_room_is_not_dead(formed: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    """It could not join anew, and heals by itself: it keeps its seat. Once its agent is silent too it is dead."""
    fill(formed, "i-03", monkeypatch)
    node_id = formed.hosts["i-03"].engine.node_id
    formed.world.grey.add(node_id)
    formed.run(120)
    raft = formed.world.swarms[formed.control["swarm_id"]].raft
    assert node_id in raft
    formed.hosts["i-03"].engine.up = False
    formed.run(60)
    assert node_id not in raft


def test_a_manager_with_a_broken_raft_log_is_replaced_although_it_looks_ready(formed: Cluster) -> None:
    """Seen after a full disk: swarm shows it as ready, its own agent says that it serves no more. It joins anew."""
    engine = formed.hosts["i-03"].engine
    old = engine.node_id
    formed.world.lingering.add(old)
    engine.state, engine.error = "error", "manager stopped: irreparable WAL error: wal: max entry size limit exceeded"
    formed.run(90)
    assert formed.hosts["i-03"].joined
    assert engine.node_id != old
    assert len(formed.world.swarms[formed.control["swarm_id"]].raft) == 3
    assert [entry[1] for entry in formed.world.log if entry[0] in ("demote", "rm")] == [old, old]


def test_a_promotion_that_never_ended_is_reaped(formed: Cluster) -> None:
    """A manager's node without a seat in raft that stays down goes, and its machine joins anew."""
    swarm, engine = formed.world.swarms[formed.control["swarm_id"]], formed.hosts["i-03"].engine
    old = engine.node_id
    swarm.raft.remove(old)
    engine.state, engine.error = "error", "manager stopped"
    formed.run(90)
    assert formed.hosts["i-03"].joined
    assert engine.node_id != old
    assert len(formed.nodes()) == 4


def test_status_tells_each_manager_s_word(formed: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also that of the one with the full disk, with the cause and the mend."""
    fill(formed, "i-03", monkeypatch)
    formed.run(10)
    document = report(formed.leader.context, "abc")
    assert {name: one["ailing"] for name, one in document["health"].items()} == {
        "i-01": "", "i-02": "", "i-03": "its disk is full: 0 of 51200 MiB are free",
    }  # fmt: skip
    (problem,) = document["problems"]
    assert (problem["code"], problem["where"]) == ("disk_full", "i-03")
    assert "docker system prune" in problem["fix"]


def test_status_without_a_running_agent_judges_nobody(formed: Cluster) -> None:
    """One look has no clock: `ailing` is unknown, never well."""
    formed.clock.sleep(600)
    document = report(formed.leader.context, "abc")
    assert {one["ailing"] for one in document["health"].values()} == {None}
