from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from ruamel.yaml import YAML

from bootstrap import inventory
from tests.inventory.cases import EXAMPLES, HERE, cases, examples


@cache
def _validator() -> Draft202012Validator:
    schema = inventory.json_schema()
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


def _properties(node: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(node, dict):
        for name, one in node.get("properties", {}).items():
            yield f"{path}.{name}", one
        for key, one in node.items():
            yield from _properties(one, f"{path}.{key}")
    elif isinstance(node, list):
        for one in node:
            yield from _properties(one, path)


def _document(text: str) -> Any:
    return YAML(typ="safe", pure=True).load(text)


def test_every_key_is_described() -> None:
    """An editor shows a sentence for each."""
    properties = dict(_properties(inventory.json_schema()))

    assert len(properties) > 100
    assert [path for path, one in properties.items() if len(one.get("description", "")) < 5] == []


def test_the_published_schema_is_the_one_that_we_make() -> None:
    """`bootstrap schema > inventories/bootstrap.schema.json` after a change of the format."""
    published = json.loads((EXAMPLES / "bootstrap.schema.json").read_text(encoding="utf-8"))

    assert published == inventory.json_schema()


@pytest.mark.parametrize("path", [*examples(), *(case.path for case in cases("valid"))], ids=lambda path: path.stem)
def test_what_the_loader_takes_the_schema_takes(path: Path) -> None:
    """An editor marks nothing in a good file, variables included."""
    document = _document(path.read_text(encoding="utf-8"))

    assert [f"{error.json_path}: {error.message}" for error in _validator().iter_errors(document)] == []


@pytest.mark.parametrize("provider", inventory.provider_names())
def test_a_starter_satisfies_the_schema(provider: str) -> None:
    """What `init` writes shows no mark in an editor."""
    assert list(_validator().iter_errors(_document(inventory.starter(provider)))) == []


@pytest.mark.parametrize(
    "name",
    [
        "unknown-top",
        "unknown-nested",
        "type-string-for-integer",
        "type-yes-for-boolean",
        "type-nothing-in-pool",
        "number-negative",
        "choice",
        "cluster-upper",
        "pool-upper",
        "label-key",
        "duration-malformed",
        "managers-min-max",
        "provider-unknown",
        "version-missing",
        "managers-missing",
        "empty-stack",
    ],
)
def test_what_is_wrong_in_itself_the_schema_refuses_too(name: str) -> None:
    """Unknown keys, types, choices, forms of names, missing keys."""
    document = _document((HERE / "invalid" / f"{name}.yml").read_text(encoding="utf-8"))

    assert list(_validator().iter_errors(document))
