"""Where the control object and the secrets of a cluster are kept. One contract for every kind of store."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol, Union

from bootstrap.agent.errors import AgentError, Unavailable

Control = dict[str, Any]
Event = dict[str, Any]  # see `audit.new_event`
Generation = Union[int, str]  # opaque to everybody but the store; ABSENT = there is no control object
ABSENT: Generation = 0


class StaleWrite(AgentError):  # noqa: N818 - reads as what it is
    """Somebody else changed the control object since it was read: read again and decide anew."""

    def __init__(self, where: str = "") -> None:
        super().__init__("the control object changed meanwhile", where=where, code="stale_write")


class StoreUnavailable(Unavailable):
    """No usable answer. After a write this means *unknown*: it may have been applied. Read again, never infer."""


class Store(Protocol):
    """Reads are strong. `role` is the tree a secret lives in, worker or manager; a version is never overwritten."""

    def read(self) -> tuple[Control, Generation]:
        """The control object and its generation; ({}, ABSENT) when there is none. Raises StoreUnavailable."""
        ...

    def swap(self, control: Control, generation: Generation) -> Generation:
        """Write if the generation is still that one (ABSENT: only if there is none); the new generation.

        Raises StaleWrite when it is another, StoreUnavailable when the outcome is unknown.
        """
        ...

    def read_secret(self, role: str, name: str, version: str) -> str:
        """The value of one version. Raises StoreUnavailable, also when it is not there or not ours to read."""
        ...

    def write_secret(self, role: str, name: str, value: str) -> str:
        """Store a new version and return it. Raises StoreUnavailable."""
        ...

    def record(self, event: Event) -> None:
        """Append to the audit trail; what stands there is never overwritten. `event` has a `time` and an `id`.

        Raises StoreUnavailable.
        """
        ...

    def events(self) -> list[Event]:
        """The audit trail by time, oldest first. Only managers may ask. Raises StoreUnavailable."""
        ...

    def beat(self, instance: str, facts: Mapping[str, Any]) -> None:
        """Replace what this machine said of its health: only the last word counts. Raises StoreUnavailable."""
        ...

    def beats(self) -> dict[str, dict[str, Any]]:
        """The last word of every machine that ever spoke, by instance. Only managers may ask. Raises StoreUnavailable."""
        ...

    def forget_beat(self, instance: str) -> None:
        """Take away what a machine said that is gone; nothing said is success. Raises StoreUnavailable."""
        ...


def open_store(config: Mapping[str, Any]) -> Store:
    """The store of `agent.json`: {"kind": "directory", "path": …}."""
    if config.get("kind") == "directory":
        from .directory import DirectoryStore

        return DirectoryStore(config["path"])
    raise AgentError(f"no store of kind {config.get('kind')!r}", where="agent.json", code="config")
