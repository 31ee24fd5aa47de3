from __future__ import annotations

import errno
import fcntl
import json
import os
from dataclasses import asdict
from pathlib import Path

import pytest

from bootstrap.errors import BootstrapError, LockedError
from bootstrap.lab import paths
from bootstrap.providers.base import LockInfo
from bootstrap.providers.local.lock import force, holder, lock_path, locked, started


@pytest.fixture(autouse=True)
def _own_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paths, "DEFAULT_ROOT", tmp_path / "bootstrap" / "local")


def test_a_second_run_is_told_who_holds_it() -> None:
    """Exit 4 names who works, at what, since when, and the lock's id."""
    with locked("prod", "up", 0.0) as holder, pytest.raises(LockedError) as caught, locked("prod", "down", 0.0):
        pass

    assert caught.value.exit_code == 4
    assert all(part in str(caught.value) for part in (holder.who, "`up`", holder.since, holder.id))


def test_another_cluster_is_not_held() -> None:
    """The lock is a cluster's own."""
    with locked("prod", "up", 0.0), locked("prod-eu", "up", 0.0) as other:
        assert other.what == "up"


def test_it_waits_as_long_as_asked() -> None:
    """`--lock-timeout` waits for the holder, and takes the lock when it is freed."""
    first = locked("prod", "up", 0.0)
    first.__enter__()
    naps: list[float] = []

    def nap(seconds: float) -> None:
        naps.append(seconds)
        first.__exit__(None, None, None)

    with locked("prod", "scale", 60.0, sleep=nap) as taken:
        assert taken.what == "scale"
    assert len(naps) == 1


def test_nothing_stays_behind_when_the_cluster_is_gone() -> None:
    """After `down` there is neither a lock file nor the folder that held it."""
    with locked("prod", "down", 0.0):
        assert lock_path("prod").exists()

    assert not paths.root().exists()
    assert not paths.root().parent.exists()


def test_a_folder_that_the_user_named_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`down` never removes what it did not make: BOOTSTRAP_LOCAL_DIR itself is the user's."""
    monkeypatch.setenv("BOOTSTRAP_LOCAL_DIR", str(tmp_path))

    with locked("prod", "down", 0.0):
        pass

    assert list(tmp_path.iterdir()) == []


def test_the_file_stays_while_the_cluster_does() -> None:
    """A lock file that is unlinked under a waiting run could be held twice; it goes with the cluster only."""
    paths.cluster_dir("prod").mkdir(parents=True)

    with locked("prod", "up", 0.0):
        pass
    with locked("prod", "up", 0.0) as again:
        assert again.what == "up"

    assert lock_path("prod").exists()


def test_the_holder_is_told_without_trying_the_lock() -> None:
    """`status` sees who works; where nobody does, or never did, it sees nobody."""
    assert holder("prod") is None
    with locked("prod", "up", 0.0) as mine:
        assert holder("prod") == mine
    assert holder("prod") is None


def dead(cluster: str) -> LockInfo:
    """The lock as a holder left it that was killed: the kernel let go of it, its name still stands there."""
    info = LockInfo("ann@there", "up", "2026-01-01T00:00:00Z", "abcd1234")
    lock_path(cluster).parent.mkdir(parents=True, exist_ok=True)
    paths.cluster_dir(cluster).mkdir(parents=True)
    lock_path(cluster).write_text(json.dumps({**asdict(info), "pid": os.getpid(), "started": "0"}))
    return info


def test_a_dead_holder_holds_nothing() -> None:
    """After kill -9 nobody is told as working, and the next run takes the lock at once."""
    dead("prod")

    assert holder("prod") is None
    with locked("prod", "up", 0.0) as taken:
        assert holder("prod") == taken


def test_the_lock_of_a_dead_holder_is_freed_by_its_id() -> None:
    """`force-unlock --id` clears what a killed run left; a second time there is nothing to free."""
    left = dead("prod")

    assert force("prod", left.id) == left
    assert lock_path("prod").read_text() == ""
    with pytest.raises(BootstrapError) as caught:
        force("prod", left.id)
    assert (caught.value.code, caught.value.exit_code) == ("not_locked", 1)


def test_another_id_frees_nothing() -> None:
    """Who gives a wrong id is told whose lock it is, and the lock stays."""
    left = dead("prod")

    with pytest.raises(BootstrapError, match="abcd1234") as caught:
        force("prod", "ffff0000")

    assert caught.value.code == "lock_id"
    assert left.who in str(caught.value)
    assert lock_path("prod").read_text() != ""


def test_the_lock_of_a_living_holder_stays() -> None:
    """A run that still works on this machine is ended by its process, never by pulling its lock away."""
    with locked("prod", "up", 0.0) as mine:
        with pytest.raises(BootstrapError) as caught:
            force("prod", mine.id)
        assert holder("prod") == mine

    assert caught.value.code == "lock_alive"
    assert f"kill {os.getpid()}" in caught.value.fix


def test_a_holder_that_has_not_written_yet_is_waited_for() -> None:
    """Between taking the lock and writing who it is there is a moment: the one who is refused looks again."""
    path = lock_path("prod")
    path.parent.mkdir(parents=True, exist_ok=True)
    info = LockInfo("ann@there", "up", "2026-01-01T00:00:00Z", "abcd1234")

    def write(_: float) -> None:
        path.write_text(json.dumps({**asdict(info), "pid": os.getpid(), "started": started(os.getpid())}))

    with path.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with pytest.raises(LockedError, match="abcd1234"), locked("prod", "down", 0.0, sleep=write):
            pass


def test_a_full_disk_bars_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """The lock is held although nobody's name fits on the disk: `down` is what makes room."""

    def full(descriptor: int, data: bytes) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "write", full)
    with locked("prod", "down", 0.0), pytest.raises(LockedError, match="another run"):
        locked("prod", "up", 0.0, sleep=lambda _: None).__enter__()
