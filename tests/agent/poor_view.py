"""The store as one host reaches it, with everything that a network does to an answer."""

from __future__ import annotations

from collections import deque
from typing import Any

from bootstrap.agent.store import Control, Generation, StaleWrite, StoreUnavailable
from tests.agent.fakes import MemoryStore, StoreView


class PoorView(StoreView):
    """The store as one host reaches it. `outcomes` decides how its next writes end; `down` cuts it off.

    ok | stale | unknown_applied | unknown_lost
    """

    def __init__(self, store: MemoryStore) -> None:
        super().__init__(store)
        self.outcomes: deque[str] = deque()
        self.down = False

    def __getattribute__(self, name: str) -> Any:
        if name[0] != "_" and name not in ("down", "outcomes") and self.down:
            raise StoreUnavailable("no route to the store")
        return super().__getattribute__(name)

    def swap(self, control: Control, generation: Generation) -> Generation:
        outcome = self.outcomes.popleft() if self.outcomes else "ok"
        if outcome == "unknown_lost":
            raise StoreUnavailable(outcome)
        if outcome == "stale":
            raise StaleWrite
        done = super().swap(control, generation)
        if outcome == "unknown_applied":
            raise StoreUnavailable(outcome)
        return done

    def write_secret(self, role: str, name: str, value: str) -> str:
        outcome = self.outcomes.popleft() if self.outcomes else "ok"
        if outcome == "unknown_lost":
            raise StoreUnavailable(outcome)
        version = super().write_secret(role, name, value)
        if outcome == "unknown_applied":
            raise StoreUnavailable(outcome)
        return version
