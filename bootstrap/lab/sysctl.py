"""Kernel settings of the machine that hosts need: raised when the first cluster comes, put back when the last goes."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

from bootstrap.checkpoint import reach
from bootstrap.errors import BootstrapError
from bootstrap.lab import command, paths, records

SETTINGS = Path("/proc/sys")
MACHINE = Path("/run")  # a folder that every run on this machine finds, to be locked
REMEMBERED = MACHINE / "bootstrap-local.json"  # what was before: of the machine, as the settings are, not of one folder
INOTIFY = "fs.inotify.max_user_instances"
FORWARD = "net.ipv4.ip_forward"
BOOT = "kernel.random.boot_id"  # in the same file: in which boot of the machine they were changed
PLENTY = 8192
BASE, EACH = 40, 10  # inotify instances: of the machine itself, and of one host (7 measured, more while it boots)


@contextmanager
def locked() -> Iterator[None]:
    """Only one run at a time looks at what all clusters of this machine share, whatever folder they are in, and changes it."""
    paths.root().mkdir(parents=True, exist_ok=True)
    descriptor = os.open(MACHINE, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def needed(hosts: int) -> int:
    """How many inotify instances this machine must allow for so many hosts."""
    return BASE + EACH * hosts


def read(name: str) -> str:
    """The value of a setting as the kernel writes it."""
    return (SETTINGS / name.replace(".", "/")).read_text().strip()


def raise_inotify(hosts: int, say: Callable[[str], None]) -> None:
    """Make room for so many hosts on this machine in all; says so when something is changed."""
    with locked():
        if int(read(INOTIFY)) < needed(hosts):
            say(f"raising {INOTIFY} of this machine to {PLENTY} while local clusters exist")
            change(INOTIFY, str(PLENTY))


def change(name: str, value: str) -> None:
    """Set it, and remember what it was before the first change. Call it with the lock held."""
    before = read(name)
    if before == value:
        return
    remembered = load()
    # Written first: a run that is killed between the two leaves a setting that can be put back.
    records.write(REMEMBERED, {**remembered, name: remembered.get(name, before), BOOT: read(BOOT)})
    reach("sysctl.remembered")
    _set(name, value)


def load() -> dict[str, str]:
    """What the changed settings were before, by name. A restart of the machine has put them back, whoever set them."""
    try:
        found: dict[str, str] = json.loads(REMEMBERED.read_text())
    except FileNotFoundError:
        return {}
    return found if found.pop(BOOT, read(BOOT)) == read(BOOT) else {}


def put_back(keep: Collection[str] = ()) -> None:
    """Give every changed setting but those in `keep` its old value when no cluster is left. Call it with the lock held."""
    # A fabric without a record here is of a cluster in another BOOTSTRAP_LOCAL_DIR, which needs them as well.
    if paths.clusters() or any(paths.NAMESPACES.glob(f"{paths.PREFIX}*.fabric")):
        return
    for name, value in load().items():
        if name not in keep:
            _set(name, value)
    reach("sysctl.put_back")
    REMEMBERED.unlink(missing_ok=True)
    _leave_namespaces()


def _leave_namespaces() -> None:
    """`ip netns` mounts a folder on itself at its first use and leaves that; with nothing in it nobody misses it."""
    if paths.NAMESPACES.is_mount() and not any(paths.NAMESPACES.iterdir()):
        command.attempt(["umount", str(paths.NAMESPACES)])


def _set(name: str, value: str) -> None:
    try:
        (SETTINGS / name.replace(".", "/")).write_text(value)
    except OSError as error:
        fix = f"run `sysctl -w {name}={value}` as root"
        what = f"the kernel setting {name} cannot be changed: {error.strerror}"
        raise BootstrapError(what, where="this machine", fix=fix, code="sysctl") from error
