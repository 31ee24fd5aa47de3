"""Time in memory, for everything that is handed a clock."""

from __future__ import annotations


class FakeClock:
    """Sleeping moves it on, and nothing else does."""

    def __init__(self) -> None:
        self.time = 0.0

    def now(self) -> float:
        """Seconds."""
        return self.time

    def sleep(self, seconds: float) -> None:
        """Take that long."""
        self.time += seconds
