"""The cluster's own network on this machine, with its metadata, DHCP and DNS services."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from typing import ClassVar, Self

from bootstrap.checkpoint import reach
from bootstrap.lab import fabric, paths, records
from bootstrap.model.resource import Resource
from bootstrap.providers.local import access
from bootstrap.providers.local.readable import readable


@dataclass(frozen=True)
class Fabric(Resource):
    """`running` is False where the machine was rebooted or somebody took a part away."""

    kind: ClassVar[str] = "fabric"

    running: bool = True
    avoid: tuple[str, ...] = field(default=(), compare=False, repr=False, kw_only=True)

    def create(self) -> None:
        """Choose a free address range, make the namespace and start the services."""
        fabric.refuse_stranger(self.name)
        folder = paths.cluster_dir(self.name)
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        reach("fabric.folder")
        access.make_key(folder)  # first: once the fabric runs nobody looks for the key again
        fabric.create(self.name, secrets.token_hex(8), self.avoid)

    def update(self, old: Self) -> None:
        """Make again what is missing; the uid stays, where it was ever written."""
        del old
        folder = paths.cluster_dir(self.name)
        if records.load_fabric(folder) is None:
            self.create()
        access.make_key(folder)
        fabric.start(self.name)

    def delete(self) -> None:
        """Take the namespace, its rules and the cluster's folder away."""
        fabric.destroy(self.name)
        reach("fabric.destroyed")
        records.remove(paths.cluster_dir(self.name))


def existing_fabric(cluster: str) -> list[Fabric]:
    """The fabric, where there is any trace of the cluster."""
    if not paths.cluster_dir(cluster).exists():
        return []
    return [Fabric(cluster, bool(readable(fabric.running, cluster)))]
