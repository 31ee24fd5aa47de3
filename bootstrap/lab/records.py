"""What is written down about a local cluster: its fabric, its groups and its hosts, one JSON file each.

Every function takes the cluster's folder (`paths.cluster_dir(cluster)`), as the services in the fabric know only that.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from dataclasses import MISSING, asdict, dataclass, field, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from bootstrap.checkpoint import reach
from bootstrap.errors import BootstrapError, outside
from bootstrap.lab.paths import RECORD


@dataclass(frozen=True)
class FabricRecord:
    """The network of one cluster. `subnet` is a CIDR; `gateway` and `machine` are bare addresses in it."""

    cluster: str
    uid: str
    subnet: str
    gateway: str
    machine: str
    created: str  # UTC, ISO 8601


@dataclass(frozen=True)
class GroupRecord:
    """A group of hosts that are alike, as an Auto Scaling group is. `zone` is "" where it spans all zones.

    `holes` are slots below the last one that have no host: what was taken out of the middle leaves one. `user_data`
    is what a host that it starts anew boots with, and `template` that host's; `settings` is a digest of what the
    inventory said when it was written. They stand in one file, so that no crash can part them.
    """

    name: str
    pool: str
    role: str
    zone: str
    size: int
    holes: tuple[int, ...] = ()
    settings: str = ""
    template: str = ""
    user_data: str = field(default="", repr=False)

    @property
    def slots(self) -> tuple[int, ...]:
        """The numbers of its hosts, counted from 1."""
        numbers = (number for number in range(1, self.size + len(self.holes) + 1) if number not in self.holes)
        return tuple(numbers)[: self.size]


@dataclass(frozen=True)
class HostRecord:
    """One host. `slot` counts from 1 in its group; `memory` and `disk` are in bytes; `created` is UTC, ISO 8601.

    `disk` is 0 where its files lie in a folder of this machine, as those of older hosts do. `template` is that of the
    user-data that it was made with, "" until it has one.
    """

    instance: str
    hostname: str
    cluster: str
    uid: str
    group: str
    slot: int
    role: str
    pool: str
    zone: str
    address: str
    mac: str
    image: str
    template: str
    memory: int
    created: str
    disk: int = 0
    leaving: bool = False  # it is about to be destroyed, whatever its group's size


Record = TypeVar("Record", FabricRecord, GroupRecord, HostRecord)


def now() -> str:
    """This moment in UTC, ISO 8601, to the second: what `created` holds."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def load_fabric(folder: Path) -> FabricRecord | None:
    """The fabric's record, or None when the cluster has none."""
    return _load(FabricRecord, folder / "fabric.json")


def save_fabric(folder: Path, record: FabricRecord) -> None:
    """Write the fabric's record."""
    write(folder / "fabric.json", asdict(record))


def load_groups(folder: Path) -> list[GroupRecord]:
    """Every group of the cluster, sorted by name."""
    found = (_load(GroupRecord, path) for path in sorted((folder / "groups").glob("*.json")))
    return [one for one in found if one is not None]


def load_group(folder: Path, name: str) -> GroupRecord | None:
    """One group's record, or None when there is no such group."""
    return _load(GroupRecord, folder / "groups" / f"{name}.json")


def save_group(folder: Path, record: GroupRecord) -> None:
    """Write one group's record."""
    write(folder / "groups" / f"{record.name}.json", asdict(record))


def delete_group(folder: Path, name: str) -> None:
    """Remove one group's record; already gone is success."""
    (folder / "groups" / f"{name}.json").unlink(missing_ok=True)


def load_host(folder: Path, hostname: str) -> HostRecord | None:
    """One host's record, or None when there is no such host."""
    return _load(HostRecord, folder / "hosts" / hostname / RECORD)


def load_hosts(folder: Path) -> list[HostRecord]:
    """Every host of the cluster, sorted by hostname."""
    found = (_load(HostRecord, path) for path in sorted((folder / "hosts").glob(f"*/{RECORD}")))
    return [one for one in found if one is not None]


def save_host(folder: Path, record: HostRecord) -> None:
    """Write one host's record."""
    write(folder / "hosts" / record.hostname / RECORD, asdict(record))


def write(path: Path, content: object) -> None:
    """Put `content` there as JSON: whole or not at all, also when the power goes while it is written."""
    write_text(path, json.dumps(content, indent=2, sort_keys=True) + "\n")


def write_text(path: Path, text: str) -> None:
    """Put `text` there, whole or not at all; the folder is made. BootstrapError where the disk takes no more, or may not be written."""
    try:
        _put(path, text)
    except OSError as error:
        error.filename = str(path)  # the staged file's name would say nothing to a person
        if (known := outside(error)) is not None:
            raise known from error
        raise


def _put(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    _clear_staged(path)
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.{os.getpid()}.")
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        reach("record.staged")
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def _clear_staged(path: Path) -> None:
    """Remove what a killed run staged for this file and could not put there."""
    for staged in path.parent.glob(f".{path.name}.*.*"):
        pid = staged.name.split(".")[-2]
        if pid.isdecimal() and not Path("/proc", pid).exists():
            staged.unlink(missing_ok=True)


def remove(folder: Path) -> None:
    """Delete a folder and all in it; already gone is success. BootstrapError when something is mounted in it."""
    points = [line.split(" ")[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    if mounted := [point for point in points if Path(point).is_relative_to(folder.resolve())]:
        what = f"it is not deleted, as something is mounted at {mounted[0]}"  # what would be deleted is elsewhere
        raise BootstrapError(what, where=str(folder), fix=f"run `umount -R {mounted[0]}`", code="mounted")
    try:
        shutil.rmtree(folder)
    except FileNotFoundError:
        return


def _load(kind: type[Record], path: Path) -> Record | None:
    try:
        found: dict[str, Any] = json.loads(path.read_text())
        given = [one.name for one in fields(kind) if one.default is MISSING or one.name in found]
        return kind(**{name: _frozen(found[name]) for name in given})
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (ValueError, KeyError, TypeError) as error:
        raise BootstrapError(
            f"the record cannot be read ({error})",
            where=str(path),
            fix="run `bootstrap down`, then `bootstrap up`",
            code="record_broken",
        ) from error


def _frozen(value: Any) -> Any:
    """JSON has lists only; a record has tuples, so that two of them can be equal."""
    return tuple(value) if isinstance(value, list) else value
