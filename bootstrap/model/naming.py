"""The one place that makes names, tags and labels, each cut to its kind's limit with a hash of what was cut."""

from __future__ import annotations

import hashlib

LABEL_POOL = "bootstrap.pool"
LABEL_ZONE = "bootstrap.zone"
LABEL_INSTANCE = "bootstrap.instance"
LABEL_HOLD = "bootstrap.hold"


def fit(name: str, limit: int) -> str:
    """`name`, or its head and a hash of the whole where it is longer than `limit`: distinct names stay distinct."""
    if len(name) <= limit:
        return name
    return f"{name[: limit - 9]}-{short_hash(name)}"


def short_hash(*parts: str) -> str:
    """Eight hex digits that differ when any part differs."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:8]


def manager_group(cluster: str, zone: str) -> str:
    """The group of the managers of one zone."""
    return f"{cluster}-managers-{zone}"


def pool_group(cluster: str, pool: str) -> str:
    """The group of one worker pool."""
    return f"{cluster}-pool-{pool}"
