from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bootstrap.engine.diff import diff
from bootstrap.model.resource import Action, FieldChange, Outdated
from tests.fakes.world import Thing


@dataclass(frozen=True)
class Network(Thing):
    """A second kind."""

    kind: ClassVar[str] = "network"


def test_equal_lists_are_an_empty_plan() -> None:
    """What exists as wanted needs nothing, and the plan is false."""
    plan = diff("prod", [Thing("a"), Thing("b", 2)], [Thing("b", 2), Thing("a")])

    assert plan.changes == ()
    assert not plan


def test_what_is_missing_is_created_with_all_its_fields() -> None:
    """A create shows every field as wanted and nothing as found."""
    (change,) = diff("prod", [Thing("a", 3)], []).changes

    assert change.action is Action.CREATE
    assert change.fields == (
        FieldChange("size", None, 3),
        FieldChange("colour", None, "red"),
        FieldChange("needs", None, ()),
    )


def test_what_is_not_wanted_is_deleted_as_found() -> None:
    """A delete acts on the resource that was found, since that one knows its own handles."""
    found = Thing("a", 9)

    (change,) = diff("prod", [], [found]).changes

    assert (change.action, change.resource, change.old) == (Action.DELETE, found, found)


def test_a_changed_field_is_an_update_of_that_field() -> None:
    """Only the fields that differ are in the plan."""
    (change,) = diff("prod", [Thing("a", 2)], [Thing("a", 1)]).changes

    assert change.action is Action.UPDATE
    assert change.fields == (FieldChange("size", 1, 2),)


def test_a_changed_immutable_field_is_a_replace() -> None:
    """One immutable field among several makes the whole change a replace."""
    (change,) = diff("prod", [Thing("a", 2, "blue")], [Thing("a", 1, "red")]).changes

    assert change.action is Action.REPLACE
    assert [one.name for one in change.fields] == ["size", "colour"]


def test_makes_come_in_the_order_of_their_needs_and_deletes_in_reverse() -> None:
    """The plan reads in the order in which it can happen, whatever the order of the lists."""
    wanted = [Thing("a", needs=("c",)), Thing("b"), Thing("c")]
    found = [Thing("z"), Thing("y", needs=("z",)), Thing("x", needs=("y",))]

    plan = diff("prod", wanted, found)

    assert [(one.action.value, one.resource.name) for one in plan.changes] == [
        ("create", "b"),
        ("create", "c"),
        ("create", "a"),
        ("delete", "x"),
        ("delete", "y"),
        ("delete", "z"),
    ]


@given(st.permutations([Thing("a", needs=("c",)), Thing("b", 5), Thing("c"), Thing("d", needs=("a", "b"))]))
def test_the_order_of_the_lists_does_not_matter(shuffled: list[Thing]) -> None:
    """Two runs that read the world in different orders show the same plan."""
    expected = diff("prod", sorted(shuffled, key=lambda one: one.name), [])

    assert diff("prod", shuffled, []) == expected
    assert diff("prod", [], shuffled) == diff("prod", [], reversed(shuffled))


def test_a_kind_that_could_not_be_read_is_never_changed() -> None:
    """Where nobody answers, the plan says unknown, and neither create nor delete."""
    plan = diff("prod", [Network("edge"), Thing("a")], [Network("old")], unknown=["swarm", "network"])

    assert [one.resource.key for one in plan.changes] == ["thing/a"]
    assert plan.unknown == ("network", "swarm")


def test_outdated_machines_are_told_and_are_no_change() -> None:
    """A plan with nothing but outdated machines is empty."""
    plan = diff("prod", [], [], outdated=[Outdated("b", "image"), Outdated("a", "script")])

    assert not plan
    assert [one.name for one in plan.outdated] == ["a", "b"]


@pytest.mark.parametrize("where", ["wanted", "found"])
def test_a_key_that_stands_twice_is_a_programming_error(where: str) -> None:
    """Two resources of one key would hide each other."""
    twice = [Thing("a", 1), Thing("a", 2)]

    with pytest.raises(ValueError, match="thing/a"):
        diff("prod", *((twice, []) if where == "wanted" else ([], twice)))


def test_things_that_need_each_other_are_a_programming_error() -> None:
    """A circle has no order."""
    with pytest.raises(ValueError, match="cycle"):
        diff("prod", [Thing("a", needs=("b",)), Thing("b", needs=("a",))], [])
