"""Inventory files in, frozen clusters or a list of problems out; nothing is contacted.

Nothing heavy is imported until a function is called, so that `bootstrap --help` stays quick.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bootstrap.inventory.problem import InvalidInventory, Problem

if TYPE_CHECKING:
    from collections.abc import Mapping
    from os import PathLike
    from typing import Any

    from bootstrap.inventory.reading import Reading
    from bootstrap.model.cluster import Cluster

__all__ = ["InvalidInventory", "Problem", "check", "json_schema", "load", "provider_names", "read", "starter"]


def read(path: str | PathLike[str], *, environ: Mapping[str, str] | None = None) -> Reading:
    """The cluster (None when the file is invalid) together with every error and warning, in file order.

    `environ` stands in for the process's environment. Never raises for what a file holds.
    """
    from bootstrap.inventory.reading import read as read_file  # noqa: PLC0415 - see the module's docstring

    return read_file(path, environ)


def load(path: str | PathLike[str], *, environ: Mapping[str, str] | None = None) -> Cluster:
    """The cluster that the file describes, checked and merged; InvalidInventory carries every problem."""
    reading = read(path, environ=environ)
    if reading.cluster is None:
        raise InvalidInventory(reading.errors, total=reading.total)
    return reading.cluster


def check(
    path: str | PathLike[str], *, strict: bool = False, environ: Mapping[str, str] | None = None
) -> list[Problem]:
    """Errors and warnings in file order, at most 50; `strict` makes every warning an error but W080."""
    problems = read(path, environ=environ).problems
    return [problem.as_error() for problem in problems] if strict else list(problems)


def json_schema() -> dict[str, Any]:
    """The JSON schema (draft 2020-12) of an inventory, with a description on every key, for editors."""
    from bootstrap.inventory.schema.document import json_schema as describe  # noqa: PLC0415 - see the module's docstring

    return describe()


def starter(provider: str) -> str:
    """A commented inventory for `provider` that validates as it stands; UsageError for an unknown provider."""
    from bootstrap.inventory.providers import provider_named  # noqa: PLC0415 - see the module's docstring

    return provider_named(provider).starter


def provider_names() -> tuple[str, ...]:
    """What `provider:` may say."""
    from bootstrap.inventory.providers import NAMES  # noqa: PLC0415 - see the module's docstring

    return NAMES
