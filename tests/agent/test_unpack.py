"""The agent's sources beside their compiled form: made once, whole or not at all, and never anybody else's."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from bootstrap.agent.unpack import unpack
from bootstrap.userdata.agent_zip import agent_hash, agent_zipapp

SOURCES = {"bootstrap/agent/one.py": b"ONE = 1\n", "bootstrap/agent/store/__init__.py": b""}


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A /run/bootstrap as user-data makes it."""
    folder = tmp_path / "run"
    folder.mkdir(0o755)
    return folder


def test_the_sources_are_put_there_once(run: Path) -> None:
    """The second start reads nothing of the archive."""
    first = unpack("abc", SOURCES, SOURCES.__getitem__, str(run))
    second = unpack("abc", SOURCES, pytest.fail, str(run))

    assert first == second == str(run / "agent-abc")
    assert {str(path.relative_to(first)): path.read_bytes() for path in Path(first).rglob("*.py")} == SOURCES
    assert Path(first).stat().st_mode & 0o077 == 0


def test_what_fails_half_way_has_no_name(run: Path) -> None:
    """The archive serves instead, and the next start tries again."""

    def breaks(name: str) -> bytes:
        if "store" in name:
            raise OSError(28, "no space left on device")
        return SOURCES[name]

    assert unpack("abc", SOURCES, breaks, str(run)) is None
    assert not (run / "agent-abc").exists()
    assert unpack("abc", SOURCES, SOURCES.__getitem__, str(run)) == str(run / "agent-abc")


def test_two_that_start_at_once_agree(run: Path) -> None:
    """The slower one takes what the quicker one made."""

    def overtaken(name: str) -> bytes:
        if not (run / "agent-abc").exists():
            (run / "agent-abc/bootstrap").mkdir(0o755, parents=True)
        return SOURCES[name]

    assert unpack("abc", SOURCES, overtaken, str(run)) == str(run / "agent-abc")


def test_a_folder_that_others_may_write_is_not_used(run: Path) -> None:
    """Whoever can write there would run as root; and before user-data made it there is none."""
    run.chmod(0o777)
    assert unpack("abc", SOURCES, SOURCES.__getitem__, str(run)) is None
    run.chmod(0o755)
    (run / "agent-abc").mkdir()
    (run / "agent-abc").chmod(0o777)
    assert unpack("abc", SOURCES, SOURCES.__getitem__, str(run)) is None
    assert unpack("abc", SOURCES, SOURCES.__getitem__, str(run / "none")) is None


@pytest.mark.process
def test_the_zipapp_runs_from_there_and_keeps_what_it_compiled(run: Path) -> None:
    """As on a node, where `/run/bootstrap` is; another version does not disturb it."""
    zipapp = run / "agent.pyz"
    zipapp.write_bytes(agent_zipapp())
    argv = [sys.executable, "-I", "-c", _IN_ANOTHER_FOLDER, str(zipapp), str(run), "status"]

    done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=30, env={**os.environ})

    assert "configuration" in done.stderr, done.stderr
    compiled = {path.name.split(".")[0] for path in (run / f"agent-{agent_hash()}").rglob("*.pyc")}
    assert {"__main__", "context", "engine_api"} <= compiled


# The zipapp as it is, except that its folder is not the machine's own.
_IN_ANOTHER_FOLDER = """
import runpy, sys
zipapp, run, *sys.argv[1:] = sys.argv[1:]
sys.path.insert(0, zipapp)
import bootstrap.agent.unpack as module
module.unpack.__defaults__ = (run,)
sys.argv[1:] = ["--root", run, *sys.argv[1:]]
runpy.run_path(zipapp, run_name="__main__")
"""
