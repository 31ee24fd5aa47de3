"""A group of hosts that are alike, as a cloud's autoscaling group is: a record with a size."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, fields, replace
from typing import ClassVar, Self

from bootstrap.lab import paths, records
from bootstrap.lab.records import GroupRecord, HostRecord
from bootstrap.model.resource import FieldChange, Resource
from bootstrap.userdata import agent_settings, template_hash


@dataclass(frozen=True)
class Group(Resource):
    """`size` is how many hosts it should have; a smaller size makes its last hosts *terminating*.

    What a new host boots with is its group's, as with a cloud's launch template: other `settings` are an update of the
    group, and running hosts keep what they have. Another script of the same settings, as a newer version of this
    program makes, is no change: each run that makes a host writes it first.
    """

    kind: ClassVar[str] = "group"
    digests: ClassVar[frozenset[str]] = frozenset({"settings"})

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

    def details(self, old: Self) -> tuple[FieldChange, ...]:
        """What the agents are told otherwise, as both scripts have it; of the rest the digest says that it changed."""
        was, new = agent_settings(old.user_data), agent_settings(self.user_data)
        if self.settings == old.settings or not (was and new):
            return ()
        keys = (key for key in sorted({*was, *new}) if was.get(key) != new.get(key))
        return tuple(FieldChange(f"settings.{key}", was.get(key), new.get(key)) for key in keys)


def as_resource(cluster: str, record: GroupRecord) -> Group:
    """The record as a resource."""
    return Group(cluster=cluster, **{one.name: getattr(record, one.name) for one in fields(record)})


def with_template(group: GroupRecord, settings: str, script: str) -> GroupRecord:
    """The group with what its new hosts boot with, and the digest of what the inventory says of them."""
    return replace(group, settings=settings, template=template_hash(script), user_data=script)


def renew_template(cluster: str, wanted: GroupRecord) -> None:
    """The group has what the file and this program give today before a host is made, also where it alone is.

    So a new host boots what `render` prints, whichever version made the group. Its size stays: that is for `up`.
    """
    folder = paths.cluster_dir(cluster)
    recorded = records.load_group(folder, wanted.name)
    today = with_template(recorded or wanted, wanted.settings, wanted.user_data)
    if today != recorded:
        records.save_group(folder, today)


def emptied(wanted: Iterable[GroupRecord], recorded: Iterable[GroupRecord]) -> list[GroupRecord]:
    """Groups that the file no longer has, at size 0: so their hosts know that they are to go before they go."""
    names = {group.name for group in wanted}
    return [replace(group, size=0, holes=()) for group in recorded if group.name not in names]


def standing(recorded: Iterable[GroupRecord], hosts: Iterable[HostRecord], wanted: Iterable[str]) -> list[GroupRecord]:
    """The groups that count. One that the file dropped and that lost its last host does not: `down` removes its trace."""
    names = set(wanted) | {host.group for host in hosts}
    return [group for group in recorded if group.size or group.name in names]
