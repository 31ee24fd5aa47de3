"""Where everything of `local` lies on this machine: folders, files and the names of network namespaces."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

DEFAULT_ROOT = Path("/var/lib/bootstrap/local")
NAMESPACES = Path("/run/netns")
PREFIX = "bs-"  # of every network namespace; a cluster's name has no dot, so `bs-prod.` never matches `bs-prod-eu.`
RECORD = "host.json"
DISK = "disk.img"  # in a host's folder; init.py mounts it in the host's own mount namespace


def root() -> Path:
    """The folder of all local clusters; `BOOTSTRAP_LOCAL_DIR` overrides it."""
    return Path(os.environ.get("BOOTSTRAP_LOCAL_DIR") or DEFAULT_ROOT).absolute()


def leave() -> None:
    """Remove the folder of all clusters and its parent where they are empty; one that the user named is not ours."""
    if os.environ.get("BOOTSTRAP_LOCAL_DIR"):
        return
    with suppress(OSError):
        DEFAULT_ROOT.rmdir()
        DEFAULT_ROOT.parent.rmdir()


def images() -> Path:
    """The folder of built root file systems; `BOOTSTRAP_CACHE_DIR` overrides it."""
    return Path(os.environ.get("BOOTSTRAP_CACHE_DIR") or "/var/cache/bootstrap/images").absolute()


def hosts() -> int:
    """How many hosts all local clusters of this machine have: by their records, in other folders by their networks."""
    inside = (one.name for one in NAMESPACES.glob(f"{PREFIX}*") if not one.name.endswith(".fabric"))
    elsewhere = (name for name in inside if not cluster_dir(name.removeprefix(PREFIX).partition(".")[0]).exists())
    return sum(1 for _ in root().glob(f"*/hosts/*/{RECORD}")) + sum(1 for _ in elsewhere)


def cluster_dir(cluster: str) -> Path:
    """The folder of one cluster."""
    return root() / cluster


def clusters() -> list[str]:
    """The names of the clusters that have a fabric on this machine, sorted."""
    return sorted(found.parent.name for found in root().glob("*/fabric.json"))


def host_dir(cluster: str, hostname: str) -> Path:
    """The folder of one host: its record, user-data, disk and console."""
    return cluster_dir(cluster) / "hosts" / hostname


def namespace_prefix(cluster: str) -> str:
    """What the names of all network namespaces of this cluster, and of no other, start with."""
    return f"{PREFIX}{cluster}."


def fabric_namespace(cluster: str) -> str:
    """The name of the network namespace that holds the cluster's bridge and its services."""
    return f"{namespace_prefix(cluster)}fabric"


def host_namespace(cluster: str, hostname: str) -> str:
    """The name of one host's network namespace: `bs-prod.managers-a-1`."""
    return namespace_prefix(cluster) + hostname.removeprefix(f"{cluster}-")
