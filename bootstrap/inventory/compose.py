"""Assembles a tree from YAML events and counts as it goes: depth, aliases, expanded size, duplicates, tags."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ruamel.yaml import events as ev

from bootstrap.inventory.problem import Loc
from bootstrap.inventory.redaction import shown
from bootstrap.inventory.source import MAX_BYTES, Unreadable
from bootstrap.inventory.tree import Entry, Items, Map, Node, Place, Scalar

MAX_DEPTH = 32
MAX_ALIASES = 50
MERGE = "<<"


@dataclass(frozen=True, slots=True)
class Complaint:
    """Something wrong that leaves a tree all the same. `labels` is its path."""

    code: str
    place: Place
    labels: Loc
    what: str
    hint: str


@dataclass(slots=True)
class _Frame:
    """A map or list that is still open. `key` is the map's key that waits for its value."""

    node: Map | Items
    anchor: str | None
    key: tuple[str | None, Place, bool] | None = None
    merged: tuple[Place, Node] | None = None


@dataclass
class Composer:
    """Feed it every event; `take` returns the root once it is complete."""

    complaints: list[Complaint] = field(default_factory=list)
    frames: list[_Frame] = field(default_factory=list)
    anchors: dict[str, Node | None] = field(default_factory=dict)  # None while still open
    aliases: int = 0

    def take(self, event: Any, line: int, col: int) -> Node | None:
        """Add one event."""
        place = (line, col)
        if isinstance(event, ev.AliasEvent):
            return self._attach(self._alias(str(event.anchor), place), place)
        if isinstance(event, ev.ScalarEvent):
            self._tags(event, place)
            plain = event.style in {None, ""}
            return self._finish(Scalar(place, event.value, plain, len(event.value) + 1), event.anchor, place)
        if isinstance(event, ev.MappingStartEvent | ev.SequenceStartEvent):
            self._open(event, place)
        elif isinstance(event, ev.MappingEndEvent | ev.SequenceEndEvent):
            frame = self.frames.pop()
            self._merge(frame)
            return self._finish(frame.node, frame.anchor, frame.node.place)
        return None

    def _open(self, event: Any, place: Place) -> None:
        self._tags(event, place)
        if len(self.frames) >= MAX_DEPTH:
            raise _stop("E010", f"nested deeper than {MAX_DEPTH} levels", "an inventory needs about eight", place)
        node = Map(place) if isinstance(event, ev.MappingStartEvent) else Items(place)
        if event.anchor:
            self.anchors[event.anchor] = None
        self.frames.append(_Frame(node, event.anchor))

    def _finish(self, node: Node, anchor: str | None, place: Place) -> Node | None:
        if anchor:
            self.anchors[anchor] = node
        return self._attach(node, place)

    def _attach(self, node: Node, place: Place) -> Node | None:
        """Put a complete node where it belongs."""
        if not self.frames:
            return node
        frame = self.frames[-1]
        frame.node.weight += node.weight
        if frame.node.weight > MAX_BYTES:
            raise _stop("E009", "aliases expand it to more than 1 MiB", "write the values out", place)
        if isinstance(frame.node, Items):
            frame.node.items.append((len(frame.node.items), node))
        elif frame.key is None:
            frame.key = (self._key(node, place), place, isinstance(node, Scalar) and node.plain)
        else:
            key, frame.key = frame.key, None
            self._entry(frame, key, node)
        return None

    def _key(self, node: Node, place: Place) -> str | None:
        if isinstance(node, Scalar):
            return node.text
        self._complain("E020", place, "expected a key, got a map or a list", "keys are plain words")
        return None

    def _entry(self, frame: _Frame, key: tuple[str | None, Place, bool], node: Node) -> None:
        text, place, plain = key
        if text is None or not isinstance(frame.node, Map):
            return
        if text == MERGE and plain:
            if frame.merged:
                self._again(text, place, frame.merged[0])
            frame.merged = frame.merged or (place, node)
        elif text in frame.node.entries:
            self._again(text, place, frame.node.entries[text].place)
        else:
            frame.node.entries[text] = Entry(place, node)

    def _again(self, text: str, place: Place, first: Place) -> None:
        what = f"key {shown(text)} already at line {first[0]}"
        self.complaints.append(Complaint("E007", place, (*self._path(), text), what, "keep one of the two"))

    def _merge(self, frame: _Frame) -> None:
        """`<<`: the map's own keys win, then the earlier source."""
        if frame.merged is None or not isinstance(frame.node, Map):
            return
        place, source = frame.merged
        sources = [item for _, item in source.items] if isinstance(source, Items) else [source]
        for one in sources:
            if not isinstance(one, Map):
                self._complain("E009", place, "a merge key takes a map or a list of maps", "write `<<: *name`")
                continue
            for key, entry in one.entries.items():
                frame.node.entries.setdefault(key, entry)

    def _alias(self, anchor: str, place: Place) -> Node:
        self.aliases += 1
        if self.aliases > MAX_ALIASES:
            raise _stop("E009", f"more than {MAX_ALIASES} aliases", "write the values out", place)
        if anchor not in self.anchors:
            raise _stop("E005", f"not YAML: alias {shown(anchor)} has no anchor", "define it above its use", place)
        node = self.anchors[anchor]
        if node is None:
            raise _stop("E009", f"alias {shown(anchor)} contains itself", "write the value out", place)
        return node

    def _tags(self, event: Any, place: Place) -> None:
        tag = getattr(event, "ctag", None)
        if tag is not None and str(tag):
            self._complain("E008", place, f"tags are not allowed: {shown(tag)}", "remove the tag")

    def _complain(self, code: str, place: Place, what: str, hint: str) -> None:
        self.complaints.append(Complaint(code, place, self._path(), what, hint))

    def _path(self) -> Loc:
        """Where in the file the composer is."""
        steps = [frame.key[0] if frame.key else len(getattr(frame.node, "items", ())) for frame in self.frames]
        open_map = bool(self.frames) and isinstance(self.frames[-1].node, Map) and self.frames[-1].key is None
        return tuple(step if step is not None else "?" for step in (steps[:-1] if open_map else steps))


def _stop(code: str, what: str, hint: str, place: Place) -> Unreadable:
    return Unreadable(code, what, hint, line=place[0], col=place[1])
