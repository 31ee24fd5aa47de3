"""Waiting until machines are in service: what is waited for, and what no waiting mends."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from bootstrap import checkpoint
from bootstrap.engine.hindrance import ELECTION
from bootstrap.engine.member import wait_in_service
from bootstrap.engine.progress import PATIENCE
from bootstrap.engine.session import Session
from bootstrap.errors import BootstrapError
from bootstrap.model.cluster import Size
from bootstrap.providers.base import Fault
from tests.engine.formed import formed
from tests.fakes.provider import World

PAUSED = Fault("paused", "its machine is paused", "bootstrap local resume FILE X", silent=True, alone=True)
PARTED = Fault("parted", "the network is parted", "bootstrap local heal FILE X")


def service(one: Session, seconds: float, happens: Callable[[float], None]) -> BootstrapError | None:
    """How a wait for prod-web-1 ends; at each poll something may happen, `happens` gets the seconds waited till then."""

    def poll(step: str) -> None:
        if step == "wait.service":
            happens(one.clock.now())

    checkpoint.watch(poll)
    try:
        list(wait_in_service(one.status, one.provider.instances, ["prod-web-1"], one.patience(seconds), one.switch))
    except BootstrapError as error:
        return error
    finally:
        checkpoint.watch(None)
    return None


def parted(world: World, boot: float) -> dict[str, Any]:
    """A newcomer stands in a part of the network, boots for so long and is not joined yet; its node, for later."""
    machine = world.machines["prod-web-1"]
    world.machines["prod-web-1"] = replace(machine, fault=PARTED, step="engine" if boot else "joining")
    return world.nodes.pop("prod-web-1")


@pytest.mark.parametrize("boot", [0, 40])
def test_a_newcomer_in_the_larger_part_of_the_network_is_waited_for(boot: float) -> None:
    """It joins within an election's time after its boot: that it is parted from some is no reason to give up."""
    one, world = formed(web=Size.of(1))
    node = parted(world, boot)

    def happens(now: float) -> None:
        if now >= boot:
            world.machines["prod-web-1"] = replace(world.machines["prod-web-1"], step="joining")
        if now >= boot + ELECTION / 2:
            world.nodes["prod-web-1"] = node

    assert service(one, 900, happens) is None
    assert one.clock.now() == boot + ELECTION / 2


def test_a_newcomer_in_the_smaller_part_is_given_up_after_an_election() -> None:
    """By then it would have joined: the part of the network is told, and what heals it."""
    one, world = formed(web=Size.of(1))
    parted(world, 0)

    error = service(one, 900, lambda _: None)

    assert one.clock.now() == ELECTION
    assert error is not None
    assert "bootstrap local heal FILE X" in error.fix


@pytest.mark.parametrize("whole", [True, False])
def test_who_waited_long_before_the_network_was_parted_waits_for_its_election(whole: bool) -> None:
    """The time of an election counts from then on, for the managers as for the newcomer: the larger part elects."""
    one, world = formed(web=Size.of(1))
    world.control = {**(world.control or {}), "managers": [{"node_id": one} for one in "abc"]}
    node = parted(world, 0)
    world.machines["prod-web-1"] = replace(world.machines["prod-web-1"], fault=None)

    def happens(now: float) -> None:
        if now == 60:
            world.quorum = False
            for name in set(world.machines) - ({"prod-web-1"} if whole else set()):
                world.machines[name] = replace(world.machines[name], fault=PARTED)
        if now == 70:
            world.quorum = True
        if now == 75:
            world.nodes["prod-web-1"] = node

    assert service(one, 900, happens) is None
    assert one.clock.now() == 75


def test_a_newcomer_that_goes_off_is_switched_on_and_nobody_else() -> None:
    """Its power failed while it was waited for: it comes into service all the same, and what is off elsewhere stays so."""
    one, world = formed(web=Size.of(1), db=Size.of(1))
    for name in ("prod-web-1", "prod-db-1"):
        world.machines[name] = replace(world.machines[name], state="stopped", step="")

    assert service(one, 900, lambda _: None) is None
    assert one.clock.now() <= PATIENCE
    assert world.machines["prod-db-1"].state == "stopped"


@pytest.mark.parametrize("lost", [True, False])
def test_a_quorum_that_was_paused_away_is_no_wait(lost: bool) -> None:
    """Two of three managers are paused, so nobody can join; one of three holds nothing up."""
    one, world = formed(web=Size.of(1))
    node = parted(world, 0)
    world.machines["prod-web-1"] = replace(world.machines["prod-web-1"], fault=None)
    for name in ["prod-managers-a-1", "prod-managers-b-1"][: 1 + lost]:
        world.machines[name] = replace(world.machines[name], fault=PAUSED)
        world.mute.add(name)
    world.quorum = not lost
    world.control = {**(world.control or {}), "managers": [{"node_id": one} for one in "abc"]}

    def happens(now: float) -> None:
        if now >= 7:
            world.nodes["prod-web-1"] = node

    error = service(one, 900, happens)

    assert one.clock.now() == (0 if lost else 7)
    assert (error is not None and "no waiting helps" in error.what) is lost


@pytest.mark.parametrize(
    "seen", [{"state": "unknown"}, {"state": "ready", "availability": "drain", "labels": {}}, None]
)
def test_only_a_drained_node_waits_for_the_upkeep(seen: dict[str, Any] | None) -> None:
    """Upkeep is off: a newcomer stays drained for good, and ends the wait. One that is not heard of for a moment does not."""
    one, world = formed(web=Size.of(1))
    one.upkeep(False)
    node = world.nodes.pop("prod-web-1")
    if seen is not None:
        world.nodes["prod-web-1"] = {**node, **seen}

    def happens(now: float) -> None:
        if now >= 7:
            world.nodes["prod-web-1"] = node

    error = service(one, 900, happens)
    drained = seen is not None and seen["state"] == "ready"

    assert one.clock.now() == (0 if drained else 7)
    assert (error is not None and "stays drained" in error.what) is drained
