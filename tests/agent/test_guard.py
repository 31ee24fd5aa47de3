"""The guard over every case, against an oracle that is written from the promise and not from the code."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator

import pytest

from bootstrap.agent.guard import View, majority, refuse_dead, refuse_live, refuse_removal

STABLE, FLAPPING, DEAD = "stable", "flapping", "dead"


def view(states: tuple[str, ...], target: int, *, single: bool = False) -> View:
    names = [f"m{number}" for number in range(len(states))]
    stable = frozenset(name for name, state in zip(names, states, strict=True) if state == STABLE)
    dead = frozenset(name for name, state in zip(names, states, strict=True) if state == DEAD)
    return View(frozenset(names), stable, dead, target, single=single)


def cases() -> Iterator[tuple[View, str, str]]:
    """1 to 7 managers x {stable, flapping, dead} each x which one x {live, dead} x {as many wanted, one fewer}."""
    for count in range(1, 8):
        for states in itertools.product((STABLE, FLAPPING, DEAD), repeat=count):
            for target in (count, count - 1):
                now = view(states, target)
                for member in sorted(now.members):
                    yield now, member, "live"
                    yield now, member, "dead"


def allowed(now: View, member: str, kind: str) -> bool:
    return (refuse_live if kind == "live" else refuse_dead)(now, member) is None


def safe(now: View, member: str) -> bool:
    """The promise: only managers that are surely well count, and they can both commit the step and go on after it."""
    well = sum(1 for one in now.members if one in now.stable)
    after = sum(1 for one in now.members if one in now.stable and one != member)
    return 2 * well > len(now.members) and 2 * after > len(now.members) - 1


def test_no_allowed_case_is_unsafe() -> None:
    """85,296 cases, 1,324 of them allowed, and in every one a stable majority stays."""
    every = list(cases())
    permitted = [(now, member) for now, member, kind in every if allowed(now, member, kind)]
    assert (len(every), len(permitted)) == (85296, 1324)
    assert [one for one in permitted if not safe(*one)] == []


@pytest.mark.parametrize("count", range(3, 8))
def test_one_dead_of_many_may_go(count: int) -> None:
    """One dead manager, the rest well: it may always be removed."""
    now = view((DEAD, *[STABLE] * (count - 1)), count)
    assert refuse_removal(now, "m0") is None


def test_never_while_another_change_runs() -> None:
    """A change in flight or a new leader forbids everything."""
    for now, member, kind in cases():
        if len(now.members) <= 4:
            assert not allowed(now._replace(in_flight=True), member, kind)
            assert not allowed(now._replace(settled=False), member, kind)


def test_three_shrink_to_one_only_on_purpose() -> None:
    """Below three managers only when one is wanted explicitly."""
    assert refuse_live(view((STABLE,) * 3, 1), "m0")
    assert refuse_live(view((STABLE,) * 3, 1, single=True), "m0") is None
    assert refuse_live(view((STABLE,) * 3, 2, single=True), "m0")


def test_grey_incident() -> None:
    """Three healthy and one that flaps: a healthy one never goes first, the flapping one may."""
    now = view((STABLE, STABLE, STABLE, FLAPPING), 3)
    assert refuse_live(now, "m0")
    assert refuse_live(now, "m3") is None


def test_not_a_member() -> None:
    """What holds no seat is not the guard's business."""
    assert refuse_removal(view((STABLE,) * 3, 3), "m9") == "it is no manager"


def test_random_larger_sets() -> None:
    """10,000 random cases up to nine managers: never unsafe."""
    rng = random.Random(20261)
    for _ in range(10_000):
        states = tuple(rng.choices((STABLE, FLAPPING, DEAD), (6, 1, 2), k=rng.randint(1, 9)))
        now = view(states, rng.randint(1, 9), single=rng.random() < 0.2)
        member = rng.choice(sorted(now.members))
        for kind in ("live", "dead"):
            assert safe(now, member) or not allowed(now, member, kind) or (now.single and now.target == 1)


@pytest.mark.parametrize(("count", "needed"), [(1, 1), (2, 2), (3, 2), (4, 3), (5, 3), (7, 4)])
def test_majority(count: int, needed: int) -> None:
    """More than half."""
    assert majority(count) == needed
