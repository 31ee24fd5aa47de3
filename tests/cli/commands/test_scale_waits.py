"""What `scale` waits for: what it changed itself, and no more."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from click.testing import CliRunner, Result

from bootstrap import checkpoint
from bootstrap.cli.root import root
from bootstrap.cli.run import Run
from bootstrap.engine.progress import MOMENT
from bootstrap.engine.session import Session
from bootstrap.model.cluster import Size
from bootstrap.providers.local.layout import Slot
from tests.cli.conftest import document
from tests.engine.formed import formed
from tests.fakes.provider import FakeProvider, World

Scale = Callable[..., Result]


@pytest.fixture
def pair() -> tuple[Session, World]:
    """Three managers, two workers for the web, one for the rest; up."""
    return formed(web=Size(1, 4, 2), db=Size(1, 2, 1))


@pytest.fixture
def scale(pair: tuple[Session, World]) -> Scale:
    """Run `scale` on that cluster."""

    def call(*argv: str) -> Result:
        run = Run(open_session=lambda path, say: replace(pair[0], say=say), terminal=False)
        return CliRunner().invoke(root, ["scale", "prod.yml", *argv], obj=run)

    return call


def joins_late(world: World, monkeypatch: pytest.MonkeyPatch, hostname: str) -> None:
    """That machine boots, and is no node for as long as anybody looks."""
    boot = World.switch_on

    def late(self: World, slot: Slot) -> None:
        boot(self, slot)
        if slot.hostname == hostname:
            self.machines[hostname] = replace(self.machines[hostname], step="joining")
            del self.nodes[hostname]

    monkeypatch.setattr(World, "switch_on", late)


@pytest.mark.parametrize("ill", ["prod-db-1", "prod-managers-b-1", "prod-web-1"])
@pytest.mark.parametrize(("size", "there"), [(4, 4), (1, 1)])
def test_what_was_ill_before_is_no_part_of_it(
    pair: tuple[Session, World], scale: Scale, ill: str, size: int, there: int
) -> None:
    """A machine of another pool, a manager that the quorum can spare, an older one of the pool: exit 0 and a warning."""
    session, world = pair
    world.nodes[ill] |= {"state": "down"}

    result = scale(f"web={size}", "-o", "json")

    assert result.exit_code == 0, result.stderr
    assert sum(node["pool"] == "web" for node in document(result)["nodes"]) == there
    assert document(result)["healthy"] is False
    assert f"what else is not well: {ill}" in result.stderr
    assert session.clock.now() < 60, "nobody waited for it for long, with the lock in hand"
    assert (world.lock, world.trail[-1]["outcome"]) == (None, "done")


def test_its_own_machines_are_waited_for(
    pair: tuple[Session, World], scale: Scale, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that does not join is a failure that names it, also for the run after one that was killed."""
    joins_late(pair[1], monkeypatch, "prod-web-3")

    for _ in range(2):
        error: dict[str, Any] = document(result := scale("web=3", "-o", "json"))["error"]
        assert result.exit_code == 1
        assert (error["code"], error["where"]) == ("unhealthy", "prod-web-3")


def test_what_is_off_elsewhere_stays_off(pair: tuple[Session, World], scale: Scale) -> None:
    """Somebody switched off a machine of another pool: `scale` tells it, and leaves it so."""
    world = pair[1]
    world.machines["prod-db-1"] = replace(world.machines["prod-db-1"], state="stopped", step="")
    world.nodes["prod-db-1"] |= {"state": "down"}

    result = scale("web=3")

    assert result.exit_code == 0, result.stderr
    assert "what else is not well: prod-db-1" in result.stderr
    assert pair[0].clock.now() > MOMENT, "a hand on its power had time"
    assert world.machines["prod-db-1"].state == "stopped"


def test_its_own_machine_that_goes_off_is_switched_on(
    pair: tuple[Session, World], scale: Scale, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The power of the new machine failed while it booted: it is not waited for in vain, with the lock in hand."""
    session, world = pair
    boot = World.switch_on
    boots: list[str] = []

    def fail(self: World, slot: Slot) -> None:
        boot(self, slot)
        boots.append(slot.hostname)
        if len(boots) == 1:
            self.machines[slot.hostname] = replace(self.machines[slot.hostname], state="stopped", step="")
            del self.nodes[slot.hostname]

    monkeypatch.setattr(World, "switch_on", fail)
    result = scale("web=3")

    assert result.exit_code == 0, result.stderr
    assert boots == ["prod-web-3"] * 2
    assert world.nodes["prod-web-3"]["state"] == "ready"
    assert session.clock.now() < 15


def test_a_first_look_in_an_election(
    pair: tuple[Session, World], scale: Scale, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody tells then who ever served: who leads next is asked, and an older machine that is ill is not waited for."""
    session, world = pair
    world.nodes["prod-web-1"] |= {"state": "down"}
    whole, began = World.status, list[float]()

    def elect(step: str) -> None:
        if step == "scale.applied":
            began.append(session.clock.now())

    def status(self: World, hostname: str) -> dict[str, Any]:
        said = whole(self, hostname)
        leads = not began or session.clock.now() >= began[0] + 9
        return said if leads else {**said, "swarm": None, "state": "active"}

    monkeypatch.setattr(World, "status", status)
    checkpoint.watch(elect)
    try:
        result = scale("web=3")
    finally:
        checkpoint.watch(None)

    assert result.exit_code == 0, result.stderr
    assert "what else is not well: prod-web-1" in result.stderr
    assert session.clock.now() < 60


def test_no_wait(pair: tuple[Session, World], scale: Scale, monkeypatch: pytest.MonkeyPatch) -> None:
    """--no-wait leaves them to themselves."""
    joins_late(pair[1], monkeypatch, "prod-web-3")

    assert scale("web=3", "--no-wait").exit_code == 0
    assert pair[0].clock.now() == 0


def test_a_quorum_that_is_lost_meanwhile(
    pair: tuple[Session, World], scale: Scale, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who could not be asked about its nodes is not taken for gone: exit 1, and the same command goes on."""
    resize = FakeProvider.set_size

    def lose(self: FakeProvider, pool: str, size: int) -> None:
        resize(self, pool, size)
        self.world.mute = set(self.world.machines)

    monkeypatch.setattr(FakeProvider, "set_size", lose)

    assert document(result := scale("web=1", "-o", "json"))["error"]["code"] == "no_quorum"
    assert result.exit_code == 1
    monkeypatch.undo()
    pair[1].mute.clear()
    assert scale("web=1").exit_code == 0
    assert "prod-web-2" not in pair[1].machines
