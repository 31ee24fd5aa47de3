from __future__ import annotations

import os
from pathlib import Path

import pytest

from bootstrap.lab import supervisor


@pytest.mark.process
def test_what_is_started_holds_nothing_of_ours(tmp_path: Path) -> None:
    """A session of its own, no terminal, no folder, no pipe, no environment; its output is in its log."""
    log, done = tmp_path / "log", tmp_path / "done"
    script = 'ps -o sid=,pid= -p $$; readlink /proc/self/cwd /proc/self/fd/0; env; touch "$DONE"'
    supervisor.detach(["sh", "-c", script], log, {"DONE": str(done)})
    assert supervisor.wait(done.exists, timeout=10)

    ids, folder, stdin, *environment = log.read_text().splitlines()
    session, _pid = ids.split()
    assert int(session) != os.getsid(0)
    assert (folder, stdin) == ("/", "/dev/null")
    assert {line.split("=")[0] for line in environment} <= {"DONE", "PATH", "LC_ALL", "PWD", "OLDPWD", "SHLVL", "_"}


@pytest.mark.process
def test_waiting_has_an_end() -> None:
    """What never comes true is given up."""
    assert not supervisor.wait(lambda: False, timeout=0.05)
    assert supervisor.wait(lambda: True, timeout=0)


def test_what_did_not_start_shows_its_last_words(tmp_path: Path) -> None:
    """The log's end is in the message, and its path in the fix."""
    log = tmp_path / "console.log"
    assert "it said nothing" in supervisor.did_not("no start", "host", log).what

    log.write_text("first\n" * 9 + "the reason\n")

    error = supervisor.did_not("no start", "host", log)
    assert "the reason" in error.what
    assert str(log) in error.fix


@pytest.mark.process
def test_the_shell_script_is_clean() -> None:
    """shellcheck finds nothing in the power supply of a host."""
    import subprocess

    script = supervisor.HERE / "supervisor.sh"
    done = subprocess.run(["shellcheck", str(script)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
