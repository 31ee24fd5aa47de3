"""May this manager be removed now? Pure, and tested over every case: the last word before a destructive step."""

from __future__ import annotations

from typing import NamedTuple


class View(NamedTuple):
    """What is known of the managers, after a committed write. `members` holds a raft seat each.

    `stable`: reachable and ready in every sample of the window. `dead`: out of `stable` for the whole of *dead*.
    `target` is how many are wanted; `single` says that one manager is wanted on purpose.
    """

    members: frozenset[str]
    stable: frozenset[str]
    dead: frozenset[str]
    target: int
    single: bool = False
    in_flight: bool = False
    settled: bool = True


def majority(count: int) -> int:
    """How many of `count` managers make a quorum."""
    return count // 2 + 1


def refuse_removal(view: View, member: str) -> str | None:
    """Why `member` may not be removed now, or None: a dead one by the rule for dead ones, else by that for live."""
    return refuse_dead(view, member) if member in view.dead else refuse_live(view, member)


def refuse_dead(view: View, member: str) -> str | None:
    """Why a manager that looks dead may not be removed now, or None when it may."""
    why = _always(view, member)
    if why:
        return why
    if member not in view.dead or member in view.stable:
        return "it is not dead for long enough"
    count, healthy = len(view.members), len(view.stable)
    if healthy < majority(count):
        return f"{healthy} of {count} managers are stable: too few to commit the change"
    if len(view.stable - {member}) < majority(count - 1):
        return f"the managers that stay would have no stable majority of {count - 1}"
    return None


def refuse_live(view: View, member: str) -> str | None:
    """Why a manager that works may not be removed now, or None when it may."""
    why = _always(view, member)
    if why:
        return why
    left = len(view.members) - 1
    if view.stable - {member} != view.members - {member}:
        return "another manager is not stable: heal or remove that one first"
    if left < view.target:
        return f"{view.target} managers are wanted and {left} would be left: lower the count, or add one first"
    if left < 3 and not (view.single and view.target == 1):
        return f"{left} managers would be left, which survive no loss: add one first"
    return None


def _always(view: View, member: str) -> str | None:
    if member not in view.members:
        return "it is no manager"
    if view.in_flight:
        return "another membership change is under way"
    if not view.settled:
        return "the leader is too new"
    count = len(view.members)
    if len(view.members - view.stable) > (count - 1) // 2:
        return f"{len(view.members - view.stable)} of {count} managers are not stable: stop and look"
    return None
