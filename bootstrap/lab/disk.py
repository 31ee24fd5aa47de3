"""A host's disk: a sparse file of a size of its own with a file system in it, so that it can be full."""

from __future__ import annotations

import ctypes
import errno
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from bootstrap.errors import BootstrapError
from bootstrap.lab import command, state, supervisor
from bootstrap.lab.paths import DISK
from bootstrap.lab.records import HostRecord

FULL = "full"  # in the host's folder, like `cut`: the disk stays full over reboots until `heal`
BALLAST = "var/lib/full"  # in the host; init.py removes it at the next boot where `full` is gone
DEFAULT = 20 << 30  # bytes; sparse, so it costs what is written in it
BIGGEST = 1 << 30  # bytes that are asked for at once
SMALLEST = 4096  # a block
LET_GO = 120.0  # seconds for the kernel to let go of a disk: a moment, or as long as it writes what it held back
UNREPAIRED = 4  # e2fsck(8): from this exit code on, errors are left
CONTROL = Path("/dev/loop-control")
# No room is kept for root: a full disk is full for dockerd too. A small journal, as every host has its own; inode
# tables are made when they are needed, so that a new disk is no 300 MB of zeros.
MKFS = (
    "mkfs.ext4", "-q", "-F", "-m", "0", "-J", "size=16", "-E", "nodiscard,lazy_itable_init=1,lazy_journal_init=1",
)  # fmt: skip


def available() -> bool:
    """Whether this machine can give hosts disks of their own; else they share this machine's."""
    return CONTROL.exists() and command.available("mkfs.ext4")


def size(wanted: int | None) -> int:
    """Bytes of a new host's disk, where the inventory wants so many GiB; 0 where this machine has none to give."""
    return (wanted << 30 if wanted else DEFAULT) if available() else 0


def make(folder: Path, size: int) -> None:
    """An empty disk of `size` bytes in the host's folder; one that is there stays as it is."""
    file, making = folder / DISK, folder / f"{DISK}.new"
    if file.exists():
        return
    making.touch(0o600)
    os.truncate(making, size)
    command.run([*MKFS, str(making)])
    making.replace(file)


def held(folder: Path) -> bool:
    """Whether a loop device still holds the disk: a moment longer than the host's last process lives."""
    name = "/".join(folder.parts[-3:])  # as its mount namespace is gone, the kernel may show the end of the path only
    return any(one.strip().endswith(f"/{name}/{DISK}") for one in _backing())  # behind a wiped one stands "(deleted)"


def mend(folder: Path) -> None:
    """Repair the disk of a host that is off, where it has one: it is like one that lost its power in mid-write.

    It is needed after this machine's own disk was full: a write that finds no block is an I/O error for the host.
    BootstrapError while something still writes to it: a repair would then ruin it.
    """
    if not (folder / DISK).exists():
        return
    if not supervisor.wait(lambda: not held(folder), timeout=LET_GO):
        fix = "run the same command again; if it stays so, see `losetup -a` and restart the machine"
        raise BootstrapError("its disk is still in use", where=folder.name, fix=fix, code="disk_held")
    for how in ("-p", "-y"):  # only what is safe; then, as nobody has another copy, whatever it takes
        if (done := command.attempt(["e2fsck", how, str(folder / DISK)])).code < UNREPAIRED:
            return
    raise command.failed(["e2fsck", "-y", str(folder / DISK)], done)


def remove(folder: Path) -> None:
    """Throw the disk away; already gone is success."""
    for name in (DISK, f"{DISK}.new", FULL):
        (folder / name).unlink(missing_ok=True)


def fill(record: HostRecord) -> None:
    """Take every free block of its disk, until `empty`: from now on each write in the host fails with ENOSPC.

    Nothing is written to this machine's disk. BootstrapError where the host is off, or has no disk of its own.
    """
    pid, folder = state.init_pid(record), state.folder(record)
    if not (folder / DISK).exists():
        raise _no_disk(record)
    if pid is None or not state.ready(record):
        raise BootstrapError("the host is off", where=record.hostname, fix="start it", code="host_off")
    (folder / FULL).touch()
    _take_all(Path(f"/proc/{pid}/root", BALLAST))


def empty(record: HostRecord) -> None:
    """Give the room back that `fill` took; of a host that is off, at its next boot."""
    (state.folder(record) / FULL).unlink(missing_ok=True)
    pid = state.init_pid(record)
    if pid is not None and state.ready(record):
        Path(f"/proc/{pid}/root", BALLAST).unlink(missing_ok=True)


def settle(record: HostRecord) -> None:
    """Write what its kernel still holds back, so that a disk that failed shows it now and not in some seconds."""
    pid = state.init_pid(record)
    if pid is None or not (state.folder(record) / DISK).exists():
        return
    with suppress(OSError):
        descriptor = os.open(f"/proc/{pid}/root/var/lib/docker", os.O_RDONLY | os.O_CLOEXEC)
        ctypes.CDLL(None).syncfs(descriptor)
        os.close(descriptor)


def _backing() -> Iterator[str]:
    """The files behind the loop devices of this machine; one may go while we look."""
    for path in Path("/sys/block").glob("loop*/loop/backing_file"):
        with suppress(OSError):
            yield path.read_text()


def _take_all(file: Path) -> None:
    """Reserve blocks for `file`, in ever smaller steps; they are never written."""
    descriptor = os.open(file, os.O_CREAT | os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        end, step = os.fstat(descriptor).st_size, BIGGEST
        while step >= SMALLEST:
            try:
                os.posix_fallocate(descriptor, end, step)
                end += step
            except OSError as error:
                if error.errno != errno.ENOSPC:
                    raise
                step //= 2
    finally:
        os.close(descriptor)


def _no_disk(record: HostRecord) -> BootstrapError:
    if available():
        why, fix = "it was made without one", f"`bootstrap local wipe FILE {record.hostname}` gives it one"
    else:
        why = "this machine has no loop devices, or no mkfs.ext4"
        fix = "run `modprobe loop` and `apt-get install e2fsprogs`, then wipe the host"
    what = f"its disk is a folder of this machine and has no end: {why}"
    return BootstrapError(what, where=record.hostname, fix=fix, code="no_disk")
