"""One sweep in several processes, each with its share of the trials, a cluster and a disk of its own."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Sequence


def together(module: str, argv: Sequence[str], parallel: int) -> None:
    """Run `python -m MODULE` that often at once and wait for all; asked to end, ask them, so that none goes on alone."""
    again = [sys.executable, "-m", module, *argv, "--parallel", "1"]
    running: list[subprocess.Popen[bytes]] = []

    def end(*_: object) -> None:
        for process in running:
            process.terminate()

    signal.signal(signal.SIGTERM, end)
    running.extend(subprocess.Popen([*again, "--share", f"{number}/{parallel}"]) for number in range(parallel))
    for process in running:
        process.wait()
