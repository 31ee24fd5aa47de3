"""Zones of a region by short name: `a` for ap-northeast-2a or europe-west3-a."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from bootstrap.inventory.problem import Finding, Loc
from bootstrap.inventory.redaction import shown


def short(zone: str, region: str) -> str:
    """The zone without its region."""
    return zone.removeprefix(region).removeprefix("-") if zone != region else zone


def check_zones(zones: Sequence[str] | Mapping[str, str], region: str, loc: Loc, full: str) -> Iterator[Finding]:
    """Each zone is of the region, and stands once however it is written; `full` is an example of a whole name.

    `zones` is a list, or a map by zone.
    """
    seen: dict[str, Loc] = {}
    for index, zone in enumerate(zones):
        place = (*loc, zone if isinstance(zones, Mapping) else index)
        name = short(zone, region)
        if not re.fullmatch("[a-z]", name):
            yield Finding("E034", place, f"{shown(zone)} is no zone of {region}", f"write a letter, or as in {full}")
        elif name in seen:
            yield Finding("E034", place, f"zone {shown(name)}", "name each zone once", other=seen[name])
        else:
            seen[name] = place
