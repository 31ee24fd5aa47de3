"""What holds where the file says nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bootstrap.inventory.providers.base import InventoryProvider
from bootstrap.model.cluster import Availability, Packages, Role

TESTED_ENGINE = "29.1.3"  # the docker-ce that our tests run against


def packages_of(provider: InventoryProvider | None, written: str | None, image: str | None) -> Packages:
    """Where the engine comes from: as written; else in the image on local, the distribution's on al2023."""
    if written:
        return Packages(written)
    if provider is not None and provider.name == "local":
        return Packages.IMAGE
    return Packages.DISTRO if image == "al2023" else Packages.DOCKER_CE


def version_of(packages: Packages, written: str | None) -> str | None:
    """The exact version, which only docker-ce has."""
    return (written or TESTED_ENGINE) if packages is Packages.DOCKER_CE else None


def availability_of(settings: Mapping[str, Any], role: Role, *, alone: bool) -> Availability:
    """Managers take no work where others do; `alone` tells that nobody else does, or that this is `local`."""
    if written := settings.get("availability"):
        return Availability(written)
    return Availability.PAUSE if role is Role.MANAGER and not alone else Availability.ACTIVE
