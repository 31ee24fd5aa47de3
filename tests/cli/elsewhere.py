"""What the fake session does not do: the verbs that change one node are tried on a real session over a fake provider."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NoReturn

from bootstrap.engine.member import Member
from bootstrap.providers.base import LockInfo
from bootstrap.swarm.view import View


class Elsewhere:
    """See tests/cli/commands/test_members.py."""

    def ask(self) -> View:
        self._elsewhere()

    def drain(self, node_id: str, timeout: float) -> None:
        self._elsewhere()

    def activate(self, node_id: str) -> None:
        self._elsewhere()

    def remove(self, member: Member, *, parallel: int) -> Iterator[Any]:
        self._elsewhere()

    def replace(self, member: Member, *, parallel: int) -> Iterator[Any]:
        self._elsewhere()

    def upkeep(self, on: bool) -> None:
        self._elsewhere()

    def force_unlock(self, lock_id: str) -> LockInfo:
        self._elsewhere()

    def _elsewhere(self) -> NoReturn:
        raise AssertionError(Elsewhere.__doc__)
