from __future__ import annotations

from dataclasses import replace

import pytest

from bootstrap.cli.nodes import find_member_or_place
from bootstrap.engine.session import Session
from bootstrap.errors import BootstrapError
from bootstrap.model.cluster import Size
from tests.engine.formed import actions, formed
from tests.fakes.provider import node


def remove(one: Session, word: str) -> None:
    """What the command does, without its words."""
    list(one.remove(find_member_or_place(one, word)))


def test_a_worker_goes_with_its_machine_and_its_place() -> None:
    """Node and machine are gone, the group wants one less, the others keep their names, and `up` has nothing to do."""
    one, world = formed(web=Size(1, 4, 3))

    remove(one, "prod-web-2")

    assert sorted(name for name in world.machines if "web" in name) == ["prod-web-1", "prod-web-3"]
    assert "prod-web-2" not in world.nodes
    assert one.sizes()["web"] == 2
    assert actions(one) == []
    assert one.status()["healthy"]


def test_a_worker_goes_although_the_file_wants_it() -> None:
    """A pool at its minimum loses the node and its machine too; the place stays, and `up` fills it."""
    one, world = formed(web=Size(2, 4, 2))

    remove(one, "prod-web-1")

    assert sorted(name for name in world.nodes if "web" in name) == ["prod-web-2"]
    assert one.sizes()["web"] == 2
    assert actions(one) == [("create", "host/prod-web-1")]


def test_a_live_manager_is_not_removed() -> None:
    """A manager that works and that the file wants stays."""
    one, world = formed()

    with pytest.raises(BootstrapError, match="wants 3 managers"):
        remove(one, "prod-managers-a-1")

    assert len(world.machines) == 3


def test_a_dead_node_goes_although_the_file_wants_one() -> None:
    """Where a machine is off its node and its disk may go; its place stays, and `up` fills it."""
    one, world = formed(web=Size.of(2))
    world.machines["prod-web-1"] = replace(world.machines["prod-web-1"], state="stopped")
    world.nodes["prod-web-1"]["state"] = "down"

    remove(one, "prod-web-1")

    assert sorted(name for name in world.nodes if "web" in name) == ["prod-web-2"]
    assert actions(one) == [("create", "host/prod-web-1")]


def test_a_dead_manager_goes_past_the_guard() -> None:
    """One dead of three: the guard allows it, and `up` makes a new one in its place."""
    one, world = formed()
    world.machines["prod-managers-b-1"] = replace(world.machines["prod-managers-b-1"], state="stopped")
    world.nodes["prod-managers-b-1"] |= {"state": "down", "reachability": "unreachable"}

    remove(one, "prod-managers-b-1")

    assert sorted(world.nodes) == ["prod-managers-a-1", "prod-managers-c-1"]
    assert actions(one) == [("create", "host/prod-managers-b-1")]


def test_a_ghost_is_just_removed() -> None:
    """An entry without a machine leaves the swarm; nothing else changes."""
    one, world = formed(web=Size.of(1))
    ghost = {"id": "ghost1", "hostname": "old", "state": "down", "instance": None}
    world.nodes["ghost"] = node(world.machines["prod-web-1"]) | ghost

    remove(one, "ghost1")

    assert "ghost" not in world.nodes
    assert ("remove", "ghost1", "--timeout", "900") in world.calls
    assert "prod-web-1" in world.machines


def test_a_refused_removal_leaves_nothing_marked() -> None:
    """Where the agent's guard says no after all, the group is as it was and no machine is on its way out."""
    one, world = formed(web=Size(1, 4, 3))
    world.refuse = "remove"

    with pytest.raises(BootstrapError, match="quorum could be lost"):
        remove(one, "prod-web-2")

    world.refuse = ""
    assert one.sizes()["web"] == 3
    assert {machine.state for machine in one.instances()} == {"running"}
    assert actions(one) == []


def test_a_killed_removal_is_ended_by_up() -> None:
    """Killed after the mark: `up` goes on where it stopped, and so does the same command."""
    one, world = formed(web=Size(1, 4, 3))
    machine = next(machine for machine in one.instances() if machine.hostname == "prod-web-2")

    one.provider.leave(machine, shrink=True)

    assert actions(one) == [("delete", "host/prod-web-2"), ("delete", "node/prod-web-2")]
    remove(one, "prod-web-2")
    assert actions(one) == []
    assert sorted(name for name in world.nodes if "web" in name) == ["prod-web-1", "prod-web-3"]


def test_without_a_quorum_nothing_is_removed() -> None:
    """No manager answers: refused, and nothing is marked."""
    one, world = formed(web=Size(1, 4, 3))
    world.quorum = False

    with pytest.raises(BootstrapError, match="no manager answers") as caught:
        remove(one, "prod-web-2")

    assert caught.value.code == "no_quorum"
    assert {machine.state for machine in one.instances()} == {"running"}


def test_a_quorum_that_is_lost_meanwhile_is_no_success() -> None:
    """A plan that was made blind leaves the node alone: that is a failure, and the same command goes on later."""
    one, world = formed(web=Size(1, 4, 3))
    steps = one.remove(find_member_or_place(one, "prod-web-2"))
    world.quorum = False

    with pytest.raises(BootstrapError, match="quorum") as caught:
        list(steps)

    assert caught.value.code == "no_quorum"
    assert "prod-web-2" in world.machines
    world.quorum = True
    remove(one, "prod-web-2")
    assert "prod-web-2" not in world.machines
    assert actions(one) == []


def test_killed_while_the_machine_was_destroyed() -> None:
    """Half a machine is left, without a place: the same command takes the rest away."""
    one, world = formed(web=Size(1, 4, 2))
    one.provider.leave(world.machines["prod-web-2"], shrink=True)
    del world.machines["prod-web-2"], world.nodes["prod-web-2"]
    world.halves.add("prod-web-2")

    remove(one, "prod-web-2")

    assert world.halves == set()
    assert actions(one) == []
