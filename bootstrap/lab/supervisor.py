"""Starts what must outlive the command line: a host's power supply and a fabric's services."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from bootstrap.errors import BootstrapError
from bootstrap.lab.command import ENVIRONMENT
from bootstrap.lab.records import write_text

HERE = Path(__file__).parent
POLL = 0.01  # seconds between two looks at something that takes a tenth of a second


def detach(argv: Sequence[str], log: Path, environment: Mapping[str, str]) -> None:
    """Start a program of its own session that holds no terminal, folder or pipe of ours; its output goes to `log`.

    It becomes a child of the machine's init, so no zombie is left, and it takes hangups as it would when started
    from a login, also when we run under nohup.
    """
    with log.open("ab") as output:
        subprocess.run(
            ["setsid", "--fork", "env", "--default-signal", *argv],
            stdin=subprocess.DEVNULL, stdout=output, stderr=output, cwd="/",
            env={**ENVIRONMENT, **environment}, check=True,
        )  # fmt: skip


def power(environment: Mapping[str, str], log: Path) -> None:
    """Start the power supply of a host; `supervisor.sh` says what it wants in its environment.

    A host reboots for months: its folder has its own copy of the first process, and no venv is needed to run that.
    """
    init = Path(environment["FOLDER"]) / "init.py"
    write_text(init, (HERE / "init.py").read_text())
    given = {"PYTHON": str(Path(sys.executable).resolve()), "INIT": str(init), **environment}
    detach(["sh", str(HERE / "supervisor.sh")], log, given)


def wait(done: Callable[[], bool], *, timeout: float) -> bool:
    """Whether `done` came true within `timeout` seconds."""
    deadline = time.monotonic() + timeout
    while not done():
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL)
    return True


def did_not(what: str, where: str, log: Path) -> BootstrapError:
    """The error of something that was started and did not come up, with the last lines of its log."""
    tail = "; ".join(log.read_text(errors="replace").strip().splitlines()[-5:]) if log.exists() else ""
    fix = f"see {log}, then run the same command again"
    return BootstrapError(f"{what}: {tail or 'it said nothing'}", where=where, fix=fix, code="not_started")
