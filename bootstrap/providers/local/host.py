"""A host: a machine of its own with its own disk, booted with its user-data as a cloud boots an instance."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import ClassVar, Self

from bootstrap.checkpoint import reach
from bootstrap.lab import address, disk, host, image, network, paths, records, sysctl
from bootstrap.lab.records import GroupRecord, HostRecord
from bootstrap.model.resource import Resource
from bootstrap.providers.local.control import store_dir
from bootstrap.providers.local.group import renew_template
from bootstrap.providers.local.layout import Slot
from bootstrap.providers.local.readable import readable

STORE = "/var/lib/bootstrap/store"  # where the agent looks for it
BUILDING = threading.Lock()  # hosts are made side by side; one of them builds the image, the others wait


@dataclass(frozen=True)
class LocalHost(Resource):
    """`running` is False for one that was killed, is half made, or was lost with a reboot of the machine.

    `leaving` is True for one that somebody is about to replace: it is made anew in its place.
    """

    kind: ClassVar[str] = "host"
    immutable: ClassVar[frozenset[str]] = frozenset({"leaving"})

    cluster: str
    pool: str
    zone: str
    running: bool = True
    leaving: bool = False
    role: str = field(default="", compare=False, repr=False, kw_only=True)
    group: str = field(default="", compare=False, repr=False, kw_only=True)

    @property
    def after(self) -> tuple[str, ...]:
        """The network it is plugged into, the object that it reads first, and its group."""
        return (f"fabric/{self.cluster}", f"control/{self.cluster}", f"group/{self.group}")

    def create(self) -> None:
        """Only a place in a group can be made; a host as found has its disk already."""
        raise AssertionError(self.name)

    def update(self, old: Self) -> None:
        """Likewise."""
        raise AssertionError(old)

    def delete(self) -> None:
        """End all its processes and take its disk away; half made or already gone is fine too."""
        record = readable(records.load_host, paths.cluster_dir(self.cluster), self.name)
        host.discard(self.cluster, self.name, record.address if record else None)


@dataclass(frozen=True)
class WantedHost(LocalHost):
    """A host for one place in a group, with everything that a new one is made of."""

    slot: Slot = field(compare=False, repr=False, kw_only=True)
    origin: GroupRecord = field(compare=False, repr=False, kw_only=True)  # its group as the file wants it
    image: str = field(compare=False, repr=False, kw_only=True)
    memory: int = field(compare=False, repr=False, kw_only=True)  # bytes
    disk: int = field(default=0, compare=False, repr=False, kw_only=True)  # bytes; 0: a folder of this machine
    say: Callable[[str], None] = field(compare=False, repr=False, kw_only=True)

    def create(self) -> None:
        """Write its record, give it a disk and its group's user-data, and switch it on."""
        self._prepare(self.image)
        reach("host.image")
        switch_on(address.claim(self.cluster, self._record), self.say)

    def update(self, old: LocalHost) -> None:
        """Switch it on again, with the disk that it has; one that was half made, or half removed, is made anew."""
        del old
        record = records.load_host(paths.cluster_dir(self.cluster), self.name)
        if record is None:
            host.discard(self.cluster, self.name)
            return self.create()
        if not host.stands(record):
            self._prepare(record.image)
        return switch_on(record, self.say)

    def _prepare(self, name: str) -> None:
        renew_template(self.cluster, self.origin)
        with BUILDING:
            image.ensure(name, self.say)

    def _record(self, at: str) -> HostRecord:
        fabric = records.load_fabric(paths.cluster_dir(self.cluster))
        return HostRecord(
            instance=host.new_instance(),
            hostname=self.name,
            cluster=self.cluster,
            uid=fabric.uid if fabric else "",
            group=self.group,
            slot=self.slot.number,
            role=self.role,
            pool=self.pool,
            zone=self.zone,
            address=at,
            mac=network.mac(at),
            image=self.image,
            template="",  # comes with the user-data
            memory=self.memory,
            created=records.now(),
            disk=self.disk,
        )


def all_found(cluster: str, hosts: Mapping[str, HostRecord | None]) -> list[LocalHost]:
    """Host folders as they are, looked at side by side: a disk first writes what its kernel holds back."""
    with ThreadPoolExecutor(max_workers=16) as threads:
        return list(threads.map(lambda one: found(cluster, *one), hosts.items()))


def found(cluster: str, hostname: str, record: HostRecord | None) -> LocalHost:
    """A host folder as it is: a record that is missing, or cannot be read, is a half-made host."""
    if record is None:
        return LocalHost(hostname, cluster, "", "", running=False)
    disk.settle(record)
    running = host.running(record)
    return LocalHost(
        hostname, cluster, record.pool, record.zone, running, record.leaving, role=record.role, group=record.group
    )


def switch_on(record: HostRecord, say: Callable[[str], None]) -> None:
    """Make what is missing of the host and boot it, with its share of the store."""
    reach("host.claimed")
    sysctl.raise_inotify(paths.hosts(), say)
    reach("host.room")
    record = host.create(record)
    reach("host.disk")
    host.boot(record, binds(record))
    reach("host.booted")


def binds(record: HostRecord) -> list[tuple[str, str, bool]]:
    """(source, target, read only): a manager has the whole store, a worker reads two parts of it."""
    source = store_dir(record.cluster)
    if record.role == "manager":
        return [(str(source), STORE, False)]
    return [(str(source / part), f"{STORE}/{part}", True) for part in ("control", "worker")]
