"""Spread machines over zones so that any one zone may vanish."""

from __future__ import annotations

from collections.abc import Sequence


def spread(count: int, zones: Sequence[str]) -> dict[str, int]:
    """How many of `count` go to each zone: they differ by one at the most, earlier zones get more (5 → 2-2-1)."""
    share, rest = divmod(count, len(zones))
    return {zone: share + (1 if index < rest else 0) for index, zone in enumerate(zones)}
