"""Settings of several places into one: maps merge, everything else is replaced, the last one wins."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def merge(*layers: Mapping[str, Any]) -> dict[str, Any]:
    """A new map; the layers stay as they are."""
    result: dict[str, Any] = {}
    for layer in layers:
        for key, value in layer.items():
            if isinstance(value, Mapping):
                below = result.get(key)
                result[key] = merge(below if isinstance(below, Mapping) else {}, value)
            else:
                result[key] = value
    return result


def engine(*layers: Mapping[str, Any]) -> dict[str, Any]:
    """The `docker` maps of the layers merged: another source of packages drops a version that stands farther away."""
    result: dict[str, Any] = {}
    for layer in layers:
        written = layer.get("docker", {})
        if "packages" in written and written["packages"] != result.get("packages", written["packages"]):
            result.pop("version", None)
        result = merge(result, written)
    return result
