"""Ctrl-C and SIGTERM: the first asks, the second ends at once."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType, TracebackType
from typing import Self

_ASKING = (signal.SIGINT, signal.SIGTERM)


class Signals:
    """While entered, SIGINT and SIGTERM raise KeyboardInterrupt in the main thread; `received` tells which came first.

    `on_stop` is called before, in the signal handler: it must not take a lock or use buffered output.
    """

    def __init__(self) -> None:
        self.received: int | None = None
        self.on_stop: Callable[[], None] | None = None
        self.last_word: Callable[[], str] | None = None  # told on stderr before the process ends; the same holds
        self._held = False
        self._before: dict[int, object] = {}

    @property
    def exit_code(self) -> int:
        """What the process ends with when it was interrupted."""
        return 128 + (self.received or signal.SIGINT)

    def __enter__(self) -> Self:
        """Take the signals over; only the main thread may, elsewhere they stay as they are."""
        if threading.current_thread() is threading.main_thread():
            self._before = {number: signal.signal(number, self._stop) for number in _ASKING}
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Give the signals back."""
        for number, handler in self._before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]  # what signal() gave, it takes

    @contextmanager
    def held(self) -> Iterator[None]:
        """While entered the first signal is only noted: who works under it looks at `received`."""
        before, self._held = self._held, True
        try:
            yield
        finally:
            self._held = before

    @contextmanager
    def passed_on(self) -> Iterator[None]:
        """While a child has the terminal, Ctrl-C is the child's: we do nothing. A function, as SIG_IGN is inherited."""
        before = signal.signal(signal.SIGINT, lambda *_: None)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, before)

    def _stop(self, number: int, _frame: FrameType | None) -> None:
        """The first time raise, so that what runs can end; the second time end the process here."""
        if self.received is not None:
            _leave(self.last_word() if self.last_word is not None else "")
            os._exit(128 + number)
        self.received = number
        if self.on_stop is not None:
            self.on_stop()
        if not self._held:
            raise KeyboardInterrupt


def _leave(text: str) -> None:
    """Say it past all buffers. Progress may have hidden the cursor and left a line: nobody else can mend that any more."""
    if sys.__stderr__ is None:
        return
    mend = "\r\x1b[2K\x1b[?25h" if sys.__stderr__.isatty() else ""
    with suppress(OSError):  # whoever read it is gone: all the more reason to end
        os.write(sys.__stderr__.fileno(), (mend + text).encode())
