"""An inventory whose values are sound one by one: what the rules that look at several values together read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bootstrap.inventory.merge import engine, merge
from bootstrap.inventory.problem import Loc
from bootstrap.inventory.providers.base import InventoryProvider
from bootstrap.inventory.schema.block import Block
from bootstrap.inventory.schema.document import Inventory
from bootstrap.inventory.schema.groups import HostBlock, ManagersBlock, PoolBlock
from bootstrap.model.cluster import MANAGERS

Group = ManagersBlock | PoolBlock


@dataclass
class Draft:
    """`provider` and `settings` are None when the file names no provider that we know."""

    file: Inventory
    provider: InventoryProvider | None
    settings: Block | None
    directory: Path
    texts: dict[str, str] = field(default_factory=dict)  # files that the inventory names, by path as written

    def groups(self) -> Iterator[tuple[str, Loc, Group]]:
        """Name, path and block of the managers and of every pool."""
        if self.file.managers is not None:
            yield MANAGERS, ("managers",), self.file.managers
        for name, pool in (self.file.pools or {}).items():
            yield name, ("pools", name), pool

    def hosts(self) -> Iterator[tuple[Loc, HostBlock]]:
        """Every host with its path, managers first."""
        for _, loc, group in self.groups():
            for index, host in enumerate(group.hosts or ()):
                yield (*loc, "hosts", index), host

    def layers(self) -> Iterator[tuple[Loc, Inventory | Group | HostBlock]]:
        """Every place where the shared settings may stand."""
        yield (), self.file
        for _, loc, group in self.groups():
            yield loc, group
        yield from self.hosts()

    def merged(self, group: Group, host: HostBlock | None = None) -> dict[str, Any]:
        """The settings of a group, or of one of its hosts: maps merged, lists replaced, the nearest wins."""
        layers = [self.file.settings(), group.settings(), *([host.settings()] if host else [])]
        return {**merge(*layers), "docker": engine(*layers)}

    @property
    def zones(self) -> tuple[str, ...]:
        """Short names of the zones."""
        return self.provider.zones(self) if self.provider and self.settings else ()
