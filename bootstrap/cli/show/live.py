"""The moving picture of a run: each change with its time, each machine with the steps of its first boot."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from rich.console import Console, Group, RenderableType
from rich.live import Live as Screen
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from bootstrap.cli.run import Run
from bootstrap.cli.show import words
from bootstrap.cli.show.words import STOPPING
from bootstrap.engine.events import ChangeDone, ChangeFailed, ChangeSkipped, ChangeStarted, Event, NodeProgress
from bootstrap.model.resource import Change

STEPS = ("boot", "engine", "joining", "joined")
LAST = frozenset({"active", "pause", "drain"})  # the swarm's word for a node that arrived
ROWS = 16  # lines of each part; the rest is counted


@dataclass
class Machine:
    """The steps that a machine reached, each with seconds since the wait began."""

    steps: dict[str, float] = field(default_factory=dict)

    @property
    def arrived(self) -> bool:
        """Whether the swarm takes it as a node that may work."""
        return bool(LAST & self.steps.keys())


class _Screen(Screen):
    """A screen that can be written above."""

    def above(self, line: RenderableType) -> None:
        """The line, and the picture anew below it.

        Under the lock of the thread that draws: between measuring the old picture and writing, nobody may draw another.
        Else more rows are erased than there are, and these are finished lines.
        """
        with self._lock:
            self.console.print(line)


class Live:
    """Shows the events on a terminal; what ended scrolls away above, what runs stays below with its time."""

    def __init__(self, run: Run, console: Console | None = None, clock: Callable[[], float] | None = None) -> None:
        self._clock = clock or run.clock
        colour = run.colour(err=True)
        self._console = console or Console(stderr=True, no_color=not colour, highlight=False, file=sys.stderr)
        self._run = run
        self._began = self._clock()
        self._running: dict[str, tuple[Change, float]] = {}
        self._machines: dict[str, Machine] = {}
        self._stopping = False
        self._spinner = Spinner("line")
        self._screen = self._new_screen()

    def _new_screen(self) -> _Screen:
        """One for each time the picture is up: a used one would erase its last picture again, and lines in its place."""
        return _Screen(
            console=self._console,
            get_renderable=self._picture,
            refresh_per_second=8,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )  # fmt: skip - what others write to stdout is data and stays whole

    def __enter__(self) -> Self:
        self._screen = self._new_screen()
        self._run.writer = self._write
        self._screen.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._screen.stop()
        self._run.writer = None
        if error is not None:
            self.finish()

    def finish(self) -> None:
        """Leave the machines' times on the screen."""
        if self._machines:
            self._console.print(self._nodes())

    def show(self, event: Event) -> None:
        """Take the event in; an ended one is written above the picture."""
        match event:
            case ChangeStarted():
                self._running[event.change.resource.key] = (event.change, self._clock())
            case ChangeDone() | ChangeFailed() | ChangeSkipped():
                self._running.pop(event.change.resource.key, None)
                self._screen.above(_ended(event))
            case NodeProgress():
                self._machines.setdefault(event.hostname, Machine()).steps[event.step] = event.elapsed
            case _:
                self._screen.above(Text(words.line(event)))  # as text: a bracket is no markup

    def stopping(self) -> None:
        """Take note; the picture shows it the next time it is drawn."""
        self._stopping = True

    def _write(self, text: str) -> None:
        """A line of somebody else, above the picture."""
        self._screen.above(Text.from_ansi(text))

    def _picture(self) -> RenderableType:
        """Everything that is not over yet. Drawn by a thread of its own: it reads copies."""
        parts: list[RenderableType] = [*self._changes()]
        if self._machines:
            parts.append(self._nodes())
        self._spinner.update(text=Text(f"{self._clock() - self._began:.0f} s"))
        if self._stopping:
            parts.append(Text(STOPPING, style="yellow"))
        parts.append(self._spinner)  # the last line: a second signal wipes it
        return Group(*parts)

    def _changes(self) -> Iterator[Text]:
        """The changes at work, the oldest first."""
        running = list(self._running.values())
        for change, since in running[:ROWS]:
            yield Text(f"  {words.what(change)}: {change.action.value} ({self._clock() - since:.1f} s)")
        if len(running) > ROWS:
            yield Text(f"  and {len(running) - ROWS} more")

    def _nodes(self) -> Table:
        """One line for each machine, those on their way first."""
        machines = sorted(dict(self._machines).items(), key=lambda item: (item[1].arrived, item[0]))
        hidden = len(machines) - ROWS
        table = Table(box=None, padding=(0, 1), header_style="bold")
        for title in ("NODE", *(step.upper() for step in STEPS), "IN SERVICE"):
            table.add_column(title, justify="left" if title == "NODE" else "right", no_wrap=True)
        for hostname, machine in machines[:ROWS]:
            table.add_row(hostname, *(_time(machine, {step}) for step in STEPS), _time(machine, LAST))
        if hidden > 0:
            table.add_row(f"and {hidden} more")
        return table


def _time(machine: Machine, steps: frozenset[str] | set[str]) -> str:
    """When it reached one of the steps: `2.1 s`."""
    times = [machine.steps[step] for step in steps & machine.steps.keys()]
    return f"{min(times):.1f} s" if times else ""


def _ended(event: ChangeDone | ChangeFailed | ChangeSkipped) -> Text:
    """The line of a change that is over."""
    match event:
        case ChangeDone():
            return Text("  ok ", style="green") + Text(words.line(event), style="default")
        case ChangeFailed():
            return Text("  !! ", style="red") + Text(words.line(event), style="default")
        case ChangeSkipped():
            return Text("  -- ", style="yellow") + Text(words.line(event), style="default")
