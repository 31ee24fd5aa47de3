"""The operator lock of a local cluster: a file lock, so that a dead holder frees it by dying."""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO

from bootstrap.checkpoint import reach
from bootstrap.errors import BootstrapError, LockedError
from bootstrap.lab import paths
from bootstrap.providers.base import LockInfo

POLL = 0.2  # seconds between two tries while waiting for another run
STARTED = 19  # the field of /proc/PID/stat, counted behind the name: it tells a process from a later one of its number


@dataclass(frozen=True)
class Claim:
    """What the file says: the lock, and the process that held it when it was written."""

    info: LockInfo
    pid: int
    started: str

    @property
    def alive(self) -> bool:
        """Whether that process still runs; a zombie does not."""
        return started(self.pid) == self.started


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
            raise _held(cluster, sleep)
        sleep(POLL)
    info = LockInfo.mine(what)
    with file:
        reach("lock.taken")
        _write(file, info)
        reach("lock.written")
        try:
            yield info
        finally:
            reach("lock.ending")
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
    """Say who holds it. A full disk is no reason not to: the lock is held all the same, and `down` makes room."""
    file.truncate(0)
    text = json.dumps({**asdict(info), "pid": os.getpid(), "started": started(os.getpid())})
    with suppress(OSError):
        os.write(file.fileno(), text.encode())  # past the buffer, which would try again when the file is closed


def started(pid: int) -> str | None:
    """When the process began, in ticks since the machine did; None for one that ended."""
    try:
        state, *fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if state in {"Z", "X"} else fields[STARTED - 1]


def read(path: Path) -> Claim | None:
    """What stands in the file, or None."""
    try:
        found = json.loads(path.read_text())
        info = LockInfo(*(str(found[key]) for key in ("who", "what", "since", "id")))
        return Claim(info, int(found["pid"]), str(found["started"]))
    except (OSError, ValueError, TypeError, KeyError):
        return None


def holder(cluster: str) -> LockInfo | None:
    """Who holds the lock. Read, not tried: a try would make another run believe that it is held."""
    claim = read(lock_path(cluster))
    return claim.info if claim is not None and claim.alive else None


def force(cluster: str, lock_id: str) -> LockInfo:
    """Clear what a dead holder left. A living one on this machine is ended by who wants to, not by pulling its lock."""
    path = lock_path(cluster)
    claim = read(path)
    if claim is None:
        raise BootstrapError("nobody holds the lock", where=cluster, fix="run your command", code="not_locked")
    if claim.info.id != lock_id:
        told = f"`{claim.info.what}` of {claim.info.who} since {claim.info.since}"
        fix = f"check that it is gone, then give --id {claim.info.id}"
        raise BootstrapError(
            f"the lock has another id: {claim.info.id} ({told})", where=cluster, fix=fix, code="lock_id"
        )
    file = None if claim.alive else _try(path)
    if file is None:
        fix = f"wait for it, or end it: `kill {claim.pid}`; its lock goes with it"
        what = f"`{claim.info.what}` of {claim.info.who} still runs (process {claim.pid})"
        raise BootstrapError(what, where=cluster, fix=fix, code="lock_alive")
    with file:
        file.truncate(0)
        _release(cluster, path)
    return claim.info


def _release(cluster: str, path: Path) -> None:
    """Leave nothing behind where the cluster is gone; the folder of all clusters goes with the last one."""
    if paths.cluster_dir(cluster).exists():
        return
    reach("lock.emptied")
    path.unlink(missing_ok=True)
    reach("lock.removed")
    paths.leave()


def _held(cluster: str, sleep: Callable[[float], None]) -> LockedError:
    found = holder(cluster)
    for _ in range(40):  # two seconds: a run that has just taken the lock is about to write who it is
        if found is None:
            sleep(POLL / 4)
            found = holder(cluster)
    found = found or LockInfo("another run", "works on it", "a moment ago", "unknown")
    return LockedError(
        f"{found.who} holds the lock: `{found.what}` since {found.since} (id {found.id})",
        where=cluster,
        fix="wait for it, or give `--lock-timeout 5m`; the lock frees itself when that run ends",
        code="E110",
    )
