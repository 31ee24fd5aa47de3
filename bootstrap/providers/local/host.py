"""A host: a machine of its own with its own disk, booted with its user-data as a cloud boots an instance."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import ClassVar, Self

from bootstrap.lab import address, host, image, network, paths, records
from bootstrap.lab.records import HostRecord
from bootstrap.model.resource import Resource
from bootstrap.providers.local.control import store_dir
from bootstrap.userdata import template_hash

STORE = "/var/lib/bootstrap/store"  # where the agent looks for it
BUILDING = threading.Lock()  # hosts are made side by side; one of them builds the image, the others wait


@dataclass(frozen=True)
class LocalHost(Resource):
    """`running` is False for one that was killed, is half made, or was lost with a reboot of the machine."""

    kind: ClassVar[str] = "host"

    cluster: str
    group: str
    zone: str
    running: bool = True
    slot: int = field(default=0, compare=False, repr=False, kw_only=True)
    role: str = field(default="", compare=False, repr=False, kw_only=True)
    pool: str = field(default="", compare=False, repr=False, kw_only=True)
    image: str = field(default="", compare=False, repr=False, kw_only=True)
    memory: int = field(default=0, compare=False, repr=False, kw_only=True)
    script: str = field(default="", compare=False, repr=False, kw_only=True)
    say: Callable[[str], None] = field(default=print, compare=False, repr=False, kw_only=True)

    @property
    def after(self) -> tuple[str, ...]:
        """The network it is plugged into, the object that it reads first, and its group."""
        return (f"fabric/{self.cluster}", f"control/{self.cluster}", f"group/{self.group}")

    def create(self) -> None:
        """Write its record, give it a disk with its user-data, and switch it on."""
        with BUILDING:
            image.ensure(self.image, self.say)
        records.write_text(paths.host_dir(self.cluster, self.name) / "user-data", self.script)
        found = records.load_host(paths.cluster_dir(self.cluster), self.name)
        switch_on(found or address.claim(self.cluster, self._record))

    def update(self, old: Self) -> None:
        """Switch it on again, with the disk that it has."""
        del old
        record = records.load_host(paths.cluster_dir(self.cluster), self.name)
        if record is None:
            self.create()
        else:
            with BUILDING:
                image.ensure(record.image, self.say)
            switch_on(record)

    def delete(self) -> None:
        """End all its processes and take its disk away; half made or already gone is fine too."""
        host.discard(self.cluster, self.name)

    def _record(self, at: str) -> HostRecord:
        fabric = records.load_fabric(paths.cluster_dir(self.cluster))
        return HostRecord(
            instance=host.new_instance(),
            hostname=self.name,
            cluster=self.cluster,
            uid=fabric.uid if fabric else "",
            group=self.group,
            slot=self.slot,
            role=self.role,
            pool=self.pool,
            zone=self.zone,
            address=at,
            mac=network.mac(at),
            image=self.image,
            template=template_hash(self.script),
            memory=self.memory,
            created=records.now(),
        )


def switch_on(record: HostRecord) -> None:
    """Make what is missing of the host and boot it, with its share of the store."""
    host.create(record)
    host.boot(record, binds(record))


def binds(record: HostRecord) -> list[tuple[str, str, bool]]:
    """(source, target, read only): a manager has the whole store, a worker reads two parts of it."""
    source = store_dir(record.cluster)
    if record.role == "manager":
        return [(str(source), STORE, False)]
    return [(str(source / part), f"{STORE}/{part}", True) for part in ("control", "worker")]
