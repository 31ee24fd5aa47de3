"""Named steps of the agent, at which a test can kill or hold it. A door for tests: shut unless root opens it.

/run/bootstrap/checkpoint has a line `NAME=kill|hold` for each wish; NAME:2 is the second time that it is reached in this
process. It goes with the next boot, and works once: the file is taken away before the agent is killed, and `hold` lasts
until the file changes, at most two minutes. While the file is there, `checkpoint.reached` beside it gets each step.
"""

from __future__ import annotations

import os
import signal
import time
from typing import Callable

from .errors import log

FILE = "/run/bootstrap/checkpoint"
PATIENCE = 120.0  # seconds
Watcher = Callable[[str], None]

_watcher: Watcher | None = None
_count: dict[str, int] = {}


def reach(name: str) -> None:
    """Say that the step of this name comes next. Nothing happens, unless a test asked for something."""
    if _watcher is not None:
        _watcher(name)
    elif os.path.exists(FILE):
        _told(name)


def watch(watcher: Watcher | None) -> None:
    """Let a test in this process see each step, and raise at it; None shuts the door again."""
    global _watcher  # noqa: PLW0603 - one process is one agent
    _watcher = watcher


def _told(name: str) -> None:
    text = _read()
    if text is None:
        return
    _count[name] = number = _count.get(name, 0) + 1
    with open(f"{FILE}.reached", "a", encoding="utf-8") as file:
        file.write(f"{name}\n")
    wishes = dict(line.strip().partition("=")[::2] for line in text.splitlines())
    mode = wishes.get(f"{name}:{number}") or (wishes.get(name) if number == 1 else None)
    if mode == "kill":
        log(f"checkpoint: kill at {name}")
        os.unlink(FILE)
        os.kill(os.getpid(), signal.SIGKILL)
    elif mode == "hold":
        log(f"checkpoint: hold at {name}")
        _hold(text)


def _read() -> str | None:
    """The wishes, if only root can have written them."""
    try:
        with open(FILE, encoding="utf-8") as file:
            seen = os.fstat(file.fileno())
            return file.read() if seen.st_uid == os.geteuid() and not seen.st_mode & 0o022 else None
    except OSError:
        return None


def _hold(text: str) -> None:
    end = time.monotonic() + PATIENCE
    while _read() == text and time.monotonic() < end:
        time.sleep(0.05)
