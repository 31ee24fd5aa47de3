"""What YAML said and where: a tree of scalars, maps and lists that knows each line and column.

A map's entries and a list's items can be cut out after a problem with them was told, so that the rest can still be
checked; list items keep the index that the reader sees.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from bootstrap.inventory.problem import Loc

Place = tuple[int, int]  # line and column, from 1

_PLAIN_KEY = re.compile(r"[\w-]{1,80}", re.ASCII)


@dataclass(slots=True)
class Scalar:
    """A leaf. `value` is what it means; `substituted` tells that a variable's value stands in it."""

    place: Place
    text: str
    plain: bool
    weight: int = 1
    value: Any = None
    substituted: bool = False


@dataclass(slots=True)
class Entry:
    """A key of a map and what it holds."""

    place: Place
    node: Node


@dataclass(slots=True)
class Map:
    """Keys are text; the order is the file's."""

    place: Place
    weight: int = 1
    entries: dict[str, Entry] = field(default_factory=dict)


@dataclass(slots=True)
class Items:
    """A list: pairs of the index as written and the node."""

    place: Place
    weight: int = 1
    items: list[tuple[int, Node]] = field(default_factory=list)


Node = Scalar | Map | Items


@dataclass(frozen=True, slots=True)
class Spot:
    """Where a path ends: its place, its path as the reader sees it, and the node unless nothing is there."""

    place: Place
    labels: Loc
    node: Node | None


def find(root: Node, loc: Loc, *, at_key: bool = False) -> Spot:
    """Follow `loc` as far as it goes. Scalars are shown at their value, all else at its key."""
    node, place, labels = root, root.place, list[str | int]()
    for depth, step in enumerate(loc):
        child = _child(node, step)
        if child is None:
            return Spot(place, (*labels, *loc[depth:]), None)
        key_place, label, node = child
        labels.append(label)
        nothing = isinstance(node, Scalar) and not node.weight - 1
        shown_at_key = isinstance(node, Map | Items) or nothing or (at_key and depth == len(loc) - 1)
        place = key_place if shown_at_key else node.place
    return Spot(place, tuple(labels), node)


def cut(root: Node, loc: Loc) -> None:
    """Remove what stands at `loc`, or nothing when nothing does."""
    parent = find(root, loc[:-1]).node if loc else None
    if isinstance(parent, Map):
        parent.entries.pop(str(loc[-1]), None)
    elif isinstance(parent, Items) and isinstance(loc[-1], int) and loc[-1] < len(parent.items):
        del parent.items[loc[-1]]


def where(labels: Loc) -> str:
    """A path as messages show it: `managers.hosts[2].address`; keys that are no plain words are quoted."""
    words = ""
    for label in labels:
        if isinstance(label, int):
            words += f"[{label}]"
        elif _PLAIN_KEY.fullmatch(label):
            words += f".{label}" if words else label
        else:
            words += f"[{label[:40]!r}]"
    return words or "inventory"


def plain(node: Node) -> Any:
    """The tree as dicts, lists and scalars, for the schema."""
    if isinstance(node, Map):
        return {key: plain(entry.node) for key, entry in node.entries.items()}
    if isinstance(node, Items):
        return [plain(item) for _, item in node.items]
    return node.value


def _child(node: Node, step: str | int) -> tuple[Place, str | int, Node] | None:
    if isinstance(node, Map) and isinstance(step, str) and step in node.entries:
        entry = node.entries[step]
        return entry.place, step, entry.node
    if isinstance(node, Items) and isinstance(step, int) and 0 <= step < len(node.items):
        label, item = node.items[step]
        return item.place, label, item
    return None
