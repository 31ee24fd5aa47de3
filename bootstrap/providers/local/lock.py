"""The operator lock of a local cluster: a file lock, so that a dead holder frees it by dying."""

from __future__ import annotations

import fcntl
import getpass
import json
import os
import secrets
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import IO

from bootstrap.errors import LockedError
from bootstrap.lab import paths, records
from bootstrap.providers.base import LockInfo

POLL = 0.2  # seconds between two tries while waiting for another run


@contextmanager
def locked(
    cluster: str,
    what: str,
    timeout: float,
    *,
    sleep: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> Iterator[LockInfo]:
    """Hold the lock; LockedError names the holder when it is still held after `timeout` seconds."""
    path = lock_path(cluster)
    deadline = clock() + timeout
    while (file := _try(path)) is None:
        if clock() >= deadline:
            raise _held(cluster, path)
        sleep(POLL)
    who = os.environ.get("SUDO_USER") or getpass.getuser()
    info = LockInfo(f"{who}@{socket.gethostname()}", what, records.now(), secrets.token_hex(4))
    with file:
        _write(file, info)
        try:
            yield info
        finally:
            file.truncate(0)  # the next reader must not take us for the holder
            _release(cluster, path)


def lock_path(cluster: str) -> Path:
    """Beside the cluster's folder, not in it: `down` takes the folder away while it holds the lock."""
    return paths.root() / f"{cluster}.lock"


def _try(path: Path) -> IO[str] | None:
    """The open and locked file, or None; one that was unlinked under us does not count."""
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        file = path.open("a+")
    except FileNotFoundError:  # another run has just taken the last cluster's folder away
        return None
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if path.stat().st_ino == os.fstat(file.fileno()).st_ino:
            return file
    except (BlockingIOError, FileNotFoundError):
        pass
    file.close()
    return None


def _write(file: IO[str], info: LockInfo) -> None:
    file.seek(0)
    file.truncate()
    file.write(json.dumps(asdict(info)))
    file.flush()


def _release(cluster: str, path: Path) -> None:
    """Leave nothing behind where the cluster is gone; the folder of all clusters goes with the last one."""
    if paths.cluster_dir(cluster).exists():
        return
    path.unlink(missing_ok=True)
    paths.leave()


def _held(cluster: str, path: Path) -> LockedError:
    try:
        found = LockInfo(**json.loads(path.read_text()))
    except (OSError, ValueError, TypeError):
        found = LockInfo("another run", "works on it", "a moment ago", "unknown")
    return LockedError(
        f"{found.who} holds the lock: `{found.what}` since {found.since} (id {found.id})",
        where=cluster,
        fix="wait for it, or give `--lock-timeout 5m`; the lock frees itself when that run ends",
        code="E110",
    )
