"""A small cluster as the inventory would give it."""

from __future__ import annotations

from typing import Any

from bootstrap.model.cluster import Cluster, Docker, Packages, Pool, Role, Size

IMAGE = Docker(Packages.IMAGE)


def pool(name: str, size: Size | int, **settings: Any) -> Pool:
    """A worker pool, or the managers when it has their name."""
    role = Role.MANAGER if name == "managers" else Role.WORKER
    size = Size.of(size) if isinstance(size, int) else size
    return Pool(name, role, size, IMAGE, image="debian-13", **settings)


def cluster(*pools: Pool, managers: int = 3, name: str = "prod", **settings: Any) -> Cluster:
    """Three managers over three zones, and the pools given."""
    settings = {"zones": ("a", "b", "c"), **settings}
    return Cluster(name, "local", pool("managers", managers), pools, **settings)
