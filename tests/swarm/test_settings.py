"""Settings of running engines: told as a restart, one node at a time, the leader last, and not done before it is seen."""

from __future__ import annotations

import itertools
import json
from dataclasses import replace
from typing import Any

import pytest

from bootstrap.engine.diff import diff
from bootstrap.errors import BootstrapError
from bootstrap.model.cluster import Cluster, Docker, Packages
from bootstrap.model.resource import Plan
from bootstrap.remote.agent import Agent
from bootstrap.swarm.settings import NodeSettings, changed_settings, outdated_settings
from bootstrap.swarm.view import View
from tests.fakes.cluster import cluster, pool
from tests.fakes.provider import FakeProvider, World
from tests.swarm.test_view import Says

LOCAL = Docker(Packages.IMAGE, daemon={"log-driver": "local"})
SMALL = cluster(pool("web", 2))


def world() -> World:
    """Three managers and two workers whose engines run with nothing set."""
    made = World()
    for wanted in FakeProvider(SMALL, made).desired():
        wanted.create()
    for one in made.nodes.values():
        one["daemon"] = "{}"
    made.nodes["prod-managers-a-1"]["leader"] = True
    return made


def plan(wanted: Cluster, made: World) -> Plan:
    """What `up` would do to the engines."""
    provider = FakeProvider(wanted, made)
    document = {"swarm": {"nodes": list(made.nodes.values())}, "control": {"timers": {"stable": 10}}}
    view = View(document, Agent(Says("{}"), "m1"))
    return diff("prod", *changed_settings(wanted, view, provider, provider.instances(), leaving=()))


def with_daemon(made: Cluster) -> Cluster:
    """The same with another log driver everywhere."""
    pools = tuple(replace(one, docker=LOCAL) for one in made.pools)
    return replace(made, managers=replace(made.managers, docker=LOCAL), pools=pools)


def test_nothing_differs() -> None:
    """Engines that run with what the file says are no change, and no node is asked."""
    made = world()

    assert not plan(SMALL, made)
    assert made.calls == []


def test_told_as_a_restart_by_key() -> None:
    """Each key that differs is a field, and the disruption is a restart."""
    made = world()
    made.nodes["prod-web-1"]["daemon"] = json.dumps({"debug": True})

    change = next(one for one in plan(with_daemon(SMALL), made).changes if one.resource.name == "prod-web-1")

    assert {(one.name, one.old, one.new) for one in change.fields} == {
        ("daemon.log-driver", None, "local"),
        ("daemon.debug", True, None),
    }
    assert (change.resource.kind, change.action, change.disruption) == ("node", "update", "restart")


def test_told_to_who_only_looks() -> None:
    """`status` names the machines whose engines differ from the file, and nobody is asked for it."""
    made = world()
    view = View({"swarm": {"nodes": list(made.nodes.values())}}, Agent(Says("{}"), "m1"))
    instances = FakeProvider(SMALL, made).instances()

    assert outdated_settings(SMALL, view, instances) == []
    made.nodes["prod-web-1"]["daemon"] = json.dumps({"debug": True})
    (told,) = outdated_settings(SMALL, view, instances)

    assert (told.name, "`bootstrap up`" in told.why) == ("prod-web-1", True)
    assert made.calls == []


def test_one_at_a_time_and_the_leader_last() -> None:
    """Workers, then managers, then the leader; each waits for the one before it, also past those that are right."""
    made = world()
    made.nodes["prod-managers-b-1"]["daemon"] = json.dumps({"log-driver": "local"})

    changes = plan(with_daemon(SMALL), made).changes

    names = ["prod-web-1", "prod-web-2", "prod-managers-c-1", "prod-managers-a-1"]
    assert [one.resource.name for one in changes] == names
    for before, after in itertools.pairwise(changes):
        assert before.resource.key in after.resource.after


@pytest.mark.parametrize("changed", [{"state": "down"}, {"daemon": None}, {"instance": None}])
def test_left_alone(changed: dict[str, Any]) -> None:
    """A node that is not ready, that does not say, or that is no machine of ours is not touched."""
    made = world()
    made.nodes["prod-web-1"].update(changed)

    assert "prod-web-1" not in [one.resource.name for one in plan(with_daemon(SMALL), made).changes]


def test_a_machine_that_is_off_is_left_alone() -> None:
    """The managers still say that it is ready, and nobody is there to be given settings."""
    made = world()
    off = made.machines["prod-web-1"]
    made.machines["prod-web-1"] = replace(off, state="stopped")

    names = [one.resource.name for one in plan(with_daemon(SMALL), made).changes]

    assert "prod-web-1" not in names
    assert "prod-web-2" in names


def test_done_when_the_managers_see_it() -> None:
    """An update ends when the node is ready with its new settings, and fails where that does not come."""
    made = world()
    old = made.nodes["prod-web-1"]
    new = {**old, "daemon": json.dumps({"log-driver": "local"})}
    seen = [[], [{**new, "state": "down"}], [old], [new]]
    slept: list[float] = []
    one = NodeSettings(
        "prod-web-1",
        {"log-driver": "local"},
        id=old["id"],
        agent=Agent(Says("{}"), "prod-web-1"),
        look=lambda: seen.pop(0),
        patience=10,
        sleep=slept.append,
    )

    one.update(one)
    assert len(slept) == 3

    with pytest.raises(BootstrapError, match="not ready again"):
        replace(one, look=lambda: [old]).update(one)
