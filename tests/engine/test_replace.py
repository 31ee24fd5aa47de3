from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace as changed

import pytest

from bootstrap import checkpoint
from bootstrap.cli.nodes import find_member_or_place
from bootstrap.engine.session import Session
from bootstrap.errors import BootstrapError
from bootstrap.model.cluster import Size
from bootstrap.providers.base import Fault
from tests.engine.formed import actions, formed

PAUSED = Fault("paused", "its machine is paused", "bootstrap local resume FILE X", silent=True, alone=True)
End = Callable[[Session, str], None]


class KilledError(BaseException):
    """What a test puts in place of kill -9."""


def replace(one: Session, word: str) -> None:
    """What the command does, without its words."""
    list(one.replace(find_member_or_place(one, word)))


def up(one: Session) -> None:
    """What `up` does, without its words."""
    list(one.apply(one.plan_up()))
    list(one.end_surge())


def test_a_worker_is_made_anew_in_its_place() -> None:
    """Another machine under the same name, in service; the pool has its size and `up` has nothing to do."""
    one, world = formed(web=Size.of(2))
    before = world.machines["prod-web-1"]

    replace(one, "prod-web-1")

    after = world.machines["prod-web-1"]
    assert after.id != before.id
    assert world.nodes["prod-web-1"]["instance"] == after.id
    assert (after.zone, len(world.machines)) == (before.zone, 5)
    assert actions(one) == []
    assert one.status()["healthy"]


@pytest.mark.parametrize("managers", [1, 3, 5])
def test_a_live_manager_gets_another_beside_it_first(managers: int) -> None:
    """There is one more before the old one goes, and none more after; the guard never had to say no."""
    one, world = formed(managers)
    before = world.machines["prod-managers-a-1"].id
    held = {"most": 0, "least": 99}

    def count(step: str) -> None:
        known = sum(node["role"] == "manager" for node in world.nodes.values())
        held.update(most=max(held["most"], known), least=min(held["least"], known))

    with watched(count):
        replace(one, "prod-managers-a-1")

    assert held == {"most": managers + 1, "least": managers}
    assert world.machines["prod-managers-a-1"].id != before
    assert len(world.nodes) == managers
    assert (one.provider.control() or {})["surge"] is None
    assert actions(one) == []


def test_a_dead_manager_is_removed_and_made_anew() -> None:
    """A dead one needs nobody beside it: the guard lets it go, and a new one takes its place."""
    one, world = formed()
    world.machines["prod-managers-c-1"] = changed(world.machines["prod-managers-c-1"], state="stopped")
    world.nodes["prod-managers-c-1"] |= {"state": "down", "reachability": "unreachable"}

    replace(one, "prod-managers-c-1")

    assert len(world.nodes) == 3
    assert world.made == 4
    assert actions(one) == []


ENDS: tuple[End, ...] = (replace, lambda one, _: up(one))
STEPS = ("replace.surged", "wait.service", "replace.covered", "remove.marked", "replace.renewed")


@pytest.mark.parametrize("end", ENDS, ids=["replace", "up"])
@pytest.mark.parametrize("step", STEPS)
def test_kill_9_in_the_middle_never_loses_quorum(step: str, end: End) -> None:
    """Killed at any step, and ended by the same command or by `up`: as many managers as wanted, and always a quorum."""
    one, world = formed()
    with pytest.raises(KilledError), killed_at(step):
        replace(one, "prod-managers-b-1")
    assert world.quorum

    end(one, "prod-managers-b-1")

    assert world.quorum
    assert sorted(world.nodes) == ["prod-managers-a-1", "prod-managers-b-1", "prod-managers-c-1"]
    assert (one.provider.control() or {}).get("surge") is None
    assert one.status()["healthy"]
    assert actions(one) == []


@pytest.mark.parametrize("end", ENDS, ids=["replace", "up"])
def test_killed_before_the_new_machine_is_made(end: End) -> None:
    """The old machine is destroyed and the new one not made yet: the place is found by its name, and filled."""
    one, world = formed(web=Size.of(2))
    one.provider.leave(world.machines["prod-web-2"], shrink=False)
    del world.machines["prod-web-2"], world.nodes["prod-web-2"]
    world.leaving.clear()

    end(one, "prod-web-2")

    assert world.nodes["prod-web-2"]["instance"] == world.machines["prod-web-2"].id
    assert actions(one) == []


@pytest.mark.parametrize("end", ENDS, ids=["replace", "up"])
def test_killed_while_the_old_machine_was_destroyed(end: End) -> None:
    """Half a machine is left, which is none: its place is found by its name all the same, and filled."""
    one, world = formed(web=Size.of(2))
    del world.machines["prod-web-2"], world.nodes["prod-web-2"]
    world.halves.add("prod-web-2")

    end(one, "prod-web-2")

    assert world.nodes["prod-web-2"]["instance"] == world.machines["prod-web-2"].id
    assert actions(one) == []


def test_status_names_the_command_that_ends_a_killed_replacement() -> None:
    """The same command again, with the manager's name: nobody has to look for it in the trail."""
    one, _ = formed()
    with pytest.raises(KilledError), killed_at("replace.covered"):
        replace(one, "prod-managers-b-1")

    (note,) = (one for one in one.status()["notes"] if one["code"] == "replacing")
    assert note["fix"].endswith("`bootstrap replace FILE prod-managers-b-1`")


def test_a_plan_tells_that_up_ends_a_killed_replacement() -> None:
    """While the new manager is awaited the one beside it is not in the plan, since it may not go yet: a note says it."""
    one, world = formed()
    with pytest.raises(KilledError), killed_at("replace.renewed"):
        replace(one, "prod-managers-b-1")
    world.nodes["prod-managers-b-1"] |= {"state": "down", "reachability": "unreachable"}

    plan = one.plan_up()
    assert plan.changes == ()
    (note,) = plan.notes
    assert (note["code"], note["node"]) == ("replacing", "prod-managers-b-1")
    assert "the one beside it is removed with its machine" in str(note["message"])

    world.nodes["prod-managers-b-1"] |= {"state": "ready", "reachability": "reachable"}
    assert {("delete", "host/prod-managers-b-2"), ("delete", "node/prod-managers-b-2")} <= set(actions(one))
    up(one)
    assert one.plan_up().notes == ()


def test_a_paused_newcomer_is_not_waited_for() -> None:
    """The new machine was paused before it joined: the replacement ends at once with what lifts that."""
    one, world = formed(web=Size.of(2))

    def pause(step: str) -> None:
        if step == "wait.service":
            world.machines["prod-web-1"] = changed(world.machines["prod-web-1"], fault=PAUSED)
            world.nodes.pop("prod-web-1", None)

    with watched(pause), pytest.raises(BootstrapError, match="its machine is paused") as caught:
        replace(one, "prod-web-1")

    assert one.clock.now() == 0
    assert "bootstrap local resume FILE X" in caught.value.fix


@pytest.mark.parametrize("name", ["prod-web-1", "prod-managers-b-1"])
def test_a_newcomer_that_goes_off_is_switched_on(name: str) -> None:
    """Its power failed before it was in service: the replacement boots it again, and ends well."""
    one, world = formed(web=Size.of(2))
    old, off = world.machines[name].id, list[str]()

    def fail(step: str) -> None:
        machine = world.machines.get(name)
        if step == "wait.service" and machine is not None and machine.id != old and not off:
            world.machines[name] = changed(machine, state="stopped", step="")
            off.append(step)

    with watched(fail):
        replace(one, name)

    assert off
    assert world.machines[name].state == "running"
    assert one.clock.now() < 15


def test_only_one_manager_is_replaced_at_a_time() -> None:
    """While one replacement has not ended, another manager's is refused, and told how to end the first."""
    one, _ = formed()
    with pytest.raises(KilledError), killed_at("replace.covered"):
        replace(one, "prod-managers-b-1")

    with pytest.raises(BootstrapError, match="prod-managers-b-1 is being replaced") as caught:
        replace(one, "prod-managers-a-1")

    assert caught.value.code == "change_in_flight"


def test_with_the_upkeep_off_nothing_is_replaced() -> None:
    """A newcomer would stay drained for ever: refused, with the command that switches the upkeep on."""
    one, world = formed(web=Size.of(1))
    one.upkeep(False)

    with pytest.raises(BootstrapError, match="upkeep is off") as caught:
        replace(one, "prod-web-1")

    assert "reconcile" in caught.value.fix
    assert world.made == 4


def test_a_refused_replacement_leaves_the_machine_as_it_was() -> None:
    """The guard says no: nothing is marked, nothing is destroyed."""
    one, world = formed(web=Size.of(2))
    world.refuse = "remove"

    with pytest.raises(BootstrapError, match="quorum could be lost"):
        replace(one, "prod-web-1")

    world.refuse = ""
    assert world.made == 5
    assert actions(one) == []


@contextmanager
def watched(see: Callable[[str], None]) -> Iterator[None]:
    """Call `see` at every step of the run."""
    checkpoint.watch(see)
    try:
        yield
    finally:
        checkpoint.watch(None)


@contextmanager
def killed_at(step: str) -> Iterator[None]:
    """End the run there."""

    def see(name: str) -> None:
        if name == step:
            raise KilledError

    with watched(see):
        yield


def test_every_step_of_the_module_is_tried() -> None:
    """A new checkpoint in the flow is killed at as well."""
    one, _ = formed()
    seen: list[str] = []

    with watched(seen.append):
        replace(one, "prod-managers-b-1")

    assert {name for name in seen if name.startswith(("replace.", "remove.", "wait."))} == set(STEPS)


def test_a_surge_that_was_never_needed_is_dropped() -> None:
    """Recorded, and then the run was killed: `up` takes the record and the machine beside it away."""
    one, world = formed()
    with pytest.raises(KilledError), killed_at("replace.surged"):
        replace(one, "prod-managers-b-1")
    before = world.machines["prod-managers-b-1"].id

    up(one)

    assert world.machines["prod-managers-b-1"].id == before
    assert len(world.machines) == 3


def test_the_world_loses_its_quorum_where_somebody_takes_it() -> None:
    """The oracle of these tests can say no: with two of three managers off nobody answers."""
    one, world = formed()
    for name in ("prod-managers-a-1", "prod-managers-b-1"):
        world.machines[name] = changed(world.machines[name], state="stopped")

    assert one.status()["healthy"] is False
    assert world.quorum is False
