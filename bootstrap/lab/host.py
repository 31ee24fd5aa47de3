"""A host: a real Debian with its own systemd, network, processes, disk and control groups, on this machine."""

from __future__ import annotations

import os
import secrets
import signal
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from bootstrap.checkpoint import reach
from bootstrap.errors import BootstrapError
from bootstrap.lab import cgroups, command, disk, image, network, paths, records, supervisor
from bootstrap.lab.power import Bind, boot, kill, off
from bootstrap.lab.records import HostRecord
from bootstrap.lab.state import folder, group, init_of, init_pid, ready, running, switch

__all__ = [
    "Bind", "boot", "create", "destroy", "discard", "folder", "group", "init_pid", "kill", "new_instance", "off",
    "ready", "running", "stands", "templated", "wipe",
]  # fmt: skip

UNPLUG = 2.0  # seconds for a power supply to end after its host; a moment is enough
IMAGE = "image"  # in a host's folder: where the image is on which its disk stands
DISK = ("upper", "work", "docker", "containerd", "settings")


def new_instance() -> str:
    """An instance id that was never used: `i-` and 17 hex digits, as EC2's."""
    return f"i-{secrets.token_hex(9)[:17]}"


def create(record: HostRecord) -> HostRecord:
    """Write its record and make its empty disk; it is off. Called again, it finishes what is half made.

    A new disk goes with what its group has for a new host; the record is returned as it was written. What stands in
    its folder by then counts, and not what the caller has read: a `wipe` may have held the switch meanwhile.
    """
    with switch(record):
        return _make(records.load_host(paths.cluster_dir(record.cluster), record.hostname) or record)


def _make(record: HostRecord) -> HostRecord:
    """The same, with a hand on the switch already."""
    cluster = paths.cluster_dir(record.cluster)
    fabric = records.load_fabric(cluster)
    if fabric is None:
        raise BootstrapError("the cluster has no network yet", where=record.cluster, code="no_fabric")
    home = folder(record)
    if not (home / IMAGE).exists():  # the last of its files: without it the host never booted
        record = templated(record)
    records.save_host(cluster, record)
    home.chmod(0o711)
    for name in ("root", "settings"):
        (home / name).mkdir(exist_ok=True)
    reach("host.folders")
    if record.disk:
        disk.make(home, record.disk)
        reach("host.formatted")
    _settle(home / "settings", record, fabric.gateway)
    reach("host.settled")
    if not stands(record):
        records.write_text(home / IMAGE, str(image.ensure(record.image, _silent)))
    return record


def templated(record: HostRecord) -> HostRecord:
    """Put the user-data of its group into its folder, and say so in the record; without a group it keeps its own."""
    given = records.load_group(paths.cluster_dir(record.cluster), record.group)
    if given is None or not given.user_data:
        return record
    records.write_text(folder(record) / "user-data", given.user_data)
    reach("host.user_data")
    return replace(record, template=given.template)


def stands(record: HostRecord) -> bool:
    """Whether its disk has its image: the one it was made from, also when a newer program has another recipe."""
    try:
        return Path((folder(record) / IMAGE).read_text()).is_dir()
    except FileNotFoundError:
        return False


def _settle(settings: Path, record: HostRecord, resolver: str) -> None:
    """What init.py puts into the host's /etc at its next boot: the disk is not mounted here."""
    files = {
        "hostname": f"{record.hostname}\n",
        "hosts": f"127.0.0.1 localhost\n{record.address} {record.hostname}\n",
        "resolv.conf": f"nameserver {resolver}\n",
    }
    for name, text in files.items():
        records.write_text(settings / name, text)


def _silent(_line: str) -> None:
    """Building is said by who calls `image.ensure` first."""


def wipe(record: HostRecord) -> HostRecord:
    """Give an off host an empty disk and a new instance id, as a replaced machine has; the new record is written."""
    with switch(record):
        if running(record):
            raise BootstrapError("a host that is on cannot be wiped", where=record.hostname, fix="switch it off first")
        group(record).destroy()  # without its power supply it is off, and yet something of it may run
        disk.remove(folder(record))
        for name in DISK:
            records.remove(folder(record) / name)
        (folder(record) / IMAGE).unlink(missing_ok=True)  # a new disk stands on today's
        return _make(
            replace(record, instance=new_instance(), disk=record.disk or disk.size(None), created=records.now())
        )


def destroy(record: HostRecord) -> None:
    """End every process of it and remove all that it has; already gone, or half made, is success."""
    discard(record.cluster, record.hostname, record.address)


def _pull(host: cgroups.Group) -> None:
    """End it from the inside out, so that every process is reaped by its parent and leaves no zombie for long."""
    pid = init_of(host)
    if pid is None:
        return
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
    host.freeze(False)
    supervisor.wait(lambda: not host.pids(), timeout=UNPLUG)


def discard(cluster: str, hostname: str, address: str | None = None) -> None:
    """The same for a host whose record may be missing; its port goes when its address is known."""
    group_of = cgroups.Group(cluster, hostname)
    _pull(group_of)
    reach("host.pulled")
    group_of.destroy()
    reach("host.ungrouped")
    command.attempt(["ip", "netns", "del", paths.host_namespace(cluster, hostname)])
    if address is not None:
        command.attempt(["ip", "-n", paths.fabric_namespace(cluster), "link", "del", network.port(address)])
    reach("host.unplugged")
    home = paths.host_dir(cluster, hostname)
    supervisor.wait(lambda: not disk.held(home), timeout=UNPLUG)
    (home / paths.RECORD).unlink(missing_ok=True)  # first: a disk that is half removed is no host's
    reach("host.forgotten")
    records.remove(home)
