"""A group of hosts that are alike, as a cloud's autoscaling group is: a record with a size."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, fields, replace
from typing import ClassVar, Self

from bootstrap.lab import paths, records
from bootstrap.lab.records import GroupRecord, HostRecord
from bootstrap.model.resource import Resource
from bootstrap.userdata import template_hash


@dataclass(frozen=True)
class Group(Resource):
    """`size` is how many hosts it should have; a smaller size makes its last hosts *terminating*.

    What a new host boots with is its group's, as with a cloud's launch template: other `settings` are an update of the
    group, and running hosts keep what they have.
    """

    kind: ClassVar[str] = "group"

    cluster: str
    pool: str
    role: str
    zone: str
    size: int
    settings: str = ""  # a digest of what the inventory says about its hosts' user-data
    holes: tuple[int, ...] = field(default=(), compare=False, repr=False, kw_only=True)  # see GroupRecord
    template: str = field(default="", compare=False, repr=False, kw_only=True)  # likewise
    user_data: str = field(default="", compare=False, repr=False, kw_only=True)  # likewise

    @property
    def after(self) -> tuple[str, ...]:
        """The control object: a manager beyond its target would wait outside."""
        return (f"control/{self.cluster}",)

    def create(self) -> None:
        """Write its record."""
        record = GroupRecord(**{one.name: getattr(self, one.name) for one in fields(GroupRecord)})
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
    return Group(cluster=cluster, **{one.name: getattr(record, one.name) for one in fields(record)})


def with_template(wanted: GroupRecord, recorded: GroupRecord | None, settings: str, script: str) -> GroupRecord:
    """The group with what its new hosts boot with: `script`, or what it has where that came from the same settings.

    So another version of this program alone changes no group.
    """
    if recorded is not None and recorded.settings == settings:
        return replace(wanted, settings=settings, template=recorded.template, user_data=recorded.user_data)
    return replace(wanted, settings=settings, template=template_hash(script), user_data=script)


def renew_template(cluster: str, wanted: GroupRecord) -> None:
    """Where the file says something else now, the group has it before a host is made by itself, as `replace` does.

    Its size stays: that is for `up`.
    """
    folder = paths.cluster_dir(cluster)
    recorded = records.load_group(folder, wanted.name) or wanted
    if recorded.settings != wanted.settings:
        records.save_group(folder, with_template(recorded, None, wanted.settings, wanted.user_data))


def emptied(wanted: Iterable[GroupRecord], recorded: Iterable[GroupRecord]) -> list[GroupRecord]:
    """Groups that the file no longer has, at size 0: so their hosts know that they are to go before they go."""
    names = {group.name for group in wanted}
    return [replace(group, size=0, holes=()) for group in recorded if group.name not in names]


def standing(recorded: Iterable[GroupRecord], hosts: Iterable[HostRecord], wanted: Iterable[str]) -> list[GroupRecord]:
    """The groups that count. One that the file dropped and that lost its last host does not: `down` removes its trace."""
    names = set(wanted) | {host.group for host in hosts}
    return [group for group in recorded if group.size or group.name in names]
