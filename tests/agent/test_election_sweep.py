"""The first manager killed, and frozen, at every single call that it makes."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from bootstrap.agent import control as rules
from bootstrap.agent import join
from tests.agent.fakes import Cluster
from tests.agent.interruption import KilledError, interrupted, kill

CALLS = 45  # more than one manager makes to its engine and its store until its swarm is published


def _forms(cluster: Cluster) -> None:
    """One swarm was ever published, and everybody is in it."""
    cluster.run(120)
    published = {one["swarm_id"] for one in cluster.store.history if one["phase"] == rules.FORMED}
    assert published == {cluster.control["swarm_id"]}
    assert all(host.engine.home and host.engine.home.id in published for host in cluster.hosts.values())


@pytest.mark.parametrize("calls", range(CALLS))
def test_first_manager_killed_at_every_call(tmp_path: Path, calls: int) -> None:
    """Wherever the first manager's agent dies, one swarm comes of it, made as asked."""
    cluster = Cluster(tmp_path, managers=2)
    first = cluster.hosts["i-01"]
    with suppress(KilledError), interrupted(first, calls, kill):
        for _ in range(6):
            first.agent.tick()
    first.restart()
    _forms(cluster)


@pytest.mark.parametrize("calls", range(CALLS))
def test_first_manager_frozen_at_every_call(tmp_path: Path, calls: int) -> None:
    """Wherever it is frozen while another takes over and publishes: what wakes up cannot publish a second swarm."""
    cluster = Cluster(tmp_path, managers=2)
    first, second = cluster.hosts.values()

    def meanwhile() -> None:
        for _ in range(8):
            second.agent.tick()
            cluster.clock.sleep(10)

    with interrupted(first, calls, meanwhile):
        for _ in range(6):
            first.agent.tick()
    _forms(cluster)


def _publish_blindly(control: Any, member: Any, swarm: Any, epoch: int) -> Any:
    seat = {"address": member["address"], "node_id": member["node_id"]}
    formed = {"phase": rules.FORMED, "managers": [dict(member)], "seats": {member["instance"]: seat}}
    return {**control, **swarm, **formed}


def test_sweep_sees_a_publish_without_comparing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A test of the test: with the comparison taken out, the frozen manager publishes a second swarm."""
    monkeypatch.setattr(rules, "publish", _publish_blindly)
    monkeypatch.setattr(rules, "check", lambda old, wanted: None)
    with pytest.raises(AssertionError):
        test_first_manager_frozen_at_every_call(tmp_path, 10)


def test_sweep_sees_an_orphan_that_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A test of the test: when orphan swarms are not wiped, the frozen manager never joins the published one."""
    real = join.next_step

    def stay(*args: Any, **kwargs: Any) -> join.Step:
        step = real(*args, **kwargs)
        return join.Step(join.WAIT, "mutant") if step.action == join.WIPE else step

    monkeypatch.setattr(join, "next_step", stay)
    with pytest.raises(AssertionError):
        test_first_manager_frozen_at_every_call(tmp_path, 8)
