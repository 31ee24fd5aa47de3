"""The order in which a plan can be carried out: which step waits for which. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from bootstrap.model.resource import Action, Change, Plan


class Part(StrEnum):
    """A replace has two steps, everything else has one."""

    MAKE = "make"
    DELETE = "delete"


@dataclass(frozen=True, order=True)
class Step:
    """One call of one resource's verb."""

    key: str
    part: Part


Waits = dict[Step, set[Step]]  # step -> the steps that must have ended well before it starts

_MAKING = frozenset({Action.CREATE, Action.UPDATE, Action.REPLACE})
_DELETING = frozenset({Action.DELETE, Action.REPLACE})


def order(plan: Plan) -> Waits:
    """What each step of the plan waits for; what waits for nothing may run at once.

    A make runs after the makes it is `after`, and after its own delete when it is a replace. A delete runs after the
    deletes of all that is `after` it. Where that leaves a choice, a delete also runs after the makes it is `after` and
    after the updates of what was `after` it: things are let go before they are removed.
    """
    changes = {change.resource.key: change for change in plan.changes}
    if len(changes) != len(plan.changes):
        raise ValueError("a plan has two changes of one key")
    waits: Waits = {step: set() for change in plan.changes for step in steps(change)}
    for step, other in (pair for change in plan.changes for pair in _must(change)):
        if step in waits and other in waits:
            waits[step].add(other)
    for step, other in sorted(pair for change in plan.changes for pair in _should(change, changes)):
        if step in waits and other in waits and not _reaches(waits, other, step):
            waits[step].add(other)
    return waits


def steps(change: Change) -> tuple[Step, ...]:
    """The steps of one change, in their order."""
    key = change.resource.key
    if change.action is Action.REPLACE:
        return Step(key, Part.DELETE), Step(key, Part.MAKE)
    return (Step(key, Part.DELETE if change.action is Action.DELETE else Part.MAKE),)


def _must(change: Change) -> Iterator[tuple[Step, Step]]:
    """(step, what it waits for): nothing works in another order."""
    key = change.resource.key
    if change.action in _MAKING:
        yield from ((Step(key, Part.MAKE), Step(name, Part.MAKE)) for name in change.resource.after)
    if change.action is Action.REPLACE:
        yield Step(key, Part.MAKE), Step(key, Part.DELETE)
    if change.action in _DELETING and change.old is not None:
        yield from ((Step(name, Part.DELETE), Step(key, Part.DELETE)) for name in change.old.after)


def _should(change: Change, changes: dict[str, Change]) -> Iterator[tuple[Step, Step]]:
    """(step, what it waits for where possible)."""
    key = change.resource.key
    if change.action in _DELETING and change.old is not None:
        yield from ((Step(key, Part.DELETE), Step(name, Part.MAKE)) for name in change.old.after)
    if change.action is Action.UPDATE and change.old is not None:
        yield from (
            (Step(name, Part.DELETE), Step(key, Part.MAKE))
            for name in change.old.after
            if name in changes and changes[name].action is Action.DELETE
        )


def _reaches(waits: Waits, start: Step, goal: Step) -> bool:
    """Whether `start` waits, directly or not, for `goal`."""
    seen: set[Step] = set()
    todo = [start]
    while todo:
        step = todo.pop()
        if step == goal:
            return True
        todo += waits[step] - seen
        seen.add(step)
    return False
