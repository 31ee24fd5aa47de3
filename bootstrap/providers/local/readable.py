"""Read what may be broken: `down` must be able to take away what nobody can read."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from bootstrap.errors import BootstrapError

T = TypeVar("T")


def readable(load: Callable[..., T], *where: object) -> T | None:
    """What `load` reads, or None for a record that is broken or missing."""
    try:
        return load(*where)
    except BootstrapError:
        return None
