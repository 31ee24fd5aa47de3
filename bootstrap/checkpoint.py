"""Named steps of a run, at which a test can kill, interrupt or hold it. A door for tests: shut unless it is asked for.

BOOTSTRAP_CHECKPOINT="NAME=kill|interrupt|hold", several with commas; NAME:2 is the second time that it is reached.
BOOTSTRAP_CHECKPOINT_DIR is a folder: `reached` in it gets a line for each step, and `NAME.held` is there while one is
held: it goes on when that file is removed, or after two minutes.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from bootstrap.errors import UsageError

VARIABLE, FOLDER = "BOOTSTRAP_CHECKPOINT", "BOOTSTRAP_CHECKPOINT_DIR"
MODES = ("kill", "interrupt", "hold")
PATIENCE = 120.0  # seconds that a held run waits: a test that died must not leave it there for ever
POLL = 0.02

Watcher = Callable[[str], None]
_watcher: Watcher | None = None
_count: Counter[str] = Counter()
_lock = threading.Lock()


def reach(name: str) -> None:
    """Say that the step of this name comes next. Nothing happens, unless a test asked for something."""
    if _watcher is not None:
        _watcher(name)
    elif VARIABLE in os.environ or FOLDER in os.environ:
        _told(name)


def watch(watcher: Watcher | None) -> None:
    """Let a test in this process see each step, and raise at it; None shuts the door again."""
    global _watcher  # noqa: PLW0603 - one process is one run
    _watcher = watcher


def _told(name: str) -> None:
    """Do what the environment asks for at this step."""
    with _lock:
        _count[name] += 1
        number = _count[name]
        _note(name)
    mode = _wishes().get((name, number))
    if mode is not None:
        _warn(f"{VARIABLE}: {mode} at {name}")
    if mode == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    elif mode == "interrupt":
        os.kill(os.getpid(), signal.SIGINT)
    elif mode == "hold":
        _hold(name)


def _wishes() -> dict[tuple[str, int], str]:
    """(name, which time) -> mode."""
    wishes = {}
    for wish in filter(None, os.environ.get(VARIABLE, "").split(",")):
        place, _, mode = wish.partition("=")
        name, _, number = place.partition(":")
        if not name or mode not in MODES or not (number or "1").isdecimal():
            fix = f"unset it: it is a door for tests; they write NAME={'|'.join(MODES)}"
            raise UsageError(f"'{wish}' is no checkpoint", where=VARIABLE, fix=fix)
        wishes[name, int(number or 1)] = mode
    return wishes


def _folder() -> Path | None:
    given = os.environ.get(FOLDER)
    return Path(given) if given else None


def _note(name: str) -> None:
    folder = _folder()
    if folder is not None:
        with (folder / "reached").open("a", encoding="utf-8") as file:
            file.write(f"{name}\n")


def _hold(name: str) -> None:
    folder = _folder()
    if folder is None:
        raise UsageError("`hold` needs a folder", where=VARIABLE, fix=f"set {FOLDER}")
    held = folder / f"{name}.held"
    held.touch()
    end = time.monotonic() + PATIENCE
    while held.exists() and time.monotonic() < end:
        time.sleep(POLL)


def _warn(text: str) -> None:
    """Past all buffers, so that it is there before the end: nobody is to wonder about an inherited variable."""
    if sys.__stderr__ is not None:
        os.write(sys.__stderr__.fileno(), f"{text}\n".encode())
