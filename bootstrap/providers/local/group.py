"""A group of hosts that are alike, as a cloud's autoscaling group is: a record with a size."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import ClassVar, Self

from bootstrap.lab import paths, records
from bootstrap.lab.records import GroupRecord, HostRecord
from bootstrap.model.resource import Resource


@dataclass(frozen=True)
class Group(Resource):
    """`size` is how many hosts it should have; a smaller size makes its last hosts *terminating*."""

    kind: ClassVar[str] = "group"

    cluster: str
    pool: str
    role: str
    zone: str
    size: int
    holes: tuple[int, ...] = field(default=(), compare=False, repr=False, kw_only=True)  # see GroupRecord

    @property
    def after(self) -> tuple[str, ...]:
        """The control object: a manager beyond its target would wait outside."""
        return (f"control/{self.cluster}",)

    def create(self) -> None:
        """Write its record."""
        record = GroupRecord(self.name, self.pool, self.role, self.zone, self.size, self.holes)
        records.save_group(paths.cluster_dir(self.cluster), record)

    def update(self, old: Self) -> None:
        """Write its record anew."""
        del old
        self.create()

    def delete(self) -> None:
        """Remove its record."""
        records.delete_group(paths.cluster_dir(self.cluster), self.name)


def as_resource(cluster: str, record: GroupRecord) -> Group:
    """The record as a resource."""
    return Group(record.name, cluster, record.pool, record.role, record.zone, record.size, holes=record.holes)


def emptied(wanted: Iterable[GroupRecord], recorded: Iterable[GroupRecord]) -> list[GroupRecord]:
    """Groups that the file no longer has, at size 0: so their hosts know that they are to go before they go."""
    names = {group.name for group in wanted}
    return [replace(group, size=0, holes=()) for group in recorded if group.name not in names]


def standing(recorded: Iterable[GroupRecord], hosts: Iterable[HostRecord], wanted: Iterable[str]) -> list[GroupRecord]:
    """The groups that count. One that the file dropped and that lost its last host does not: `down` removes its trace."""
    names = set(wanted) | {host.group for host in hosts}
    return [group for group in recorded if group.size or group.name in names]
