"""Providers by name. Adding one: a module here, a row below, an extra in pyproject.toml."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING

from bootstrap.errors import BootstrapError

if TYPE_CHECKING:
    from bootstrap.model.cluster import Cluster
    from bootstrap.providers.base import Provider

PROVIDERS = {"local": "bootstrap.providers.local"}


def open_provider(cluster: Cluster, say: Callable[[str], None]) -> Provider:
    """The provider that the inventory names; `say` gets one line about each slow thing it does."""
    module = PROVIDERS.get(cluster.provider)
    if module is None:
        raise BootstrapError(
            f"provider '{cluster.provider}' is not built yet in this version",
            where=cluster.name,
            fix="`bootstrap validate` checks its inventory; for a running cluster use `provider: local`",
            code="not_yet",
        )
    provider: Provider = import_module(module).open_provider(cluster, say)
    return provider
