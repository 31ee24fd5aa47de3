"""Progress on stderr: a picture that moves on a terminal, else one line for each event."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from types import TracebackType
from typing import Any, Protocol, Self

from bootstrap.cli.run import Run
from bootstrap.cli.show import words
from bootstrap.cli.show.stream import Stream
from bootstrap.engine.events import ChangeFailed, ChangeSkipped, ChangeStarted, Event, NodeProgress, Note

AGAIN = 60.0  # seconds until the same note is news again: two that take turns would flood


class View(Protocol):
    """Something that shows events while it is entered."""

    def __enter__(self) -> Self: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None: ...
    def show(self, event: Event) -> None:
        """Show one event."""
        ...

    def finish(self) -> None:
        """The run is over: leave what is worth keeping."""
        ...

    def stopping(self) -> None:
        """Say that the run was asked to stop; called in a signal handler."""
        ...


class Lines:
    """One line for each event; beginnings only with -v."""

    def __init__(self, run: Run) -> None:
        self._run = run

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        pass

    def show(self, event: Event) -> None:
        """Write the event's line."""
        if isinstance(event, ChangeStarted) and not self._run.verbose:
            return
        level = "warning" if isinstance(event, ChangeFailed | ChangeSkipped) else "info"
        self._run.say(words.line(event), level=level, **words.facts(event))

    def finish(self) -> None:
        """Nothing: the lines are still there."""

    def stopping(self) -> None:
        """Write past all buffers: the handler may have interrupted a write."""
        if self._run.log_format == "text":
            os.write(_stderr(), f"{words.STOPPING}\n".encode())


class Progress:
    """Follow streams of events in a view; entered around each part of a run that takes time.

    Streams start anew, a run does not: of each machine only news are shown, timed from the run's beginning.
    """

    def __init__(self, run: Run) -> None:
        self._run = run
        self._view = _view(run)
        self._began = run.clock()
        self._told: dict[str, str] = {}
        self._noted: dict[str, float] = {}

    def __enter__(self) -> Self:
        self._view.__enter__()
        self._run.signals.on_stop = self._view.stopping
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._run.signals.on_stop = None
        self._view.__exit__(kind, error, at)

    def finish(self) -> None:
        """The run went well; a failed one leaves its picture by itself."""
        self._view.finish()

    def know(self, nodes: Iterable[Mapping[str, Any]]) -> None:
        """Nodes of a status that are in service: the end of the road where it was followed, else no news."""
        for node in nodes:
            if node["state"] != "ready" or node["availability"] == "drain":
                continue
            if node["hostname"] in self._told:
                self._show(NodeProgress(node["hostname"], node["availability"], 0.0))
            self._told[node["hostname"]] = node["availability"]

    def follow(self, events: Iterator[Event], *, finish: bool = False) -> None:
        """Show every event. After a signal: with `finish` what runs is let end and told, else the stream is left."""
        signals = self._run.signals
        with signals.held():
            for event in Stream(events, lambda: signals.received is not None):
                if event is not None:
                    self._show(event)
                if signals.received is not None and not finish:
                    raise KeyboardInterrupt

    def _show(self, event: Event) -> None:
        """Show it, unless it was shown before."""
        if isinstance(event, Note) and not self._news(event):
            return
        if isinstance(event, NodeProgress):
            if self._told.get(event.hostname) == event.step:
                return
            self._told[event.hostname] = event.step
            event = NodeProgress(event.hostname, event.step, self._run.clock() - self._began)
        self._view.show(event)

    def _news(self, note: Note) -> bool:
        """Whether that was not said lately."""
        now = self._run.clock()
        if now - self._noted.get(note.text, -AGAIN) < AGAIN:
            return False
        self._noted[note.text] = now
        return True


def _view(run: Run) -> View:
    """The picture where it can be seen."""
    if not run.live():
        return Lines(run)
    from bootstrap.cli.show.live import Live  # noqa: PLC0415 - rich takes longer to load than most commands to run

    return Live(run)


def _stderr() -> int:
    """The file descriptor of stderr, whatever stands in for sys.stderr."""
    stream = sys.__stderr__
    return 2 if stream is None else stream.fileno()
