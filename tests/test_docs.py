"""The documents that could lie: the inventory's reference and the examples in the documents."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bootstrap import inventory
from tests.test_readme import ROOT, blocks

REFERENCE = ROOT / "docs" / "inventory.md"
MARK = "<!-- generated from the schema: pytest tests/test_docs.py --update-golden -->\n"
EVERYWHERE = ("managers", "pools.NAME", "managers.hosts[]", "pools.NAME.hosts[]")
Schema = dict[str, Any]


def resolved(node: Schema, root: Schema) -> Schema:
    """The node with its `$ref` followed; what stands beside the reference wins."""
    if "$ref" not in node:
        return node
    target = root["$defs"][node["$ref"].rsplit("/", 1)[1]]
    return {**resolved(target, root), **{key: value for key, value in node.items() if key != "$ref"}}


def forms(node: Schema, root: Schema) -> list[Schema]:
    """The alternatives of a node, without those that only let `${VAR}` through."""
    node = resolved(node, root)
    several = [
        one for option in node.get("anyOf", [node]) for one in ([option] if option is node else forms(option, root))
    ]
    return [one for one in several if not str(one.get("pattern", "")).endswith(r"\$\{")] or several


def kind(node: Schema, root: Schema) -> str:
    """What may be written there, in a few words."""
    words = []
    for form in forms(node, root):
        if "enum" in form:
            words += [f"`{value}`" for value in form["enum"]]
        elif "const" in form:
            words.append(f"`{form['const']}`")
        elif form.get("type") == "array":
            words.append("list")
        else:
            words.append({"object": "map", "boolean": "true, false"}.get(str(form.get("type")), str(form.get("type"))))
    return " or ".join(dict.fromkeys(words))


def rows(node: Schema, root: Schema, path: str = "") -> Iterator[tuple[str, str, str]]:
    """(path, kind, description) of every key at and below a node."""
    for form in forms(node, root):
        for name, child in form.get("properties", {}).items():
            here = f"{path}.{name}" if path else name
            yield here, kind(child, root), resolved(child, root).get("description", "")
            yield from rows(child, root, here)
        for values in (form.get("additionalProperties"), *form.get("patternProperties", {}).values()):
            if isinstance(values, dict):
                yield from rows(values, root, f"{path}.NAME")
        if isinstance(form.get("items"), dict):
            yield from rows(form["items"], root, f"{path}[]")


def reference(root: Schema) -> str:
    """The table of all keys; those that may stand in several places stand at the top only."""
    found = {path: (kind, text) for path, kind, text in rows(root, root)}
    shared = {name for name in root["properties"] if all(f"{place}.{name}" in found for place in EVERYWHERE)}
    again = tuple(f"{place}.{name}" for place in EVERYWHERE for name in shared)
    lines = [
        f"| `{path}` | {kind} | {text} |"
        for path, (kind, text) in found.items()
        if not any(path == one or path.startswith((f"{one}.", f"{one}[")) for one in again)
    ]
    return "\n".join(["", "| key | value | meaning |", "|---|---|---|", *lines, ""])


def test_the_reference_is_the_schema(request: pytest.FixtureRequest) -> None:
    """Each key that the program reads is in the table, with the words of `bootstrap schema`, and no other."""
    head, mark, table = REFERENCE.read_text(encoding="utf-8").partition(MARK)
    wanted = reference(inventory.json_schema())
    if request.config.getoption("--update-golden"):
        REFERENCE.write_text(head + mark + wanted, encoding="utf-8")
        table = wanted

    assert mark
    assert "| `pools.NAME.spot.percent` |" in wanted
    assert table == wanted


@pytest.mark.parametrize("path", [ROOT / "README.md", REFERENCE], ids=lambda path: path.name)
def test_every_example_is_valid(path: Path, tmp_path: Path) -> None:
    """A reader may copy any inventory of the documents."""
    examples = [block.text for block in blocks(path, "yaml")]
    file = tmp_path / "example.yml"

    assert examples
    for text in examples:
        file.write_text(text, encoding="utf-8")
        assert inventory.check(file, strict=True) == [], text
