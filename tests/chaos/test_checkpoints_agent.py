"""Every checkpoint of the agent, in this process: killed there and started again, the cluster ends as an undisturbed one."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from bootstrap.agent import boot, checkpoint, duties, members, nodes, rotate
from bootstrap.agent import control as rules
from bootstrap.agent.errors import AgentError
from tests.agent.fakes import Cluster, Host
from tests.agent.interruption import KilledError
from tests.chaos.checkpoints_names import on_a_node

FORMING = 45.0  # seconds of the fake clock
LONG = 200.0  # longer than a dead lease is kept
DOORS = ("read", "swap", "read_secret", "write_secret")
# A restart of the engine by systemd is not played here: the sweep that tries these steps on real engines.
ELSEWHERE = {
    "configure.begin": "tests/chaos/nodes.py",
    "configure.config": "tests/chaos/nodes.py",
    "configure.daemon": "tests/chaos/nodes.py",
    "configure.member": "tests/chaos/nodes.py",
    "configure.restarted": "tests/chaos/nodes.py",
}


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing here outlives this process."""
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)


class Play:
    """A cluster whose agents can be killed: `at` that checkpoint, once."""

    def __init__(self, folder: Path, at: str = "") -> None:
        self.cluster = Cluster(folder, managers=3, workers=1)
        self.reached: list[str] = []
        self._at = at
        self._dead = False

    def run(self, seconds: float) -> None:
        """Every agent ticks; one that is killed is started again."""
        end = self.cluster.clock.now() + seconds
        while self.cluster.clock.now() < end:
            for host in [one for one in self.cluster.hosts.values() if one.engine.up]:
                self.do(host, host.agent.tick)
            self.cluster.clock.sleep(1.5)

    def do(self, host: Host, deed: Callable[[], object]) -> None:
        """One thing that a process on this host does, until it ends or is killed."""
        checkpoint.watch(self._watcher)
        self._dead = False
        try:
            with self._dying(host), suppress(AgentError):
                deed()
        except KilledError:
            host.restart()
        finally:
            checkpoint.watch(None)

    def _watcher(self, name: str) -> None:
        self.reached.append(name)
        if name == self._at and not self._dead and self.reached.count(name) == 1:
            self._dead = True
            raise KilledError

    @contextmanager
    def _dying(self, host: Host) -> Iterator[None]:
        """What is killed tidies nothing up: no call of its `finally` reaches anybody."""
        doors = [(host.view, name) for name in DOORS] + [(host.engine, "request")]

        def shut(real: Any) -> Any:
            def call(*args: Any, **kwargs: Any) -> Any:
                if self._dead:
                    raise KilledError
                return real(*args, **kwargs)

            return call

        for target, name in doors:
            setattr(target, name, shut(getattr(target, name)))
        try:
            yield
        finally:
            for target, name in doors:
                delattr(target, name)

    def seen(self) -> dict[str, Any]:
        """What two clusters with the same history have in common."""
        control, leader = self.cluster.control, self.cluster.leader
        raft = self.cluster.world.swarms[control["swarm_id"]].raft
        return {
            "swarms": len({one["swarm_id"] for one in self.cluster.store.history if one["swarm_id"]}),
            "joined": sorted(name for name, host in self.cluster.hosts.items() if host.joined),
            "raft": len(raft),
            "seats": sorted((key, seat["node_id"] in raft) for key, seat in control["seats"].items()),
            "managers": sorted(one["instance"] for one in control["managers"]),
            "nodes": sorted((_hostname(one), one["Spec"]["Role"], _labels(one)) for one in leader.engine.nodes()),
            "availability": sorted((_hostname(one), one["Spec"]["Availability"]) for one in leader.engine.nodes()),
            "live": duties.tokens_are_live(control, leader.engine.swarm()),
            "leases": [control.get("change"), control.get("rotation")],
        }


def _hostname(one: dict[str, Any]) -> str:
    return str(one["Description"]["Hostname"])


def _labels(one: dict[str, Any]) -> tuple[str, ...]:
    return tuple(sorted(f"{key}={value}" for key, value in one["Spec"]["Labels"].items()))


def formed(play: Play) -> None:
    """Four machines boot and form a swarm."""
    for host in play.cluster.hosts.values():
        for _ in range(2):  # a boot that was killed is tried again: its unit is one that restarts
            play.do(host, partial(boot.run, host.context))
    play.run(FORMING)


def replaced(play: Play) -> None:
    """A manager's machine is terminated, and another takes its place."""
    formed(play)
    play.cluster.terminate(_other(play).instance)
    play.cluster.boot("manager")


def rotated(play: Play) -> None:
    """Both tokens are rotated, by whoever leads."""
    formed(play)
    for _ in range(2):  # the same command again
        leader = play.cluster.leader
        play.do(leader, partial(rotate.rotate, leader.context, rotate.Wish()))


def removed(play: Play) -> None:
    """A worker is removed by hand, twice."""
    formed(play)
    worker = play.cluster.hosts["i-04"]
    node_id = worker.engine.node_id
    play.cluster.say("i-04", "terminating")
    worker.engine.up = False
    for _ in range(2):
        leader = play.cluster.leader
        play.do(leader, partial(members.remove, leader.context, node_id, 30))
    play.cluster.terminate("i-04")


def taken_over(play: Play) -> None:
    """The machine that began to make the swarm falls silent for a while."""
    first = play.cluster.hosts["i-01"]
    play.do(first, first.agent.tick)
    first.engine.up = False
    play.run(60)
    first.engine.up = True


def wiped(play: Play) -> None:
    """A manager loses its swarm."""
    formed(play)
    _other(play).engine.leave()


def demoted(play: Play) -> None:
    """Somebody demotes a manager by hand."""
    formed(play)
    node_id = _other(play).engine.node_id
    nodes.change(play.cluster.leader.context.engine, node_id, lambda spec: spec.update(Role="worker"))


def abandoned(play: Play) -> None:
    """Somebody took the lease of a change and was never seen again."""
    formed(play)
    lease = {"id": "x", "instance": "i-09", "node_id": _other(play).engine.node_id}
    rules.swap(play.cluster.store, lambda now: rules.begin_change(now, lease), "test")
    play.run(130)


def _other(play: Play) -> Host:
    """A manager that does not lead."""
    return next(one for one in play.cluster.hosts.values() if one is not play.cluster.leader)


BEGINNINGS = ("formed", "taken_over")
HISTORIES = {one.__name__: one for one in (formed, taken_over, replaced, rotated, removed, wiped, demoted, abandoned)}


def play(folder: Path, history: str, at: str = "", wanted: dict[str, Any] | None = None) -> Play:
    """That history, with a kill at a checkpoint, and time until all is as `wanted`."""
    folder.mkdir()
    one = Play(folder, at)
    HISTORIES[history](one)
    for _ in range(round(LONG / 10)):
        one.run(10)
        if one.seen() == wanted:
            break
    return one


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("history", HISTORIES)
def test_killed_at_each_checkpoint_of_the_agent(tmp_path: Path, history: str) -> None:
    """Killed at any checkpoint and started again, an agent brings the cluster to the same end."""
    undisturbed = play(tmp_path / "undisturbed", history)
    wanted = undisturbed.seen()
    wrong = {}
    before = play(tmp_path / "formed", "formed", wanted={}).reached if history not in BEGINNINGS else []
    for name in dict.fromkeys(undisturbed.reached):
        if name in before:  # its first time is the same in both histories
            continue
        found = play(tmp_path / name, history, name, wanted).seen()
        if found != wanted:
            wrong[name] = {key: (wanted[key], found[key]) for key in wanted if wanted[key] != found[key]}

    assert wanted["swarms"] == 1
    assert wanted["live"]
    assert wanted["leases"] == [None, None]
    assert wrong == {}


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_every_checkpoint_of_the_agent_is_tried(tmp_path: Path) -> None:
    """A step that none of these histories reaches is named with the place where it is tried."""
    reached = {name for history in HISTORIES for name in play(tmp_path / history, history).reached}

    assert set(on_a_node()) - reached == set(ELSEWHERE)
    assert all(Path(file).exists() for file in ELSEWHERE.values())
