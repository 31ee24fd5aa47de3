"""Run a command on a node: the one thing that every provider offers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from bootstrap.errors import BootstrapError


@dataclass(frozen=True)
class Result:
    """How a command ended."""

    code: int
    stdout: str = ""
    stderr: str = ""


class CommandFailed(BootstrapError):  # noqa: N818 - reads as what it is
    """A command on a node failed or did not answer; its last lines are the message."""

    def __init__(self, where: str, command: str, result: Result) -> None:
        tail = "\n".join((result.stderr or result.stdout).strip().splitlines()[-5:])
        super().__init__(f"`{command}` ended with {result.code}: {tail}", where=where, code="command_failed")
        self.result = result


class Runner(Protocol):
    """A way onto one node. Secrets go in by `stdin`, never by argv or environment."""

    def run(self, argv: Sequence[str], *, stdin: str = "", timeout: float = 60.0) -> Result:
        """Run it as root and wait; a non-zero code is a result. Unreachable or timed out raises BootstrapError."""
        ...


@runtime_checkable
class Stoppable(Protocol):
    """A runner that can end its command from another thread, also one that it is only about to start."""

    def stop(self) -> None:
        """End it; `run` then returns or raises."""
        ...
