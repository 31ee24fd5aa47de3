"""A thing that should exist or does exist, and the difference of two lists of them: a plan."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Any, ClassVar, Self


class Action(StrEnum):
    """What a plan does to one resource."""

    CREATE = "create"
    UPDATE = "update"
    REPLACE = "replace"
    DELETE = "delete"


class Disruption(StrEnum):
    """What a change does to running work: nothing, an engine restart, or new machines in place of old ones."""

    NONE = "none"
    RESTART = "restart"
    REPLACE = "replace"


@dataclass(frozen=True)
class Resource(ABC):
    """Data plus three verbs. Equality of its compared fields *is* "nothing to do".

    A subclass adds its fields; handles (a door, a client) are fields too, declared with
    `field(compare=False, repr=False, kw_only=True)`, and never show in a plan.
    """

    kind: ClassVar[str]
    immutable: ClassVar[frozenset[str]] = frozenset()  # a change of one of these means: replace
    disruptive: ClassVar[Mapping[str, Disruption]] = {}  # field name -> what changing it does to running work
    digests: ClassVar[frozenset[str]] = frozenset()  # fields of which people are told that they changed, and not how

    name: str

    @property
    def key(self) -> str:
        """Unique in a plan: `group/prod-pool-web`."""
        return f"{self.kind}/{self.name}"

    @property
    def after(self) -> tuple[str, ...]:
        """Keys of resources that must exist before this one; deletes run in the reverse order."""
        return ()

    @abstractmethod
    def create(self) -> None:
        """Make it; called again after a crash it must finish what is half made."""

    @abstractmethod
    def update(self, old: Self) -> None:
        """Turn `old`, as found, into this."""

    @abstractmethod
    def delete(self) -> None:
        """Remove it; already gone is success."""

    def details(self, old: Self) -> tuple[FieldChange, ...]:
        """What is known of a change from `old` beside its fields: `settings.daemon`, where `settings` is a digest."""
        del old
        return ()


@dataclass(frozen=True)
class FieldChange:
    """One field that differs: old as found (None when absent), new as wanted."""

    name: str
    old: Any
    new: Any


@dataclass(frozen=True)
class Change:
    """One resource that is to be created, updated, replaced or deleted."""

    action: Action
    resource: Resource
    old: Resource | None = None
    fields: tuple[FieldChange, ...] = ()

    @property
    def disruption(self) -> Disruption:
        """The worst that any of its fields does to running work."""
        if self.action is Action.REPLACE:
            return Disruption.REPLACE
        if self.action is not Action.UPDATE:
            return Disruption.NONE
        names = (one.name.partition(".")[0] for one in self.fields)
        found = {self.resource.disruptive.get(name, Disruption.NONE) for name in names}
        return next((one for one in (Disruption.REPLACE, Disruption.RESTART) if one in found), Disruption.NONE)


@dataclass(frozen=True)
class Outdated:
    """A running machine that `up` leaves alone although a new one would be made differently."""

    name: str
    why: str


@dataclass(frozen=True)
class Plan:
    """What `up` or `down` would do. False when empty."""

    cluster: str
    changes: tuple[Change, ...] = ()
    outdated: tuple[Outdated, ...] = ()
    unknown: tuple[str, ...] = ()
    notes: tuple[Mapping[str, str | None], ...] = ()  # in the form of those of `status`: what no list of changes tells

    def __bool__(self) -> bool:
        return bool(self.changes)


def shown_fields(resource: Resource) -> dict[str, Any]:
    """The compared fields by name, without the name itself: what a plan shows and compares.

    A mapping declared with `field(metadata={"by_key": True})` is told by its keys: `daemon.log-driver`.
    """
    shown: dict[str, Any] = {}
    for one in fields(resource):
        value = getattr(resource, one.name)
        if one.metadata.get("by_key"):
            shown.update({f"{one.name}.{key}": value[key] for key in sorted(value)})
        elif one.compare and one.name != "name":
            shown[one.name] = value
    return shown
