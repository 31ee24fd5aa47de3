from __future__ import annotations

import os
import subprocess
import sys

import pytest


@pytest.mark.process
def test_a_reader_that_leaves_is_no_fault() -> None:
    """Output into a pipe that is closed ends quietly."""
    script = f"{sys.executable} -m bootstrap completion bash | head -c 0"
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=False)

    assert done.stderr == ""


@pytest.mark.process
@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize(
    ("argv", "code"), [("version", 1), ("version -o json", 1), ("--help", 1), ("schema", 1), ("up no.yml -o json", 2)]
)
def test_a_full_disk_is_no_fault_of_ours(argv: str, code: int, unbuffered: str) -> None:
    """A stdout that takes nothing is said as what it is, exit 1; a failure before it keeps its own code and words."""
    done = _redirected(f"{argv} >/dev/full", unbuffered)

    assert done.returncode == code
    assert "fault of bootstrap" not in done.stderr
    assert "Traceback" not in done.stderr
    assert "Exception" not in done.stderr
    assert ("No space left on device" in done.stderr) == (code == 1)


@pytest.mark.process
@pytest.mark.parametrize("argv", ["version", "schema", "up no.yml -o json"])
def test_a_closed_pipe_is_quiet(argv: str) -> None:
    """Nobody reads: nothing but the run's own failure is told, and the code is never 0."""
    done = _redirected(f"{argv} | true; exit ${{PIPESTATUS[0]}}", "")

    assert done.returncode in ({1} if "up" not in argv else {2})
    assert [line for line in done.stderr.splitlines() if "E001" not in line] == []


def _redirected(line: str, unbuffered: str) -> subprocess.CompletedProcess[str]:
    """The command line, run by bash; a closed pipe is closed before anything is written to it."""
    script = f"{sys.executable} -m bootstrap {line}"
    env = {**os.environ, "PYTHONUNBUFFERED": unbuffered}
    return subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=False, env=env)
