"""What a host is doing now, read from the kernel: its control group, its PID 1, whether it is on."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bootstrap.errors import BootstrapError
from bootstrap.lab import cgroups, paths
from bootstrap.lab.records import HostRecord
from bootstrap.lab.roster import supervised

INIT_NAMES = {"systemd", "init"}  # a PID 1 of another name still builds its root, and stands in the machine's


def folder(record: HostRecord) -> Path:
    """Its folder on the machine: record, disk, console.log and power.log."""
    return paths.host_dir(record.cluster, record.hostname)


def group(record: HostRecord) -> cgroups.Group:
    """Its control group: every process of the host, and those that power it."""
    return cgroups.Group(record.cluster, record.hostname)


def init_pid(record: HostRecord) -> int | None:
    """The host's PID 1 as the machine numbers it, or None when the host is off."""
    return init_of(group(record))


def init_of(host: cgroups.Group) -> int | None:
    """The same, of a host whose record is not at hand."""
    return next((pid for pid in host.roots() if _is_init(pid)), None)


def _is_init(pid: int) -> bool:
    fields = _status(pid)
    # Containers in the host have a PID 1 as well, one namespace deeper.
    return fields.get("NSpid", "").split() == [str(pid), "1"] and not fields["State"].startswith(("Z", "X"))


def _status(pid: int) -> dict[str, str]:
    """What the kernel says of a process, by its own names; nothing of one that is gone."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return {}
    return dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)


def running(record: HostRecord) -> bool:
    """Whether it is on and can work; a paused host is on.

    One whose power supply was killed is not: its systemd may live on, but without a network. Nor is one whose disk
    failed, as this machine's own was full: the kernel lets nobody write there again. Both work after a new boot.
    """
    pid = init_pid(record) if supervised(folder(record).resolve()) else None
    return pid is not None and not _disk_failed(record, pid)


def _disk_failed(record: HostRecord, pid: int) -> bool:
    if not (folder(record) / paths.DISK).exists():
        return False
    lines = (line.split(" ") for line in _mounts(pid).splitlines() if " /var/lib/docker " in line)
    return any({"ro", "emergency_ro"} & set(words[-1].split(",")) for words in lines)


def _mounts(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/mountinfo").read_text()
    except OSError:
        return ""


def ready(record: HostRecord) -> bool:
    """Whether its own root is in place and its systemd runs: only then may a command enter it."""
    pid = init_pid(record)
    return pid is not None and _status(pid).get("Name") in INIT_NAMES


def hears(record: HostRecord, number: int) -> bool:
    """Whether its systemd would get that signal: it blocks those that it reads, a moment after it begins to run."""
    pid = init_pid(record)
    fields = _status(pid) if pid is not None else {}
    mask = int(fields.get("SigBlk", "0"), 16) | int(fields.get("SigCgt", "0"), 16)
    return fields.get("Name") in INIT_NAMES and bool(mask >> (number - 1) & 1)


@contextmanager
def switch(record: HostRecord) -> Iterator[None]:
    """A hand on the power switch: two runs never power one host at once. BootstrapError when there is no such host."""
    try:
        descriptor = os.open(folder(record), os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        raise BootstrapError("there is no such host", where=record.hostname, code="not_found") from None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
