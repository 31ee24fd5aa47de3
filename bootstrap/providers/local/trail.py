"""The audit trail of a local cluster: in its store, as long as there is one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bootstrap.providers.local.control import open_store, store_dir, told


def record(cluster: str, event: Mapping[str, Any]) -> bool:
    """Append one event; False where there is no store to keep it: that is never made for it."""
    if not store_dir(cluster).is_dir():
        return False
    with told(cluster, "the audit trail"):
        open_store(cluster).record(dict(event))
    return True


def events(cluster: str) -> list[dict[str, Any]]:
    """Every event, oldest first."""
    if not store_dir(cluster).is_dir():
        return []
    with told(cluster, "the audit trail"):
        return open_store(cluster).events()
