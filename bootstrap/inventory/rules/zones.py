"""Managers over zones: the loss of one zone should leave a majority."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from bootstrap.inventory.draft import Draft
from bootstrap.inventory.problem import Finding, Loc
from bootstrap.model.spread import spread

_HINT = "spread them over three zones, or set single_zone: true"


def check(draft: Draft) -> Iterator[Finding]:
    """Where the managers will stand."""
    if draft.provider is None or draft.settings is None or draft.file.managers is None:
        return
    if draft.provider.by_hosts:
        yield from _hosts(draft)
    elif draft.file.managers.count and draft.zones:
        shares = Counter(spread(draft.file.managers.count, draft.zones))
        yield from _majority(draft, shares, ("managers", "count"))


def _hosts(draft: Draft) -> Iterator[Finding]:
    """Hosts say their zone, all of the managers or none."""
    managers = (draft.file.managers and draft.file.managers.hosts) or ()
    named = [host.zone for host in managers if host.zone]
    place: Loc = ("managers", "hosts")
    if named and len(named) < len(managers):
        index = next(index for index, host in enumerate(managers) if not host.zone)
        yield Finding("E034", (*place, index), "no zone, other managers have one", "give every manager its zone")
    elif named:
        yield from _majority(draft, Counter(named), place)
    elif len(managers) > 1 and draft.file.single_zone is None:
        what = "no manager has a zone, all count as one zone"
        yield Finding("W033", place, what, "give each its zone, or set single_zone: true")
    elif len(managers) > 1 and not draft.file.single_zone:
        yield Finding("E033", place, "all managers are in one zone", _HINT)


def _majority(draft: Draft, shares: Counter[str], place: Loc) -> Iterator[Finding]:
    used = {zone: number for zone, number in shares.items() if number}
    total, (zone, most) = sum(used.values()), max(used.items(), key=lambda one: one[1])
    if total == 1 or most < total // 2 + 1 or draft.file.single_zone:
        return
    code = "W033" if len(used) == 2 else "E033"
    what = f"zone '{zone}' would hold {most} of {total} managers, its loss stops the cluster"
    yield Finding(code, place, what, _HINT)
