"""A world of things that remembers: what the engine's tests make, change and remove."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import ClassVar, Self

from bootstrap.errors import BootstrapError
from bootstrap.model.resource import Resource


class World:
    """What exists, in which order it came about, and what is to fail."""

    def __init__(self) -> None:
        self.things: dict[str, Thing] = {}
        self.log: list[tuple[str, str]] = []  # ("make" | "delete", key)
        self.failing: dict[str, Exception] = {}  # key -> what its verbs raise
        self._lock = threading.Lock()

    def existing(self) -> list[Thing]:
        """What exists, as a provider would say it."""
        return list(self.things.values())

    def put(self, thing: Thing) -> None:
        """Make or change it."""
        self._note("make", thing.key)
        self.things[thing.key] = thing

    def remove(self, thing: Thing) -> None:
        """Remove it; already gone is success."""
        self._note("delete", thing.key)
        self.things.pop(thing.key, None)

    def _note(self, verb: str, key: str) -> None:
        if key in self.failing:
            raise self.failing[key]
        with self._lock:
            self.log.append((verb, key))


@dataclass(frozen=True)
class Thing(Resource):
    """A resource with a size that may change and a colour that may not."""

    kind: ClassVar[str] = "thing"
    immutable: ClassVar[frozenset[str]] = frozenset({"colour"})

    size: int = 1
    colour: str = "red"
    needs: tuple[str, ...] = ()  # names of other things
    world: World = field(default_factory=World, compare=False, repr=False, kw_only=True)

    @property
    def after(self) -> tuple[str, ...]:
        """The things that it needs."""
        return tuple(f"thing/{name}" for name in self.needs)

    def create(self) -> None:
        """Into the world."""
        self.world.put(self)

    def update(self, old: Self) -> None:
        """In place of `old`."""
        self.world.put(self)

    def delete(self) -> None:
        """Out of the world."""
        self.world.remove(self)


def world_of(things: Iterable[Thing]) -> World:
    """A world in which these things exist."""
    world = World()
    world.things = {one.key: Thing(one.name, one.size, one.colour, one.needs, world=world) for one in things}
    return world


def refusal(text: str = "no") -> BootstrapError:
    """An error such as a door raises."""
    return BootstrapError(text, code="refused")
