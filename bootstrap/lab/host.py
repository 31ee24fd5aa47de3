"""A host: a real Debian with its own systemd, network, processes, disk and control groups, on this machine."""

from __future__ import annotations

import fcntl
import os
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from bootstrap.errors import BootstrapError
from bootstrap.lab import cgroups, command, image, network, paths, records, supervisor
from bootstrap.lab.recipe import recipe
from bootstrap.lab.records import HostRecord

Bind = tuple[str | Path, str, bool]  # source on the machine, target in the host, read only

DISK = ("upper", "work", "docker", "containerd")
INIT_NAMES = {"systemd", "init"}  # a PID 1 of another name still builds its root, and stands in the machine's
START = 10.0  # seconds in which a host's systemd is there, or it never will be


def folder(record: HostRecord) -> Path:
    """Its folder on the machine: record, disk, console.log and power.log."""
    return paths.host_dir(record.cluster, record.hostname)


def group(record: HostRecord) -> cgroups.Group:
    """Its control group: every process of the host, and the one that powers it."""
    return cgroups.Group(record.cluster, record.hostname)


def new_instance() -> str:
    """An instance id that was never used: `i-` and 17 hex digits, as EC2's."""
    return f"i-{secrets.token_hex(9)[:17]}"


def create(record: HostRecord) -> None:
    """Write its record and make its empty disk; it is off. Called again, it finishes what is half made."""
    records.save_host(paths.cluster_dir(record.cluster), record)
    _make_disk(record)


def _make_disk(record: HostRecord) -> None:
    home = folder(record)
    fabric = records.load_fabric(paths.cluster_dir(record.cluster))
    if fabric is None:
        raise BootstrapError("the cluster has no network yet", where=record.cluster, code="no_fabric")
    for name in (*DISK, "root"):
        (home / name).mkdir(parents=True, exist_ok=True)
    for path in (home, home / "docker", home / "containerd"):
        path.chmod(0o711)
    etc = home / "upper" / "etc"
    names = f"127.0.0.1 localhost\n{record.address} {record.hostname}\n"
    records.write_text(etc / "hostname", f"{record.hostname}\n")
    records.write_text(etc / "hosts", names)
    records.write_text(etc / "resolv.conf", f"nameserver {fabric.gateway}\n")
    for name in ("hostname", "hosts", "resolv.conf"):
        (etc / name).chmod(0o644)
    # A disk stays on the image that it was made from, also when a newer program has another recipe.
    records.write_text(home / "image", str(image.ensure(record.image, lambda line: None)))


def boot(record: HostRecord, binds: Sequence[Bind] = ()) -> None:
    """Power it on and return when its systemd runs, about 0.1 s later; does nothing when it is on.

    BootstrapError with the last lines of its console when it does not start.
    """
    with _switch(record):
        if running(record):
            return
        group(record).destroy()  # a power supply without a host is left of a killed run
        group(record).make(record.memory)
        records.write(folder(record) / "boot.json", _description(record, binds))
        _power_on(record)


def _power_on(record: HostRecord) -> None:
    console, ended = folder(record) / "console.log", folder(record) / "ended"
    ended.unlink(missing_ok=True)  # the power supply makes it when it ends
    supervisor.power(_environment(record), console)
    supervisor.wait(lambda: ready(record) or ended.exists(), timeout=START)
    if not ready(record):
        raise supervisor.did_not("the host does not start", record.hostname, console)


def _description(record: HostRecord, binds: Sequence[Bind]) -> dict[str, object]:
    home = folder(record)
    return {
        "hostname": record.hostname,
        "namespace": str(paths.NAMESPACES / paths.host_namespace(record.cluster, record.hostname)),
        "disk": str(home),
        "image": (home / "image").read_text(),
        "unified": recipe(record.image).unified,
        "doors": [str(door) for door in group(record).doors(cgroups.INSIDE)],
        "binds": [[str(source), target, read_only] for source, target, read_only in binds],
    }


def _environment(record: HostRecord) -> dict[str, str]:
    return {
        "FOLDER": str(folder(record)),
        "NAMESPACE": paths.host_namespace(record.cluster, record.hostname),
        "FABRIC": paths.fabric_namespace(record.cluster),
        "PORT": network.port(record.address),
        "MAC": record.mac,
        "DOORS": " ".join(str(door) for door in group(record).doors(cgroups.OUTSIDE)),
    }


@contextmanager
def _switch(record: HostRecord) -> Iterator[None]:
    """Two runs never power one host at once."""
    try:
        descriptor = os.open(folder(record), os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        raise BootstrapError("there is no such host", where=record.hostname, code="not_found") from None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def init_pid(record: HostRecord) -> int | None:
    """The host's PID 1 as the machine numbers it, or None when the host is off."""
    return next((pid for pid in group(record).roots() if _is_init(pid)), None)


def _is_init(pid: int) -> bool:
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False
    fields = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    # Containers in the host have a PID 1 as well, one namespace deeper.
    return fields["NSpid"].split() == [str(pid), "1"] and not fields["State"].startswith(("Z", "X"))


def running(record: HostRecord) -> bool:
    """Whether it is on; a frozen host is on."""
    return init_pid(record) is not None


def ready(record: HostRecord) -> bool:
    """Whether its own root is in place and its systemd runs: only then may a command enter it."""
    pid = init_pid(record)
    try:
        return pid is not None and Path(f"/proc/{pid}/comm").read_text().strip() in INIT_NAMES
    except OSError:
        return False


def wipe(record: HostRecord) -> HostRecord:
    """Give an off host an empty disk and a new instance id, as a replaced machine has; the new record is written."""
    with _switch(record):
        if running(record):
            raise BootstrapError("a host that is on cannot be wiped", where=record.hostname, fix="switch it off first")
        for name in DISK:
            records.remove(folder(record) / name)
        fresh = replace(record, instance=new_instance(), created=records.now())
        create(fresh)
    return fresh


def destroy(record: HostRecord) -> None:
    """End every process of it and remove all that it has; already gone, or half made, is success."""
    discard(record.cluster, record.hostname)


def discard(cluster: str, hostname: str) -> None:
    """The same for a host whose record may be missing."""
    record = records.load_host(paths.cluster_dir(cluster), hostname)
    cgroups.Group(cluster, hostname).destroy()
    command.attempt(["ip", "netns", "del", paths.host_namespace(cluster, hostname)])
    if record is not None:
        command.attempt(["ip", "-n", paths.fabric_namespace(cluster), "link", "del", network.port(record.address)])
    records.remove(paths.host_dir(cluster, hostname))
