from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

import pytest

from bootstrap.model.resource import Action, Change, Disruption, FieldChange, Plan, shown_fields
from tests.fakes.world import Thing


@dataclass(frozen=True)
class Engine(Thing):
    """A thing of which some fields disturb what runs."""

    kind: ClassVar[str] = "engine"
    disruptive: ClassVar[Mapping[str, Disruption]] = {
        "size": Disruption.RESTART,
        "colour": Disruption.REPLACE,
    }
    door: object = field(default=None, compare=False, repr=False, kw_only=True)


def change(action: Action, *names: str) -> Change:
    """A change of these fields."""
    return Change(action, Engine("a"), Engine("a"), tuple(FieldChange(name, 1, 2) for name in names))


def test_a_key_is_kind_and_name() -> None:
    """Unique in a plan, and readable in an error."""
    assert Engine("a").key == "engine/a"


def test_a_handle_is_neither_compared_nor_shown() -> None:
    """The same resource through another client is the same resource, and no plan prints the client."""
    assert Engine("a", door=1) == Engine("a", door=2)
    assert list(shown_fields(Engine("a", door=1))) == ["size", "colour", "needs"]
    assert "door" not in repr(Engine("a", door=1))


@pytest.mark.parametrize(
    ("planned", "worst"),
    [
        (change(Action.CREATE, "size"), Disruption.NONE),
        (change(Action.DELETE), Disruption.NONE),
        (change(Action.UPDATE, "needs"), Disruption.NONE),
        (change(Action.UPDATE, "needs", "size"), Disruption.RESTART),
        (change(Action.UPDATE, "size", "colour"), Disruption.REPLACE),
        (change(Action.REPLACE, "needs"), Disruption.REPLACE),
    ],
)
def test_a_change_is_as_disruptive_as_its_worst_field(planned: Change, worst: Disruption) -> None:
    """A reader of the plan must not be surprised by a restart."""
    assert planned.disruption is worst


def test_a_plan_is_true_when_there_is_something_to_do() -> None:
    """What could not be read is no change."""
    assert Plan("prod", (change(Action.CREATE),))
    assert not Plan("prod", unknown=("swarm",))
