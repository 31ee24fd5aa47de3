from __future__ import annotations

import errno
import json
import os
from pathlib import Path

import pytest

from bootstrap.errors import BootstrapError
from bootstrap.lab import cgroups, command, disk, image, init, records, state
from bootstrap.lab import host as lab_host
from bootstrap.remote.runner import Result
from tests.lab.folders import WORKER, cluster


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a host without anything in it, on a machine with loop devices and a mkfs that says what it got."""
    monkeypatch.setenv("BOOTSTRAP_LOCAL_DIR", str(tmp_path / "local"))
    monkeypatch.setattr(disk, "CONTROL", tmp_path)
    monkeypatch.setattr(command, "available", lambda program: True)
    monkeypatch.setattr(command, "run", lambda argv: Path(argv[-1]).with_name("formatted").write_text(argv[0]))
    monkeypatch.setattr(command, "attempt", lambda argv: Result(0))
    monkeypatch.setattr(cgroups, "hierarchies", list)
    monkeypatch.setattr(image, "ensure", lambda name, say: tmp_path)
    cluster(tmp_path / "local/prod")
    return state.folder(WORKER)


def test_a_disk_is_made_once_and_costs_nothing_yet(folder: Path) -> None:
    """As large as asked for, without blocks; a second time it stays as it is."""
    disk.make(folder, 5 << 30)
    made = (folder / "disk.img").stat()
    (folder / "formatted").unlink()
    disk.make(folder, 6 << 30)

    assert (made.st_size, made.st_blocks) == (5 << 30, 0)
    assert (folder / "disk.img").stat().st_size == 5 << 30
    assert not (folder / "formatted").exists()


def test_a_half_made_disk_is_none(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed while it is formatted, the next run makes it anew."""

    def killed(argv: list[str]) -> str:
        raise KeyboardInterrupt

    monkeypatch.setattr(command, "run", killed)
    with pytest.raises(KeyboardInterrupt):
        disk.make(folder, 1 << 30)
    assert not (folder / "disk.img").exists()

    monkeypatch.setattr(command, "run", lambda argv: "")
    disk.make(folder, 1 << 30)
    assert (folder / "disk.img").exists()


def test_the_size_is_the_inventory_s_or_20_gib(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """None where the machine has no loop devices: hosts then live in its folders."""
    assert disk.size(None) == 20 << 30
    assert disk.size(8) == 8 << 30

    monkeypatch.setattr(command, "available", lambda program: program != "mkfs.ext4")
    assert disk.size(8) == 0


def test_a_host_of_an_older_version_keeps_its_folders(folder: Path) -> None:
    """Its record says nothing of a disk, so it gets none until it is wiped."""
    (folder / "host.json").write_text(
        json.dumps({name: value for name, value in vars(WORKER).items() if name != "disk"})
    )
    record = records.load_host(folder.parents[1], WORKER.hostname)
    assert record is not None
    assert record.disk == 0

    lab_host.create(record)
    assert not (folder / "disk.img").exists()
    assert lab_host.wipe(record).disk == disk.DEFAULT
    assert (folder / "disk.img").exists()


def test_a_folder_cannot_be_filled(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It would fill this machine's disk: refused, with what to do."""
    with pytest.raises(BootstrapError, match="has no end") as caught:
        disk.fill(WORKER)
    assert (caught.value.code, "wipe" in caught.value.fix) == ("no_disk", True)

    monkeypatch.setattr(disk, "CONTROL", folder / "nothing")
    with pytest.raises(BootstrapError, match="no loop devices"):
        disk.fill(WORKER)


def test_a_disk_of_a_host_that_is_off_is_not_filled(folder: Path) -> None:
    """There is nobody who could feel it."""
    disk.make(folder, 1 << 30)

    with pytest.raises(BootstrapError, match="is off"):
        disk.fill(WORKER)

    assert not (folder / "full").exists()


def test_filling_ends_with_the_last_block(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Asked for in ever smaller pieces: exactly as much as there is; another error is told."""
    room = (5 << 30) + 123 * 4096 + 17
    taken: list[int] = []

    def allocate(descriptor: int, start: int, length: int) -> None:
        if start + length > room:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        assert start == sum(taken)
        taken.append(length)

    monkeypatch.setattr(os, "posix_fallocate", allocate)
    disk._take_all(tmp_path / "full")
    assert sum(taken) == room - 17

    def broken(*_: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(os, "posix_fallocate", broken)
    with pytest.raises(OSError, match="Input/output"):
        disk._take_all(tmp_path / "full")


def test_a_disk_in_use_is_not_repaired(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While a loop device holds it somebody may write: told, and left alone. One that was wiped away holds nobody up."""
    disk.make(folder, 1 << 30)
    asked: list[str] = []

    def attempt(argv: list[str]) -> Result:
        asked.append(argv[0])
        return Result(0)

    monkeypatch.setattr(command, "attempt", attempt)
    monkeypatch.setattr(disk, "LET_GO", 0.0)
    monkeypatch.setattr(disk, "_backing", lambda: [f"{folder}/disk.img\n"])
    with pytest.raises(BootstrapError, match="still in use"):
        disk.mend(folder)
    assert asked == []

    monkeypatch.setattr(disk, "_backing", lambda: [f"{folder}/disk.img (deleted)\n"])
    disk.mend(folder)
    assert asked == ["e2fsck"]


@pytest.mark.parametrize(("codes", "calls"), [([0], ["-p"]), ([1], ["-p"]), ([4, 1], ["-p", "-y"])])
def test_a_disk_is_mended_before_a_boot(
    folder: Path, monkeypatch: pytest.MonkeyPatch, codes: list[int], calls: list[str]
) -> None:
    """First what is safe, then whatever it takes; a host without a disk needs nothing."""
    asked: list[str] = []

    def attempt(argv: list[str]) -> Result:
        asked.append(argv[1])
        return Result(codes[len(asked) - 1])

    monkeypatch.setattr(command, "attempt", attempt)
    disk.mend(folder)
    assert asked == []

    disk.make(folder, 1 << 30)
    disk.mend(folder)
    assert asked == calls


def test_a_disk_that_cannot_be_mended_is_told(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the last words of e2fsck."""
    disk.make(folder, 1 << 30)
    monkeypatch.setattr(command, "attempt", lambda argv: Result(8, "", "bad magic number"))

    with pytest.raises(BootstrapError, match="bad magic number"):
        disk.mend(folder)


def test_settings_are_put_in_place_once(tmp_path: Path) -> None:
    """At the boot after they were written; what the host changes later stays over its reboots."""
    given, etc = tmp_path / "settings", tmp_path / "upper/etc"
    given.mkdir()
    (given / "hostname").write_text("one\n")

    init.settle(given, etc)
    assert (etc / "hostname").read_text() == "one\n"
    (etc / "hostname").write_text("another\n")
    init.settle(given, etc)

    assert (etc / "hostname").read_text() == "another\n"
    assert list(given.iterdir()) == []


def test_without_a_disk_a_host_lives_in_its_folder(tmp_path: Path) -> None:
    """As it did before there were disks; a filled one is emptied at boot where that was asked for."""
    (tmp_path / "upper/var/lib").mkdir(parents=True)
    (tmp_path / "upper/var/lib/full").touch()
    (tmp_path / "full").touch()

    assert init.own(tmp_path) == tmp_path
    assert (tmp_path / "upper/var/lib/full").exists()
    (tmp_path / "full").unlink()
    init.own(tmp_path)

    assert not (tmp_path / "upper/var/lib/full").exists()
    assert {path.name for path in tmp_path.iterdir()} >= {"upper", "work", "docker", "containerd"}


def test_a_host_with_a_full_disk_boots(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What its disk cannot take waits for the next boot."""
    given = tmp_path / "settings"
    given.mkdir()
    (given / "hostname").write_text("one\n")
    with monkeypatch.context() as patch:

        def full(path: Path, data: bytes) -> int:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        patch.setattr(Path, "write_bytes", full)
        init.own(tmp_path)
    assert (given / "hostname").exists()

    init.own(tmp_path)

    assert (tmp_path / "upper/etc/hostname").read_text() == "one\n"
