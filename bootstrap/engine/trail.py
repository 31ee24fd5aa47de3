"""Every run that takes the lock leaves its beginning and its end in the cluster's audit trail."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from bootstrap.engine.logs import redact
from bootstrap.errors import BootstrapError, InterruptedRun
from bootstrap.providers.base import LockInfo, Provider

BEGAN, DONE, FAILED, REFUSED = "began", "done", "failed", "refused"
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
