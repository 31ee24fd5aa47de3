"""What happens while a command works, told as values: the engine never prints, the command line shows these."""

from __future__ import annotations

from dataclasses import dataclass

from bootstrap.errors import BootstrapError
from bootstrap.model.resource import Change


@dataclass(frozen=True)
class ChangeStarted:
    """Work on one resource began."""

    change: Change


@dataclass(frozen=True)
class ChangeDone:
    """One resource is as wanted; `elapsed` is in seconds."""

    change: Change
    elapsed: float


@dataclass(frozen=True)
class ChangeFailed:
    """One resource could not be made as wanted."""

    change: Change
    error: BootstrapError


@dataclass(frozen=True)
class ChangeSkipped:
    """One change was not carried out to its end, and why; running again does it."""

    change: Change
    because: str


@dataclass(frozen=True)
class NodeProgress:
    """A machine reached a step of its first boot: boot, engine, joining, joined. `elapsed` in s since the wait began."""

    hostname: str
    step: str
    elapsed: float


@dataclass(frozen=True)
class Note:
    """A sentence for the user."""

    text: str


Event = ChangeStarted | ChangeDone | ChangeFailed | ChangeSkipped | NodeProgress | Note
