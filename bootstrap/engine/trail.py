"""Every run that takes the lock leaves its beginning and its end in the cluster's audit trail; a single step its end."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from bootstrap.engine.logs import redact
from bootstrap.errors import BootstrapError, InterruptedRun
from bootstrap.providers.base import LockInfo, Provider

BEGAN, DONE, FAILED, REFUSED = "began", "done", "failed", "refused"
KILLED = "killed"  # told in the place of `began`, never written: who is killed writes nothing
NO_END = "it never told its end: it was killed, or this machine or its disk failed"
SAID_NO = frozenset({"guard", "declined", "protected", "change_in_flight"})  # codes of what was not even tried
LONGEST = 300  # characters of a detail


class Trail:
    """Writes the events of one run. What cannot be written yet is kept; what never can be stops nothing."""

    def __init__(self, provider: Provider, lock: LockInfo, node: str | None) -> None:
        self._provider = provider
        self._lock = lock
        self._node = node
        self._kept: list[dict[str, Any]] = []

    def note(self, outcome: str, detail: str = "") -> None:
        """Append one event, after those that were kept: a first `up` begins before there is a store."""
        self._kept.append(self._event(outcome, detail))
        self.flush()

    def flush(self) -> None:
        """Append what was kept, as soon as that can be."""
        try:
            while self._kept and self._provider.record(self._kept[0]):
                del self._kept[0]
        except (BootstrapError, OSError):
            return

    def _event(self, outcome: str, detail: str) -> dict[str, Any]:
        return {
            "time": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
            "who": self._lock.who,
            "what": redact(self._lock.what),
            "node": self._node,
            "epoch": self._epoch(),
            "outcome": outcome,
            "detail": redact(detail)[:LONGEST],
            "id": secrets.token_hex(8),
            "run": self._lock.id,
        }

    def _epoch(self) -> int:
        try:
            return int((self._provider.control() or {}).get("epoch") or 0)
        except (BootstrapError, OSError):
            return 0


OURS: dict[str, Trail] = {}  # the runs of this process by the id of their lock, whichever session has it


@contextmanager
def recorded(provider: Provider, lock: LockInfo, node: str | None = None) -> Iterator[None]:
    """Note that the run began, and how it ended."""
    trail = OURS[lock.id] = Trail(provider, lock, node)
    trail.note(BEGAN)
    try:
        yield
    except BaseException as error:
        trail.note(*_end(error))
        raise
    else:
        trail.note(DONE)
    finally:
        del OURS[lock.id]


@dataclass
class Step:
    """What goes without the lock. `idle`: there was nothing to be done, and that leaves no trace."""

    idle: bool = False


@contextmanager
def noted(provider: Provider, what: str) -> Iterator[Step]:
    """Note how a step ended: once, because without a lock nobody could tell whether one that began still runs."""
    trail, step = Trail(provider, LockInfo.mine(what), None), Step()
    try:
        yield step
    except BaseException as error:
        trail.note(*_end(error))
        raise
    if not step.idle:
        trail.note(DONE)


def told(provider: Provider) -> Sequence[Mapping[str, Any]]:
    """The trail, oldest first. A run that has no end, and whose lock another has or nobody, was killed.

    An end is written before its lock is freed. So the trail is read before the lock and once more after it: else a run
    that ends or begins meanwhile would pass for one that was killed.
    """
    events = provider.events()
    if not (dead := _endless(events)):
        return events
    holder = provider.holder()
    dead -= {*OURS, *([holder.id] if holder else ())}
    events = provider.events()
    dead &= _endless(events)
    return [{**one, "outcome": KILLED, "detail": NO_END} if _is_of(one, dead) else one for one in events]


def _endless(events: Sequence[Mapping[str, Any]]) -> set[str]:
    """The runs that have begun and not ended."""
    began, ended = (
        {str(one["run"]) for one in events if one.get("run") and (one.get("outcome") == BEGAN) is begins}
        for begins in (True, False)
    )
    return began - ended


def _is_of(event: Mapping[str, Any], runs: set[str]) -> bool:
    return event.get("run") in runs


def flush() -> None:
    """Write what could not be written before: a first `up` has no store to begin with, and a killed run no end."""
    for trail in OURS.values():
        trail.flush()


def _end(error: BaseException) -> tuple[str, str]:
    """How a run ended that did not end well: the outcome, and why."""
    if isinstance(error, KeyboardInterrupt | InterruptedRun):
        return FAILED, "interrupted"
    if isinstance(error, BootstrapError):
        return REFUSED if error.code in SAID_NO else FAILED, str(error)
    return FAILED, type(error).__name__
