"""The difference of what should exist and what does exist. Pure: touches nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from graphlib import TopologicalSorter

from bootstrap.model.resource import Action, Change, FieldChange, Outdated, Plan, Resource, shown_fields


def diff(
    cluster: str,
    desired: Iterable[Resource],
    existing: Iterable[Resource],
    outdated: Iterable[Outdated] = (),
    unknown: Iterable[str] = (),
) -> Plan:
    """What turns `existing` into `desired`, in the order in which it can happen: makes first, then deletes.

    `unknown` are kinds that could not be read: they are named in the plan and never changed. The order does not
    depend on the order of the lists. A key that stands twice in one list, or resources that are `after` each other,
    are programming errors: ValueError.
    """
    blind = frozenset(unknown)
    wanted = _by_key(one for one in desired if one.kind not in blind)
    found = _by_key(one for one in existing if one.kind not in blind)
    makes = [_change(wanted[key], found.get(key)) for key in _ordered(wanted)]
    gone = [key for key in reversed(_ordered(found)) if key not in wanted]
    return Plan(
        cluster=cluster,
        changes=(
            *(change for change in makes if change is not None),
            *(Change(Action.DELETE, found[key], found[key]) for key in gone),
        ),
        outdated=tuple(sorted(outdated, key=lambda one: (one.name, one.why))),
        unknown=tuple(sorted(blind)),
    )


def _by_key(resources: Iterable[Resource]) -> dict[str, Resource]:
    """The resources by key."""
    known: dict[str, Resource] = {}
    for one in resources:
        if one.key in known:
            raise ValueError(f"two resources have the key {one.key}")
        known[one.key] = one
    return known


def _ordered(resources: Mapping[str, Resource]) -> list[str]:
    """The keys, each behind those it is `after`; among equals by name."""
    sorter = TopologicalSorter(
        {key: [name for name in one.after if name in resources] for key, one in resources.items()}
    )
    sorter.prepare()
    keys: list[str] = []
    while ready := sorted(sorter.get_ready()):
        keys += ready
        sorter.done(*ready)
    return keys


def _change(wanted: Resource, found: Resource | None) -> Change | None:
    """What makes `wanted` of `found`, or None when they are equal."""
    new = shown_fields(wanted)
    old = {} if found is None else shown_fields(found)
    fields = tuple(
        FieldChange(name, old.get(name), new.get(name))
        for name in {**new, **old}
        if found is None or old.get(name) != new.get(name)
    )
    if found is None:
        return Change(Action.CREATE, wanted, None, fields)
    if not fields:
        return None
    replaced = any(field.name in wanted.immutable for field in fields)
    return Change(Action.REPLACE if replaced else Action.UPDATE, wanted, found, (*fields, *wanted.details(found)))
