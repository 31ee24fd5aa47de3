from __future__ import annotations

import io
import re
import threading

import pytest
from rich.console import Console

from bootstrap.cli.run import Run
from bootstrap.cli.show import progress
from bootstrap.cli.show.live import Live
from bootstrap.cli.show.progress import Progress
from bootstrap.engine.events import ChangeDone, ChangeStarted, Event, NodeProgress, Note
from bootstrap.model.resource import Action, Change
from tests.cli.fake_session import Thing, World

CODE = re.compile(r"\x1b\[([?0-9;]*)([A-Za-z])|(.)", re.DOTALL)


def shown(output: str) -> list[str]:
    """What a terminal that is never too short shows after that output, scrollback included."""
    rows, row = [""], 0
    for numbers, code, char in CODE.findall(output):
        if char == "\n":
            row += 1
            rows += [""] * (row + 1 - len(rows))
        elif code == "A":
            row = max(0, row - int(numbers or 1))
        elif code == "K":
            rows[row] = ""
        elif char and char != "\r":
            rows[row] += char
    return [one.rstrip() for one in rows if one.strip()]


def stage(names: range) -> list[Event]:
    """Changes that all begin, then all end, with machines on their way between."""
    changes = [Change(Action.CREATE, Thing(f"prod-web-{number}", world=World())) for number in names]
    steps = [NodeProgress(f"prod-web-{number}", "boot", 1.0) for number in names]
    return [*map(ChangeStarted, changes), *steps, *(ChangeDone(one, 1.0) for one in changes)]


def on_a_screen(monkeypatch: pytest.MonkeyPatch) -> tuple[Progress, Run, io.StringIO]:
    """Progress as it is on a terminal of 80x40, without a thread that draws by itself."""
    run, screen = Run(terminal=False, clock=lambda: 0.0), io.StringIO()
    console = Console(file=screen, width=80, height=40, force_terminal=True, color_system=None)
    monkeypatch.setattr(progress, "_view", lambda _: Live(run, console))
    monkeypatch.setattr(threading.Thread, "start", lambda _: None)
    return Progress(run), run, screen


def test_finished_lines_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    """However often the picture comes and goes, no line that was finished is erased, nor what others wrote between."""
    shows, _, screen = on_a_screen(monkeypatch)
    done = [f"  ok host prod-web-{number}: created (1.0 s)" for number in range(15)]
    with shows:
        for event in stage(range(12)):
            shows._show(event)
    screen.write("a plan\n")
    with shows:
        for event in stage(range(12, 15)):
            shows._show(event)
    with shows:
        shows._show(Note("waiting: prod-web-1: its engine is down"))

    assert shown(screen.getvalue()) == [*done[:12], "a plan", *done[12:], "waiting: prod-web-1: its engine is down"]


def test_notes_that_take_turns_do_not_flood(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same note is news again only after a minute."""
    shows, run, screen = on_a_screen(monkeypatch)
    with shows:
        for second in range(0, 80, 10):
            monkeypatch.setattr(run, "clock", lambda now=second: float(now))
            shows._show(Note(f"waiting: {second // 10 % 2}"))

    assert shown(screen.getvalue()) == ["waiting: 0", "waiting: 1", "waiting: 0", "waiting: 1"]


def test_nobody_draws_while_a_line_is_written() -> None:
    """A line is measured and written under the lock of the thread that draws: between, that would misplace it."""
    run = Run(terminal=False)
    drew: list[bool] = []

    def draw() -> None:
        drew.append(live._screen._lock.acquire(blocking=False))
        if drew[-1]:
            live._screen._lock.release()

    class Screen(io.StringIO):
        def write(self, text: str) -> int:
            if "news" in text:
                drawing = threading.Thread(target=draw)
                drawing.start()
                drawing.join(10)
            return super().write(text)

    live = Live(run, Console(file=Screen(), width=80, height=40, force_terminal=True), lambda: 0.0)
    with live:
        live.show(Note("news"))

    assert drew == [False]
