"""The table of providers: adding one adds a module here and a row below."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, cast

from bootstrap.errors import UsageError

if TYPE_CHECKING:
    from bootstrap.inventory.providers.base import InventoryProvider

TABLE = {
    "aws": "bootstrap.inventory.providers.aws:Aws",
    "gcp": "bootstrap.inventory.providers.gcp:Gcp",
    "ssh": "bootstrap.inventory.providers.ssh:Ssh",
    "local": "bootstrap.inventory.providers.local:Local",
}
NAMES = tuple(TABLE)


def provider_named(name: str) -> InventoryProvider:
    """What an inventory may say for that provider; UsageError E059 for another name."""
    if name not in TABLE:
        raise UsageError(f"unknown provider '{name}'", where="provider", fix=f"one of {', '.join(NAMES)}", code="E059")
    module, _, attribute = TABLE[name].partition(":")
    return cast("InventoryProvider", getattr(import_module(module), attribute)())


def every_provider() -> list[InventoryProvider]:
    """One of each, in the table's order."""
    return [provider_named(name) for name in NAMES]
