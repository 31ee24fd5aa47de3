"""A stream of events, drawn in a thread of its own, so that a signal never strikes in the middle of the engine's work."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Iterator
from queue import Empty, SimpleQueue

from bootstrap.engine.events import Event

WAKE = 0.1  # seconds between two looks at whether the run was asked to stop


class Stream:
    """Events as they come. Once `asked` is true the stream is interrupted where it is safe: at the event it tells next.

    The thread looks itself, so that nothing more is started after a signal, however long the picture takes.
    """

    def __init__(self, events: Iterator[Event], asked: Callable[[], bool]) -> None:
        self._events = events
        self._asked = asked
        self._told: SimpleQueue[Event | None] = SimpleQueue()  # None: the end
        self._error: BaseException | None = None
        threading.Thread(target=self._draw, name="events", daemon=True).start()

    def __iter__(self) -> Iterator[Event | None]:
        """Every event, and None now and then while nothing happens; at the end the stream's own error is raised."""
        while True:
            try:
                event = self._told.get(timeout=WAKE)
            except Empty:
                yield None
                continue
            if event is None:
                break
            yield event
        if self._error is not None:
            raise self._error

    def _draw(self) -> None:
        try:
            for event in _interruptible(self._events, self._asked):
                self._told.put(event)
        except BaseException as error:  # noqa: BLE001 - it is raised again where the stream is read
            self._error = error
        finally:
            self._told.put(None)


def _interruptible(events: Iterator[Event], asked: Callable[[], bool]) -> Iterator[Event]:
    """The events; once it is `asked` to end the stream gets one KeyboardInterrupt, and may still tell how things end."""
    told = False
    while True:
        try:
            if asked() and not told and isinstance(events, Generator):
                told = True
                event = events.throw(KeyboardInterrupt())
            else:
                event = next(events)
        except StopIteration:
            return
        yield event
