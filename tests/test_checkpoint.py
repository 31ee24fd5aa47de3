"""The door for tests: shut by default, clear about what it does when it is open."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from bootstrap import checkpoint
from bootstrap.agent import checkpoint as on_node
from bootstrap.errors import UsageError

TWICE = (
    "from bootstrap.checkpoint import reach\nreach('a.one')\nprint('first', flush=True)\nreach('a.one')\nprint('end')"
)


def python(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """That code in a process of its own, which may be killed."""
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=False,
        env={**os.environ, **environment}, cwd=Path(__file__).parents[1],
    )  # fmt: skip


def test_nothing_happens_unless_asked() -> None:
    """Without the variable a checkpoint does nothing."""
    checkpoint.reach("a.step")
    on_node.reach("a.step")


@pytest.mark.process
def test_kill_the_second_time(tmp_path: Path) -> None:
    """NAME:2=kill ends the process there, says so, and the folder lists what was reached."""
    done = python(TWICE, BOOTSTRAP_CHECKPOINT="a.one:2=kill", BOOTSTRAP_CHECKPOINT_DIR=str(tmp_path))

    assert (done.returncode, done.stdout) == (-signal.SIGKILL, "first\n")
    assert "kill at a.one" in done.stderr
    assert (tmp_path / "reached").read_text() == "a.one\na.one\n"


@pytest.mark.process
def test_interrupt() -> None:
    """NAME=interrupt is Ctrl-C."""
    assert "KeyboardInterrupt" in python(TWICE, BOOTSTRAP_CHECKPOINT="a.one=interrupt").stderr


@pytest.mark.process
def test_hold(tmp_path: Path) -> None:
    """A held run goes on when the file is removed."""
    environment = {**os.environ, "BOOTSTRAP_CHECKPOINT": "a.one=hold", "BOOTSTRAP_CHECKPOINT_DIR": str(tmp_path)}
    with subprocess.Popen([sys.executable, "-c", TWICE], env=environment, stdout=subprocess.PIPE, text=True) as process:
        held = tmp_path / "a.one.held"
        while not held.exists():
            assert process.poll() is None
        held.unlink()
        output, _ = process.communicate(timeout=30)

    assert output == "first\nend\n"


@pytest.mark.parametrize("wish", ["a.one", "a.one=stop", "=kill", "a.one:x=kill"])
def test_a_wish_that_cannot_be_read_is_refused(monkeypatch: pytest.MonkeyPatch, wish: str) -> None:
    """It is told with what to do: somebody may have inherited it."""
    monkeypatch.setenv("BOOTSTRAP_CHECKPOINT", wish)

    with pytest.raises(UsageError, match="no checkpoint") as caught:
        checkpoint.reach("a.one")

    assert "unset it" in caught.value.fix


def test_hold_needs_a_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody could let it go on."""
    monkeypatch.setenv("BOOTSTRAP_CHECKPOINT", "a.hold=hold")

    with pytest.raises(UsageError, match="needs a folder"):
        checkpoint.reach("a.hold")


@pytest.mark.process
def test_an_agent_is_killed_once(tmp_path: Path) -> None:
    """The file is gone before the agent is: the next process is not killed as well."""
    file = tmp_path / "checkpoint"
    file.write_text("join.init=kill\n")
    file.chmod(0o600)
    code = (
        f"from bootstrap.agent import checkpoint as one\none.FILE = {str(file)!r}\none.reach('join.init')\nprint('end')"
    )

    assert python(code).returncode == -signal.SIGKILL
    assert python(code).stdout == "end\n"
    assert Path(f"{file}.reached").read_text() == "join.init\n"


def test_a_file_that_others_may_write_is_not_heeded(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Only root kills the agent."""
    file = tmp_path / "checkpoint"
    file.write_text("join.init=kill\n")
    file.chmod(0o666)
    monkeypatch.setattr(on_node, "FILE", str(file))

    on_node.reach("join.init")

    assert file.exists()
