"""Who is in the cluster's fabric, read anew at each question: the records, and what state each host is in."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from bootstrap.errors import BootstrapError
from bootstrap.lab.paths import RECORD
from bootstrap.lab.records import FabricRecord, HostRecord, load_fabric, load_groups, load_host

Stamp = tuple[tuple[str, int, int, int], ...]  # of every record: name, inode, size, time of change in ns


@dataclass(frozen=True)
class Snapshot:
    """What the records said at one moment. `slots` are the places of each group."""

    stamp: Stamp
    hosts: tuple[HostRecord, ...]
    slots: Mapping[str, tuple[int, ...]]
    by_address: Mapping[str, HostRecord] = field(default_factory=dict)
    by_mac: Mapping[str, HostRecord] = field(default_factory=dict)


def supervised(folder: Path) -> bool:
    """Whether the host's power supply lives; `folder` is the host's own.

    It stands in that folder, which tells it from a stranger that got the number of a dead one.
    """
    try:
        number = int((folder / "supervisor.pid").read_text())
        return Path(f"/proc/{number}/cwd").readlink() == folder
    except (OSError, ValueError):
        return False


def booted(folder: Path) -> bool:
    """Whether this host was ever powered on; `folder` is the host's own."""
    return (folder / "console.log").exists()


class Roster:
    """The hosts of one cluster, as its folder says *now*.

    Files are read again only when they changed. A record that cannot be read is an error and never a missing host:
    a host that is missing here counts as terminated, and others act on that.
    """

    def __init__(
        self,
        folder: Path,
        *,
        running: Callable[[Path], bool] = supervised,
        started: Callable[[Path], bool] = booted,
    ) -> None:
        self.folder = folder.resolve()
        self._running = running
        self._started = started
        self._snapshot = Snapshot((), (), {})

    def fabric(self) -> FabricRecord:
        """The fabric's record; BootstrapError when there is none (any more)."""
        found = load_fabric(self.folder)
        if found is None:
            raise BootstrapError("no fabric is recorded", where=str(self.folder), fix="run `bootstrap up`")
        return found

    def hosts(self) -> tuple[HostRecord, ...]:
        """Every host, sorted by hostname."""
        return self._now().hosts

    def at(self, address: str) -> HostRecord | None:
        """The host with that IPv4 address."""
        return self._now().by_address.get(address)

    def wearing(self, mac: str) -> HostRecord | None:
        """The host with that MAC address: lower case, with colons."""
        return self._now().by_mac.get(mac)

    def names(self) -> dict[str, str]:
        """Address by host name, short and with the cluster's domain."""
        found = {host.hostname: host.address for host in self.hosts()}
        domain = domain_of(self.fabric())
        return found | {f"{name}.{domain}": address for name, address in found.items()}

    def state(self, host: HostRecord) -> str:
        """One of terminating, running, pending, stopped. A group without a record says nothing about its hosts."""
        return self._state(host, self._now())

    def states(self) -> list[tuple[HostRecord, str]]:
        """Every host and its state, sorted by hostname, all of one moment."""
        now = self._now()
        return [(host, self._state(host, now)) for host in now.hosts]

    def user_data(self, host: HostRecord) -> bytes | None:
        """What the host runs at its first boot, or None when nothing was written for it."""
        try:
            return (self.folder / "hosts" / host.hostname / "user-data").read_bytes()
        except FileNotFoundError:
            return None

    def public_keys(self) -> list[str]:
        """The SSH keys that may log in to every host of the cluster, in OpenSSH's form."""
        try:
            text = (self.folder / "ssh" / "id_ed25519.pub").read_text()
        except FileNotFoundError:
            return []
        return [line.strip() for line in text.splitlines() if line.strip()]

    def _state(self, host: HostRecord, now: Snapshot) -> str:
        slots = now.slots.get(host.group)
        folder = self.folder / "hosts" / host.hostname
        if host.leaving or (slots is not None and host.slot not in slots):
            return "terminating"
        if self._running(folder):
            return "running"
        return "stopped" if self._started(folder) else "pending"

    def _now(self) -> Snapshot:
        stamp = _stamp(self.folder)
        if stamp != self._snapshot.stamp:  # threads may do this twice: harmless, a snapshot is put there whole
            self._snapshot = _read(self.folder, stamp)
        return self._snapshot


def domain_of(fabric: FabricRecord) -> str:
    """What host names end with inside the fabric: `prod.internal`. The TLD is reserved for private use."""
    return f"{fabric.cluster}.internal"


def _stamp(folder: Path) -> Stamp:
    """Changes whenever a record is written, added or removed. Unlike `glob`, an unreadable folder is an error."""
    found: list[tuple[str, int, int, int]] = []
    for part, record in (("hosts", RECORD), ("groups", "")):
        with suppress(FileNotFoundError), os.scandir(folder / part) as entries:
            for entry in entries:
                path = os.path.join(entry.path, record) if record else entry.path  # noqa: PTH118 - hot, and no Path yet
                with suppress(FileNotFoundError, NotADirectoryError):
                    seen = os.stat(path)  # noqa: PTH116 - likewise
                    found.append((entry.path, seen.st_ino, seen.st_size, seen.st_mtime_ns))
    return tuple(sorted(found))


def _read(folder: Path, stamp: Stamp) -> Snapshot:
    parent = os.fspath(folder / "hosts")
    names = [Path(path).name for path, *_ in stamp if os.path.dirname(path) == parent]  # noqa: PTH120 - as written
    loaded = (load_host(folder, name) for name in names)
    hosts = tuple(host for host in loaded if host is not None)
    return Snapshot(
        stamp,
        hosts,
        {group.name: group.slots for group in load_groups(folder)},
        {host.address: host for host in hosts},
        {host.mac.lower(): host for host in hosts},
    )
