"""The agent's sources beside their compiled form: made once, whole or not at all, and never anybody else's."""

from __future__ import annotations

import os
import subprocess
import sys
import zipimport
import zlib
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


def test_what_was_not_finished_leaves_nothing(run: Path) -> None:
    """Neither on a full disk, nor where another process was quicker, nor once it is there."""

    def breaks(name: str) -> bytes:
        raise OSError(28, "no space left on device", name)

    def overtaken(name: str) -> bytes:
        (run / "agent-abc").mkdir(0o700, exist_ok=True)
        (run / "agent-abc/quicker").touch()
        return SOURCES[name]

    unpack("abc", SOURCES, breaks, str(run))
    assert not list(run.iterdir())
    unpack("abc", SOURCES, overtaken, str(run))
    assert [path.name for path in run.iterdir()] == ["agent-abc"]


@pytest.mark.parametrize("error", [zipimport.ZipImportError("bad local file header"), zlib.error("invalid code")])
def test_an_archive_that_is_replaced_meanwhile_is_no_end(run: Path, error: Exception) -> None:
    """What reading at the old places of the new file brings is none of the system's errors."""

    def replaced(name: str) -> bytes:
        raise error

    assert unpack("abc", SOURCES, replaced, str(run)) is None
    assert not list(run.iterdir())


def test_what_a_killed_process_left_goes_with_the_next_making(run: Path) -> None:
    """By its number, which no process has; that of one that lives, other versions and other files stay."""
    gone, lives = f"agent-old.{1 << 22}", f"agent-old.{os.getpid()}"  # no process has a number that high
    for name in (gone, lives, "agent-old", f"stack.{1 << 22}"):
        (run / name).mkdir()
        (run / name / "part").touch()

    assert unpack("abc", SOURCES, SOURCES.__getitem__, str(run)) == str(run / "agent-abc")

    assert {path.name for path in run.iterdir()} == {lives, "agent-old", f"stack.{1 << 22}", "agent-abc"}


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
