"""A plan as JSON and as people read it: `+` create, `~` update, `-/+` replace, `-` delete."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import click

from bootstrap.cli.show.values import plain, short
from bootstrap.model.resource import Action, Change, Disruption, FieldChange, Plan

SIGNS = {
    Action.CREATE: ("+", "green"),
    Action.UPDATE: ("~", "yellow"),
    Action.REPLACE: ("-/+", "red"),
    Action.DELETE: ("-", "red"),
}
NAMES = 12  # names shown of changes that are alike, unless asked for all
_Alike = tuple[Action, str, Disruption, str]


def document(plan: Plan) -> dict[str, Any]:
    """The plan as scripts read it."""
    return {
        "cluster": plan.cluster,
        "changes": [_change(one) for one in plan.changes],
        "outdated": [{"name": one.name, "why": one.why} for one in plan.outdated],
        "unknown": list(plan.unknown),
        "notes": [dict(one) for one in plan.notes],
    }


def _change(change: Change) -> dict[str, Any]:
    return {
        "action": change.action.value,
        "kind": change.resource.kind,
        "name": change.resource.name,
        "fields": [{"name": one.name, "old": plain(one.old), "new": plain(one.new)} for one in change.fields],
        "disruption": change.disruption.value,
    }


def text(plan: Plan, *, every: bool = False) -> str:
    """The plan in lines; changes that are alike stand together. `every`: all names, and the fields of what is new."""
    return "\n".join(_lines(plan, every=every))


def _lines(plan: Plan, *, every: bool) -> Iterator[str]:
    for alike, changes in _groups(plan, every=every).items():
        yield from _block(alike, changes, every=every)
    if plan.changes:
        yield ""
    blind = ", ".join(plan.unknown)
    if blind and not plan:
        yield f"{plan.cluster}: nothing known to change; unknown until a manager answers: {blind}"
    else:
        yield f"{plan.cluster}: {summary(plan)}"
    for one in plan.outdated:
        yield f"  ! {one.name} is outdated and left running: {one.why}"
    if blind and plan:
        yield f"  ? known when a manager answers: {blind}"
    for note in plan.notes:
        node = f"{note['node']}: " if note["node"] else ""
        yield f"  {click.style('i', fg='cyan')} {node}{note['message']}"
        yield f"      {note['fix']}"


def summary(plan: Plan) -> str:
    """How many changes of each sort, or that there are none."""
    words = (
        (Action.CREATE, "create"),
        (Action.UPDATE, "update"),
        (Action.REPLACE, "replace"),
        (Action.DELETE, "delete"),
    )
    counts = [(sum(one.action is action for one in plan.changes), word) for action, word in words]
    return ", ".join(f"{count} to {word}" for count, word in counts if count) or "no changes"


def _groups(plan: Plan, *, every: bool) -> dict[_Alike, list[Change]]:
    """Changes that do the same to the same kind, in the plan's order."""
    groups: dict[_Alike, list[Change]] = {}
    for one in plan.changes:
        shown = "\n".join(_fields(one, every=every))
        groups.setdefault((one.action, one.resource.kind, one.disruption, shown), []).append(one)
    return groups


def _block(alike: _Alike, changes: list[Change], *, every: bool) -> Iterator[str]:
    """One or many changes that are alike: sign, kind, names, then the fields once."""
    action, kind, disruption, fields = alike
    sign, colour = SIGNS[action]
    head = f"{click.style(f'{sign:>3}', fg=colour)} {kind}"
    names = [one.resource.name for one in changes]
    warning = "" if disruption is Disruption.NONE or action is Action.REPLACE else f"  ({disruption.value}s engines)"
    if len(names) <= 3:
        yield from (f"{head} {name}{warning}" for name in names)
    else:
        yield f"{head} ({len(names)}){warning}"
        shown = names if every else names[:NAMES]
        yield from (f"      {name}" for name in shown)
        if len(names) > len(shown):
            yield f"      and {len(names) - len(shown)} more (-v shows them)"
    if fields:
        yield fields


def _fields(change: Change, *, every: bool) -> Iterator[str]:
    """`size: 2 -> 3`, and of a mapping only the keys that differ. What is new shows its fields on request."""
    if change.action is Action.DELETE or (change.action is Action.CREATE and not every):
        return
    for one in change.fields:
        forces = "  (replaces it)" if change.action is Action.REPLACE and one.name in change.resource.immutable else ""
        if one.name not in change.resource.digests:
            yield from (f"        {name}: {_arrow(change, old, new)}{forces}" for name, old, new in _parts(one))
        elif change.action is not Action.CREATE:
            yield f"        {one.name}: changed{forces}"


def _arrow(change: Change, old: Any, new: Any) -> str:
    return short(new) if change.action is Action.CREATE else f"{short(old)} -> {short(new)}"


def _parts(field: FieldChange) -> Iterator[tuple[str, Any, Any]]:
    """The field itself, or the leaves of a mapping that differ, however deep."""
    old, new = plain(field.old), plain(field.new)
    yield from list(_leaves(field.name, old, new)) or [(field.name, old, new)]


def _leaves(name: str, old: Any, new: Any) -> Iterator[tuple[str, Any, Any]]:
    """`pools.web.labels.tier`, its old and its new value; a mapping that comes or goes is told by its leaves."""
    pair = (old, new)
    if not (any(isinstance(one, dict) for one in pair) and all(one is None or isinstance(one, dict) for one in pair)):
        if old != new:
            yield name, old, new
        return
    before, after = old or {}, new or {}
    for key in sorted({*before, *after}):
        yield from _leaves(f"{name}.{key}", before.get(key), after.get(key))
