from __future__ import annotations

import errno
import os
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest

from bootstrap.errors import BootstrapError
from bootstrap.lab import records
from tests.lab.folders import EXTRA, MANAGER, WORKER, cluster


def test_what_was_written_is_read(tmp_path: Path) -> None:
    """Every kind of record comes back as it was saved, sorted by name."""
    folder = cluster(tmp_path)

    fabric = records.load_fabric(folder)
    assert fabric is not None
    assert fabric.gateway == "10.91.0.1"
    assert [one.name for one in records.load_groups(folder)] == ["prod-managers-a", "prod-pool-web"]
    assert records.load_group(folder, "prod-pool-web") == records.load_groups(folder)[1]
    assert records.load_hosts(folder) == [MANAGER, WORKER, EXTRA]
    assert records.load_host(folder, WORKER.hostname) == WORKER


def test_what_is_not_there_is_none(tmp_path: Path) -> None:
    """A cluster without records has no fabric, no group and no host; that is no error."""
    (tmp_path / "hosts" / "half-made").mkdir(parents=True)

    assert records.load_fabric(tmp_path) is None
    assert records.load_groups(tmp_path / "nowhere") == []
    assert records.load_group(tmp_path, "nowhere") is None
    assert records.load_hosts(tmp_path) == []
    assert records.load_host(tmp_path, "half-made") is None


def test_a_newer_programs_record_is_read(tmp_path: Path) -> None:
    """Fields that this version does not know are passed over."""
    records.write(
        tmp_path / "groups/g.json", {"name": "g", "pool": "p", "role": "worker", "zone": "", "size": 2, "new": 1}
    )

    assert records.load_groups(tmp_path) == [records.GroupRecord("g", "p", "worker", "", 2)]


@pytest.mark.parametrize("text", ["", "{", "[]", '{"cluster": "prod"}', "7"])
def test_a_broken_record_is_an_error_and_not_an_absence(tmp_path: Path, text: str) -> None:
    """A fabric that seems to be missing would be made a second time."""
    (tmp_path / "fabric.json").write_text(text)

    with pytest.raises(BootstrapError, match="cannot be read") as caught:
        records.load_fabric(tmp_path)
    assert caught.value.code == "record_broken"
    assert str(tmp_path / "fabric.json") in str(caught.value)


def test_a_full_disk_is_told_with_the_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The record that has no room names the folder of hosts; the system's own error names no file at all."""

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(BootstrapError, match="No space left") as caught:
        records.write(tmp_path / "groups/g.json", {})

    assert (caught.value.where, caught.value.code) == (str(tmp_path / "groups/g.json"), "cannot_write")
    assert caught.value.fix.startswith("make room")


def test_a_folder_that_bars_writing_is_told_with_the_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The record is named that could not be written, and not the file that was staged for it."""

    def barred(**_: object) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(tmp_path / "groups/.g.json.1.x"))

    monkeypatch.setattr(tempfile, "mkstemp", barred)
    with pytest.raises(BootstrapError, match="Permission denied") as caught:
        records.write(tmp_path / "groups/g.json", {})

    assert (caught.value.where, caught.value.code) == (str(tmp_path / "groups/g.json"), "no_access")


def test_a_write_that_fails_leaves_the_old_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whole or not at all: no half record, and no temporary file."""
    folder = cluster(tmp_path)

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(BootstrapError, match="No space"):
        records.save_host(folder, replace(WORKER, memory=1))

    assert records.load_host(folder, WORKER.hostname) == WORKER
    assert not list((folder / "hosts" / WORKER.hostname).glob(".*"))


def test_removing_what_is_gone_is_success(tmp_path: Path) -> None:
    """`down` may be run again."""
    folder = cluster(tmp_path)

    for _ in range(2):
        records.delete_group(folder, "prod-pool-web")
        records.remove(folder / "hosts")

    assert [one.name for one in records.load_groups(folder)] == ["prod-managers-a"]
    assert records.load_hosts(folder) == []


def test_a_mount_is_seen_through_a_symbolic_link(tmp_path: Path) -> None:
    """The kernel names a mount by its real path: what is mounted is never deleted, however the folder is named."""
    (tmp_path / "link").symlink_to("/")

    with pytest.raises(BootstrapError, match="mounted"):
        records.remove(tmp_path / "link" / "proc")


def test_now_is_utc_to_the_second() -> None:
    """`created` sorts as text."""
    assert len(records.now()) == len("2026-01-01T00:00:00Z")
    assert records.now().endswith("Z")
