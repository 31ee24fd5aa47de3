"""`local`: real hosts with real engines on this very machine, each in its own namespaces, formed as in a cloud."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bootstrap.model.cluster import Cluster
    from bootstrap.providers.local.provider import LocalProvider


def open_provider(cluster: Cluster, say: Callable[[str], None]) -> LocalProvider:
    """The provider for one inventory; `say` gets a line about each slow thing."""
    from bootstrap.providers.local.provider import LocalProvider  # noqa: PLC0415 - jinja2 and the lab come with it

    return LocalProvider(cluster, say)
