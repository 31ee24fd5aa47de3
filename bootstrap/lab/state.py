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
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False
    fields = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    # Containers in the host have a PID 1 as well, one namespace deeper.
    return fields.get("NSpid", "").split() == [str(pid), "1"] and not fields["State"].startswith(("Z", "X"))


def running(record: HostRecord) -> bool:
    """Whether it is on; a paused host is on."""
    return init_pid(record) is not None


def ready(record: HostRecord) -> bool:
    """Whether its own root is in place and its systemd runs: only then may a command enter it."""
    pid = init_pid(record)
    try:
        return pid is not None and Path(f"/proc/{pid}/comm").read_text().strip() in INIT_NAMES
    except OSError:
        return False


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
