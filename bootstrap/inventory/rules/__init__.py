"""What only shows when several values are looked at together; each rule reads a draft and yields findings."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from bootstrap.inventory.draft import Draft
from bootstrap.inventory.problem import Finding
from bootstrap.inventory.rules import document, engine, files, hosts, machines, ranges, sizes, zones

RULES: tuple[Callable[[Draft], Iterator[Finding]], ...] = (
    document.check,
    sizes.check,
    zones.check,
    hosts.check,
    machines.check,
    engine.check,
    ranges.check,
    files.check,
)
