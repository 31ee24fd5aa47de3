from __future__ import annotations

import fcntl
import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from bootstrap import checkpoint
from bootstrap.lab import cgroups, command, host, image, init, paths, records, supervisor
from bootstrap.lab.records import HostRecord
from bootstrap.remote.runner import Result
from tests.lab.folders import WORKER, cluster


@pytest.fixture
def disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a host that is off, on a machine without control groups; the image of today is `new`."""
    monkeypatch.setenv("BOOTSTRAP_LOCAL_DIR", str(tmp_path / "local"))
    monkeypatch.setattr(cgroups, "hierarchies", list)
    monkeypatch.setattr(command, "attempt", lambda argv: Result(0))
    monkeypatch.setattr(image, "ensure", lambda name, say: tmp_path / "new")
    monkeypatch.setattr("bootstrap.lab.disk.available", lambda: False)
    cluster(tmp_path / "local/prod")
    host.create(WORKER)
    return host.folder(WORKER)


def test_a_disk_stays_on_the_image_that_it_was_made_from(disk: Path, tmp_path: Path) -> None:
    """A newer program has another recipe: an upper layer on another lower one is no file system."""
    (tmp_path / "old").mkdir()
    (disk / "image").write_text(str(tmp_path / "old"))

    host.create(WORKER)

    assert (disk / "image").read_text() == str(tmp_path / "old")


def test_a_disk_whose_image_is_gone_or_wiped_stands_on_today_s(disk: Path, tmp_path: Path) -> None:
    """A cache may be emptied, and a new disk needs no old image."""
    (disk / "image").write_text(str(tmp_path / "gone"))
    host.create(WORKER)
    assert (disk / "image").read_text() == str(tmp_path / "new")

    (tmp_path / "old").mkdir()
    (disk / "image").write_text(str(tmp_path / "old"))
    host.wipe(WORKER)
    assert (disk / "image").read_text() == str(tmp_path / "new")


def give(text: str) -> None:
    """The worker's group has that user-data for new hosts now."""
    group = records.load_group(paths.cluster_dir("prod"), WORKER.group)
    assert group is not None
    records.save_group(paths.cluster_dir("prod"), replace(group, user_data=text, template=f"of {text}"))


def boots_with(folder: Path) -> tuple[str, str]:
    """(its user-data, the template that its record tells)."""
    record = records.load_host(paths.cluster_dir("prod"), WORKER.hostname)
    assert record is not None
    return (folder / "user-data").read_text(), record.template


def test_a_new_disk_goes_with_what_the_group_has(disk: Path) -> None:
    """A host keeps what it was made with; wiped, it is as a new one, with its own record telling so."""
    before = boots_with(disk)
    give("new")

    host.create(WORKER)
    assert boots_with(disk) == before

    fresh = host.wipe(WORKER)
    assert boots_with(disk) == ("new", "of new")
    assert host.create(fresh) == fresh == records.load_host(paths.cluster_dir("prod"), WORKER.hostname)


def test_a_host_that_never_booted_takes_what_the_group_has_now(disk: Path) -> None:
    """Killed before its disk was whole, it is finished with today's user-data."""
    (disk / "image").unlink()
    give("new")

    host.create(WORKER)

    assert boots_with(disk) == ("new", "of new")


@pytest.mark.parametrize("step", ["record.staged", "host.user_data", "host.folders", "host.settled"])
@pytest.mark.parametrize("time", [1, 2, 3])
def test_a_wipe_that_is_killed_is_finished_by_the_next_boot(disk: Path, step: str, time: int) -> None:
    """Whoever switches the host on next makes its disk, with its group's user-data, and its record says so."""
    give("new")
    reached: list[str] = []

    def killed(name: str) -> None:
        reached.append(name)
        if name == step and reached.count(step) == time:
            raise KeyboardInterrupt

    checkpoint.watch(killed)
    try:
        with suppress(KeyboardInterrupt):
            host.wipe(WORKER)
    finally:
        checkpoint.watch(None)

    left = records.load_host(paths.cluster_dir("prod"), WORKER.hostname)
    assert left is not None
    host.create(left)
    assert boots_with(disk) == ("new", "of new")


def test_a_wipe_is_not_undone_by_who_read_the_record_before_it(disk: Path) -> None:
    """An `up` that waits may switch on what a wipe has off for a moment: the new instance stays."""
    fresh = host.wipe(WORKER)

    assert host.create(WORKER) == fresh == records.load_host(paths.cluster_dir("prod"), WORKER.hostname)


@pytest.mark.parametrize("make", [host.create, host.wipe])
def test_two_never_make_one_disk_at_once(disk: Path, make: Callable[[HostRecord], HostRecord]) -> None:
    """Whoever makes it has the hand on the power switch meanwhile."""
    found: list[bool] = []

    def look(name: str) -> None:
        if name == "host.folders":
            found.append(_free(disk))

    checkpoint.watch(look)
    try:
        make(WORKER)
    finally:
        checkpoint.watch(None)

    assert (found, _free(disk)) == ([False], True)


def _free(folder: Path) -> bool:
    """Whether nobody has the hand on the switch of the host in that folder."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(descriptor)
    return True


def test_a_half_removed_host_is_none(disk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed while its disk is deleted, the record is gone already: nobody boots what is left of it."""

    def killed(folder: Path) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(records, "remove", killed)
    with pytest.raises(KeyboardInterrupt):
        host.destroy(WORKER)

    assert (disk / "settings").is_dir()
    assert records.load_host(paths.cluster_dir("prod"), WORKER.hostname) is None


def test_a_host_needs_neither_checkout_nor_venv_to_reboot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its power supply runs the host's own copy of the first process, by the interpreter below the venv."""
    given: dict[str, str] = {}
    monkeypatch.setattr(supervisor, "detach", lambda argv, log, environment: given.update(environment))

    supervisor.power({"FOLDER": str(tmp_path)}, tmp_path / "console.log")

    assert given["INIT"] == str(tmp_path / "init.py")
    assert (tmp_path / "init.py").read_text() == Path(init.__file__).read_text()
    assert not Path(given["PYTHON"]).is_symlink()


def test_a_reboot_can_enter_a_v2_group_that_passed_controllers_on(tmp_path: Path) -> None:
    """systemd enables controllers for its slices; until they are off, the group takes no process (EBUSY)."""
    (tmp_path / "system.slice/docker.service").mkdir(parents=True)
    (tmp_path / "cgroup.subtree_control").write_text("cpu memory pids\n")

    init.clean(tmp_path)

    assert (tmp_path / "cgroup.subtree_control").read_text() == "-cpu -memory -pids"
    assert not (tmp_path / "system.slice").exists()
    init.clean(tmp_path / "a-v1-group")


def test_what_would_crash_the_machine_is_read_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`echo c >/proc/sysrq-trigger` is how people crash a host; here it would be everybody's kernel."""
    proc = tmp_path / "proc"
    (proc / "sys").mkdir(parents=True)
    (proc / "sysrq-trigger").touch()
    mounts: list[tuple[Path, int]] = []
    monkeypatch.setattr(
        init, "mount", lambda source, target, kind=None, flags=0, data=None: mounts.append((target, flags))
    )
    monkeypatch.setattr(init, "call", lambda *arguments: None)
    monkeypatch.setattr(init, "control_groups", lambda target, unified: None)

    init.kernel({"disk": str(tmp_path), "unified": False}, tmp_path)

    shut = {target.relative_to(proc).as_posix() for target, flags in mounts if flags & init.REMOUNT}
    assert shut == {"sys", "sysrq-trigger", "sys/kernel/random/boot_id"}
