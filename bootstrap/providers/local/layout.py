"""Which groups and hosts a local cluster should have: pure arithmetic over the inventory and the groups' sizes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import count, islice
from zlib import crc32

from bootstrap.lab.records import GroupRecord
from bootstrap.model.cluster import Cluster, Pool
from bootstrap.model.naming import fit, manager_group, pool_group
from bootstrap.model.spread import spread

HOSTNAME_LIMIT = 63  # a DNS label


@dataclass(frozen=True)
class Slot:
    """One place for a host in a group, counted from 1."""

    hostname: str
    group: str
    number: int
    pool: Pool
    zone: str


def wanted_groups(cluster: Cluster, recorded: Mapping[str, int], surge: str | None = None) -> list[GroupRecord]:
    """Managers have one group per zone, a pool one over all zones; `recorded` has the sizes of groups that exist.

    `surge` is the zone that has one manager more for a while: the one beside the manager that is replaced.
    """
    zones = spread(cluster.managers.size.desired, cluster.zones)
    if surge in zones:
        zones[surge] += 1
    groups = [
        GroupRecord(manager_group(cluster.name, zone), cluster.managers.name, cluster.managers.role, zone, size)
        for zone, size in zones.items()
    ]
    for pool in cluster.pools:
        name = pool_group(cluster.name, pool.name)
        groups.append(GroupRecord(name, pool.name, pool.role, "", pool_size(pool, recorded.get(name))))
    return groups


def pool_size(pool: Pool, recorded: int | None) -> int:
    """A fixed pool has the file's size; another keeps its own, inside the file's limits."""
    if pool.size.fixed or recorded is None:
        return pool.size.desired
    return min(max(recorded, pool.size.minimum), pool.size.maximum)


def slots(cluster: Cluster, groups: Sequence[GroupRecord]) -> Iterator[Slot]:
    """Every host that the groups should have."""
    for group in groups:
        pool = cluster.pool(group.pool)
        if pool is None:
            continue
        for number in group.slots:
            zone = group.zone or zone_of(pool, number, cluster.zones)
            yield Slot(hostname(cluster.name, group, number), group.name, number, pool, zone)


def zone_of(pool: Pool, number: int, zones: Sequence[str]) -> str:
    """The zone of a pool's host: in turn, beginning where the pool's name says, so that no other pool matters."""
    return zones[(number - 1 + crc32(pool.name.encode())) % len(zones)]


def hostname(cluster: str, group: GroupRecord, number: int) -> str:
    """`prod-managers-a-1` or `prod-web-1`."""
    head = f"{group.pool}-{group.zone}" if group.zone else group.pool
    return fit(f"{cluster}-{head}-{number}", HOSTNAME_LIMIT)


def terminating(slot: int, group: GroupRecord | None) -> bool:
    """A host whose place its group no longer has: it is to be drained, and must not join again.

    A group whose record cannot be found says nothing: no host ends for it.
    """
    return group is not None and slot not in group.slots


def resized(recorded: GroupRecord, size: int) -> GroupRecord:
    """The group with another size: it grows into its lowest free places, and shrinks from its last one."""
    places = list(recorded.slots[:size])
    free = (number for number in count(1) if number not in places)
    return at_places(recorded, [*places, *islice(free, size - len(places))])


def refilled(wanted: GroupRecord, recorded: GroupRecord | None) -> GroupRecord:
    """The wanted group with the places of the one that exists, as far as its size goes."""
    if recorded is None:
        return wanted
    return resized(replace(wanted, size=recorded.size, holes=recorded.holes), wanted.size)


def at_places(recorded: GroupRecord, places: Iterable[int]) -> GroupRecord:
    """The group with exactly these places."""
    taken = sorted(set(places))
    holes = tuple(number for number in range(1, max(taken, default=0)) if number not in taken)
    return replace(recorded, size=len(taken), holes=holes)
