"""The four questions that every provider answers, for hosts on this machine."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from bootstrap.errors import BootstrapError
from bootstrap.lab import disk, host, paths, preflight, records
from bootstrap.lab.records import GroupRecord, HostRecord
from bootstrap.lab.runner import HostRunner
from bootstrap.model.cluster import Cluster
from bootstrap.model.finding import Finding
from bootstrap.model.resource import Outdated, Resource
from bootstrap.providers.base import Instance, LockInfo, SshWay
from bootstrap.providers.local import access, control, doctor, layout, leave, lock, trail
from bootstrap.providers.local.fabric import Fabric, existing_fabric
from bootstrap.providers.local.fault import fault
from bootstrap.providers.local.group import as_resource, emptied, standing, with_template
from bootstrap.providers.local.host import STORE, WantedHost, all_found
from bootstrap.providers.local.look import look
from bootstrap.providers.local.readable import readable
from bootstrap.remote.runner import Runner
from bootstrap.userdata import NodeTarget, render, settings_hash

METADATA = "http://169.254.169.254"
TARGET = NodeTarget(store={"kind": "directory", "path": STORE}, metadata={"kind": "local", "url": METADATA})
DEFAULT_IMAGE = "debian-13"
DEFAULT_MEMORY = 1 << 30  # bytes


@dataclass(frozen=True)
class LocalProvider:
    """Hosts of one cluster on this machine; records on its disk are what a cloud's API would be."""

    cluster: Cluster
    say: Callable[[str], None] = field(compare=False, repr=False)

    def checks(self) -> Iterable[Finding]:
        """What this machine needs for the hosts that do not run yet."""
        slots = list(layout.slots(self.cluster, self._wanted_groups()))
        images = tuple(sorted({slot.pool.image or DEFAULT_IMAGE for slot in slots}))
        return doctor.checks(self.cluster, sum(not self._runs(slot.hostname) for slot in slots), images)

    def scripts(self) -> Mapping[str, str]:
        """The user-data by pool name."""
        return {pool.name: render(self.cluster, pool, TARGET) for pool in self.cluster.groups}

    def desired(self, surge: Mapping[str, Any] | None = None) -> Sequence[Resource]:
        """The fabric, the control object, the groups and a host for each place in them."""
        name = self.cluster.name
        groups = self._with_templates(self._wanted_groups(surge["zone"] if surge else None))
        slots = list(layout.slots(self.cluster, groups))
        off = [slot for slot in slots if not self._runs(slot.hostname)]
        if off:
            preflight.check(len(off), {slot.pool.image or DEFAULT_IMAGE for slot in off})
        origins = {group.name: group for group in groups}
        return [
            Fabric(name, avoid=self._avoid()),
            control.wanted_control(self.cluster, surge),
            *(as_resource(name, group) for group in groups),
            *(as_resource(name, group) for group in emptied(groups, self._groups())),
            *(self._host(slot, origins[slot.group]) for slot in slots),
        ]

    def existing(self) -> Sequence[Resource]:
        """What the records say, with what of it runs. A record that cannot be read is a thing to mend or to remove."""
        preflight.check_root()
        name = self.cluster.name
        hosts = {hostname: readable(records.load_host, self._folder, hostname) for hostname in hostnames(name)}
        return [
            *existing_fabric(name),
            *control.existing_control(name),
            *(as_resource(name, group) for group in self._groups()),
            *all_found(name, hosts),
        ]

    def outdated(self) -> Iterable[Outdated]:
        """Hosts that a new one would be made differently from."""
        templates = {group.name: group.template for group in self._with_templates(self._wanted_groups())}
        for record in records.load_hosts(self._folder):
            pool = self.cluster.pool(record.pool)
            if pool is None:
                continue
            if record.zone not in self.cluster.zones:
                yield Outdated(record.hostname, f"its zone {record.zone} is not in the inventory")
            elif record.template and record.template != templates.get(record.group):
                yield Outdated(record.hostname, "its user-data is not what a new one boots with now")
            elif record.image != (pool.image or DEFAULT_IMAGE):
                yield Outdated(record.hostname, f"its image is {record.image}, the inventory says {pool.image}")
            elif record.memory != self._memory:
                yield Outdated(record.hostname, "its memory limit is not what the inventory says now")
            elif record.disk and pool.disk.size and record.disk != disk.size(pool.disk.size):
                yield Outdated(record.hostname, "its disk is not of the size that the inventory says now")

    def instances(self) -> Sequence[Instance]:
        """Every host, sorted by hostname."""
        groups = {group.name: group for group in records.load_groups(self._folder)}
        file = str(self.cluster.path or "FILE")
        hosts = records.load_hosts(self._folder)
        return [replace(look(one, groups.get(one.group)), fault=fault(one, file)) for one in hosts]

    def sizes(self) -> Mapping[str, int]:
        """Each pool's size as its groups have it, or as they would be made."""
        sizes: dict[str, int] = {}
        for group in self._wanted_groups():
            sizes[group.pool] = sizes.get(group.pool, 0) + group.size
        return sizes

    def set_size(self, pool: str, size: int) -> None:
        """Write the size into the group's record."""
        for group in records.load_groups(self._folder):
            if group.pool == pool:
                records.save_group(self._folder, layout.resized(group, size))
                return
        raise BootstrapError("the pool has no group yet", where=pool, fix="run `bootstrap up` first", code="no_cluster")

    def leave(self, instance: Instance, *, shrink: bool) -> None:
        """By its record, or by its group's."""
        leave.leave(self._folder, self._record(instance), shrink=shrink)

    def stay(self, instance: Instance) -> None:
        """Likewise."""
        leave.stay(self._folder, self._record(instance))

    def control(self) -> Mapping[str, Any] | None:
        """The control object, or None."""
        preflight.check_root()
        return control.read(self.cluster.name)

    def retire(self) -> None:
        """Write DESTROYED into the control object; a cluster without one has nothing to mark."""
        control.retire(self.cluster.name)

    def upkeep(self, on: bool) -> None:
        """`reconcile` in the control object."""
        preflight.check_root()
        control.set_upkeep(self.cluster.name, on)

    def record(self, event: Mapping[str, Any]) -> bool:
        """Into the store, which goes with the cluster."""
        return trail.record(self.cluster.name, event)

    def events(self) -> Sequence[Mapping[str, Any]]:
        """From the store."""
        preflight.check_root()
        return trail.events(self.cluster.name)

    def runner(self, instance: Instance) -> Runner:
        """Into the host's namespaces: it works before its sshd does."""
        return HostRunner(self._record(instance))

    def way(self, instance: Instance) -> SshWay:
        """By the cluster's key and the host's own, read from its disk."""
        return access.way(self._record(instance), self.runner(instance))

    def shell(self, instance: Instance, argv: Sequence[str]) -> int:
        """Over ssh, as on any other machine."""
        return access.shell(self._record(instance), self.runner(instance), argv)

    def locked(self, what: str, *, timeout: float = 0.0) -> AbstractContextManager[LockInfo]:
        """The operator lock of this cluster on this machine."""
        preflight.check_root()
        return lock.locked(self.cluster.name, what, timeout)

    def holder(self) -> LockInfo | None:
        """Whoever wrote itself into the lock's file and still runs."""
        return lock.holder(self.cluster.name)

    def force_unlock(self, lock_id: str) -> LockInfo:
        """Clear the file of a holder that died; that of a living one stays."""
        preflight.check_root()
        return lock.force(self.cluster.name, lock_id)

    @property
    def _folder(self) -> Path:
        return paths.cluster_dir(self.cluster.name)

    def _runs(self, hostname: str) -> bool:
        record = records.load_host(self._folder, hostname)
        return record is not None and host.running(record)

    @property
    def _memory(self) -> int:
        return getattr(self.cluster.settings, "memory", None) or DEFAULT_MEMORY

    def _wanted_groups(self, surge: str | None = None) -> list[GroupRecord]:
        recorded = {group.name: group for group in self._groups()}
        sizes = {name: group.size for name, group in recorded.items()}
        wanted = layout.wanted_groups(self.cluster, sizes, surge)
        return [layout.refilled(one, recorded.get(one.name)) for one in wanted]

    def _with_templates(self, groups: Sequence[GroupRecord]) -> list[GroupRecord]:
        scripts = self.scripts()
        settings = {pool.name: settings_hash(self.cluster, pool, TARGET) for pool in self.cluster.groups}
        return [with_template(one, settings[one.pool], scripts[one.pool]) for one in groups]

    def _avoid(self) -> tuple[str, ...]:
        subnets = tuple(network.subnet for network in self.cluster.networks if network.subnet)
        return (self.cluster.swarm.address_pool, *subnets)

    def _groups(self) -> list[GroupRecord]:
        hosts = readable(records.load_hosts, self._folder) or []
        groups = readable(records.load_groups, self._folder) or []
        return standing(groups, hosts, (group.name for group in layout.wanted_groups(self.cluster, {})))

    def _host(self, slot: layout.Slot, origin: GroupRecord) -> WantedHost:
        record = records.load_host(self._folder, slot.hostname)
        return WantedHost(
            slot.hostname,
            self.cluster.name,
            slot.pool.name,
            record.zone if record else slot.zone,  # a host stays where it is, whatever the zones of new ones are
            role=slot.pool.role,
            group=slot.group,
            slot=slot,
            origin=origin,
            image=slot.pool.image or DEFAULT_IMAGE,
            memory=self._memory,
            disk=disk.size(slot.pool.disk.size),
            say=self.say,
        )

    def _record(self, instance: Instance) -> HostRecord:
        record = records.load_host(self._folder, instance.hostname)
        if record is None:
            raise BootstrapError("the host is gone", where=instance.hostname, fix="see `bootstrap status`")
        return record


def hostnames(cluster: str) -> list[str]:
    """Host folders of the cluster, with a record or without one."""
    return sorted(found.name for found in (paths.cluster_dir(cluster) / "hosts").glob("*/"))
