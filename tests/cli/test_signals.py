from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

import pytest

from bootstrap.cli.signals import Signals
from bootstrap.remote.runner import Result
from tests.cli.conftest import Invoke, document
from tests.cli.fake_session import FakeRunner, FakeSession, World


@dataclass
class Unstoppable:
    """A runner that only runs."""

    inner: FakeRunner

    def run(self, argv: Sequence[str], *, stdin: str = "", timeout: float = 60.0) -> Result:
        return self.inner.run(argv, stdin=stdin, timeout=timeout)


@pytest.fixture
def noted(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """Set when the main thread has handled a signal: only there handlers run, at its next turn."""
    event, handle = threading.Event(), Signals._stop

    def stop(signals: Signals, number: int, frame: FrameType | None) -> None:
        try:
            handle(signals, number, frame)
        finally:
            event.set()

    monkeypatch.setattr(Signals, "_stop", stop)
    return event


def interrupt(number: int) -> None:
    """What a terminal or an init system does."""
    os.kill(os.getpid(), number)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupted_up_ends_what_runs(
    invoke: Invoke, world: World, file: Path, noted: threading.Event, number: int, code: int
) -> None:
    """The first signal lets what runs end, starts nothing new, says how to go on; then `up` does go on."""

    def interrupted() -> None:
        interrupt(number)
        assert noted.wait(10)  # the step lasts until the main thread has heard of it

    world.on["create host/prod-dmz-1"] = interrupted
    result = invoke("up", file, "--yes", "--parallel", "1")

    assert result.exit_code == code
    assert "host prod-dmz-1: created" in result.stderr
    assert "host prod-web-1: not done: interrupted" in result.stderr
    assert f"hint: `bootstrap up {file}` goes on from here" in result.stderr
    assert "create host/prod-web-1" not in world.log
    assert world.log[-1] == "unlock"

    world.on.clear()

    assert invoke("up", file, "--yes").exit_code == 0
    assert world.log.count("create host/prod-dmz-1") == 1


def test_an_interruption_while_waiting(invoke: Invoke, world: World, file: Path) -> None:
    """Ctrl-C during a wait is 130 as well, frees the lock, and is a document with `-o json`."""
    world.on["wait formed 900"] = lambda: interrupt(signal.SIGINT)
    result = invoke("up", file, "--yes", "-o", "json")

    assert result.exit_code == 130
    assert document(result)["error"]["code"] == "interrupted"
    assert world.log[-1] == "unlock"


def test_an_interrupted_look(invoke: Invoke, world: World, file: Path) -> None:
    """Ctrl-C at a command that changes nothing is 130 and promises nothing."""
    world.on["look"] = lambda: interrupt(signal.SIGINT)
    result = invoke("status", file)

    assert result.exit_code == 130
    assert result.stderr == "error: interrupted\n"


def test_a_failure_during_an_interruption_is_told(invoke: Invoke, world: World, file: Path) -> None:
    """The signal decides the exit code; the failure is not hidden."""
    world.on["create host/prod-dmz-1"] = lambda: interrupt(signal.SIGINT)
    world.fails = frozenset({"create host/prod-dmz-1"})
    result = invoke("up", file, "--yes", "--parallel", "1")

    assert result.exit_code == 130
    assert "the cloud said no" in result.stderr


def test_the_handlers_are_given_back(invoke: Invoke, file: Path) -> None:
    """After a run the process handles signals as before."""
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    invoke("status", file)

    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before


def test_the_second_signal_ends_at_once(
    invoke: Invoke, world: World, file: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Asked twice, the process ends in the handler itself, with the way to go on."""

    class EndedError(BaseException):
        pass

    def ended(code: int) -> None:
        raise EndedError(code)

    def twice() -> None:
        try:
            interrupt(signal.SIGINT)
        except KeyboardInterrupt:
            interrupt(signal.SIGTERM)

    monkeypatch.setattr(os, "_exit", ended)
    world.on["lock up 0"] = twice

    with (tmp_path / "stderr").open("w") as screen:
        monkeypatch.setattr(sys, "__stderr__", screen)
        with pytest.raises(EndedError) as caught:
            invoke("up", file, "--yes")
    assert caught.value.args == (143,)
    told = (tmp_path / "stderr").read_text()
    assert told == f"error: interrupted\nhint: `bootstrap up {file}` goes on from here\n"


@pytest.mark.parametrize("stoppable", [True, False])
def test_an_interrupted_exec(
    invoke: Invoke, running: World, file: Path, monkeypatch: pytest.MonkeyPatch, stoppable: bool
) -> None:
    """What waits is not started; what runs is ended where its runner can, and not waited for where it cannot."""
    gate = threading.Event()
    kept: list[bool] = []  # whether the process would wait for the thread at its end

    def hang() -> None:
        kept.append(not threading.current_thread().daemon)
        interrupt(signal.SIGINT)
        gate.wait(10)
        running.log.append("woke")

    running.on["run prod-dmz-1 ['sleep', '600']"] = hang
    if not stoppable:
        monkeypatch.setattr(
            FakeSession, "runner", lambda _, instance: Unstoppable(FakeRunner(running, instance.hostname))
        )
    result = invoke("exec", file, "-o", "json", "--parallel", "1", "--", "sleep", "600")
    log = list(running.log)
    gate.set()

    assert result.exit_code == 130
    assert document(result)["error"]["code"] == "interrupted"
    assert "woke" not in log
    assert kept == [False]
    assert [line for line in log if line.startswith(("run", "stop"))] == [
        "run prod-dmz-1 ['sleep', '600']", *(["stop prod-dmz-1"] if stoppable else []),
    ]  # fmt: skip


@pytest.mark.process
def test_an_interruption_while_loading() -> None:
    """Ctrl-C before the signals are ours, while libraries load, is 130 without a word."""
    script = """
import os, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # whoever runs the tests may ignore it
class Interrupts:
    def find_spec(self, name, path=None, target=None):
        if name == "click":
            os.kill(os.getpid(), signal.SIGINT)
sys.meta_path.insert(0, Interrupts())
from bootstrap.cli import main
main(["version"])
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)

    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")
