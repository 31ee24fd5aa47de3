"""Machines that cannot be switched on while they are waited for, and waits that end well without them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from bootstrap.engine.events import Event, Note
from bootstrap.engine.progress import MOMENT
from bootstrap.engine.switch import TIMES, Switch
from bootstrap.errors import BootstrapError, FailedTogether, InterruptedRun
from bootstrap.model.resource import Action, Change, Plan
from tests.engine.formed import formed
from tests.engine.test_health import MACHINES
from tests.engine.test_ready import after, change, waited
from tests.fakes.clock import FakeClock
from tests.fakes.provider import FakeHost

OFF = replace(MACHINES[0], state="stopped")
INTERRUPTED = InterruptedRun("interrupted")


def looked(plan: Plan, error: BootstrapError | None = None) -> list[str]:
    """The notes of a look at a machine that is off for long enough, with that plan for it, whose apply ends so."""

    def apply(_plan: Plan) -> Iterator[Event]:
        if error is not None:
            raise error
        yield from ()

    clock = FakeClock()
    switch = Switch(clock, lambda names: plan, apply)
    assert list(switch.look([OFF])) == []
    clock.sleep(MOMENT)
    return [event.text for event in switch.look([OFF]) if isinstance(event, Note)]


def test_a_quorum_that_comes_without_a_machine_that_does_not_start(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that cannot be switched on ends no wait: it is told, tried once more, and the others elect meanwhile."""
    one, world = formed()
    change(world, "prod-managers-c-1", state="stopped", step="")
    world.no_boot.add("prod-managers-c-1")
    world.quorum = False
    after(one, 10, monkeypatch, lambda: setattr(world, "quorum", True))

    told, error = waited(one, 60)

    assert error is None
    failed = [text for text in told if text.startswith("could not be switched on")]
    assert failed == ["could not be switched on: prod-managers-c-1: the machine does not start"] * TIMES


def test_nothing_is_said_where_nothing_is_done() -> None:
    """A group that puts a new machine in the place of one that went off has no use for a hand on its power."""
    host = FakeHost(OFF.hostname)
    told = looked(Plan("prod", (Change(Action.UPDATE, host, replace(host, running=False)),)))

    assert looked(Plan("prod")) == []
    assert told == [f"went off meanwhile, and will be switched on: {OFF.hostname}"]


@pytest.mark.parametrize("also_failed", [False, True])
def test_an_interruption_ends_the_wait(also_failed: bool) -> None:
    """Ctrl-C ends the programs that a boot runs as well: that failure does not hide what was asked for."""
    host = FakeHost(OFF.hostname)
    error: BootstrapError = INTERRUPTED
    if also_failed:
        error = FailedTogether((BootstrapError("`mkfs.ext4` ended with -2"),))
        error.__cause__ = INTERRUPTED

    with pytest.raises(type(error)):
        looked(Plan("prod", (Change(Action.UPDATE, host, replace(host, running=False)),)), error)


def test_the_documentation_says_when() -> None:
    """Who pulls a power cord under an `up` that waits sees it come back."""
    text = (Path(__file__).parents[2] / "docs/faults.md").read_text()
    (row,) = [line for line in text.splitlines() if line.startswith("| `kill ")]

    assert f"an `up` that waits switches it on after {MOMENT:g} s" in row
