from __future__ import annotations

from pathlib import Path

import pytest

from bootstrap.lab import cgroups
from bootstrap.lab.cgroups import Group, Hierarchy

HYBRID = """\
24 1 254:0 / / rw,relatime - ext4 /dev/vda rw
30 25 0:26 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755
31 30 0:27 / /sys/fs/cgroup/cpu,cpuacct rw,nosuid shared:9 - cgroup cgroup rw,cpu,cpuacct
32 30 0:28 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,xattr,name=systemd
33 30 0:29 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw,nsdelegate
34 24 0:27 / /elsewhere rw - cgroup cgroup rw,cpu,cpuacct
"""
UNIFIED = "30 25 0:26 / /sys/fs/cgroup rw,relatime - cgroup2 cgroup2 rw\n"


def test_the_hierarchies_of_a_hybrid_machine_are_found() -> None:
    """Each once, with its controllers, named ones and v2 too; a second mount of one is the same."""
    assert cgroups.parse(HYBRID) == [
        Hierarchy(Path("/sys/fs/cgroup/cpu,cpuacct"), ("cpu", "cpuacct")),
        Hierarchy(Path("/sys/fs/cgroup/systemd"), ("name=systemd",)),
        Hierarchy(Path("/sys/fs/cgroup/unified")),
    ]


def test_a_modern_machine_has_one() -> None:
    """cgroup v2 alone, on /sys/fs/cgroup."""
    found = cgroups.parse(UNIFIED)

    assert found == [Hierarchy(Path("/sys/fs/cgroup"))]
    assert found[0].unified


@pytest.fixture
def trees(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Path]:
    """Folders as the kernel shows them; it makes the files in a new group, here the test does."""
    found = [Hierarchy(tmp_path / "memory", ("memory",)), Hierarchy(tmp_path / "unified")]
    for tree in found:
        tree.path.mkdir()
    (tmp_path / "unified/cgroup.controllers").write_text("")
    monkeypatch.setattr(cgroups, "hierarchies", lambda: found)
    monkeypatch.setattr(cgroups, "_delegate", lambda tree, folder: None)
    return {tree.path.name: tree.path for tree in found}


def test_a_group_is_made_in_every_hierarchy(trees: dict[str, Path]) -> None:
    """With a half for the host and one for what powers it; the memory limit is set where there is one."""
    Group("prod", "prod-web-1").make(1 << 30)
    Group("prod", "prod-web-1").make(1 << 30)

    for tree in trees.values():
        assert (tree / "bootstrap/prod/prod-web-1/inside").is_dir()
        assert (tree / "bootstrap/prod/prod-web-1/outside").is_dir()
    assert (trees["memory"] / "bootstrap/prod/prod-web-1/memory.limit_in_bytes").read_text() == str(1 << 30)
    assert (trees["unified"] / "bootstrap/prod/prod-web-1/memory.max").read_text() == str(1 << 30)


def test_processes_are_found_at_any_depth(trees: dict[str, Path]) -> None:
    """systemd makes groups of its own in the host's, in one hierarchy more than in another."""
    group = Group("prod", "prod-web-1")
    group.make()
    inner = trees["memory"] / "bootstrap/prod/prod-web-1/inside"
    (inner / "system.slice").mkdir()
    (inner / "system.slice/cgroup.procs").write_text("7\n8\n")
    (trees["unified"] / "bootstrap/prod/prod-web-1/outside/cgroup.procs").write_text("9\n")

    assert group.pids() == {7, 8, 9}
    assert group.pids(cgroups.OUTSIDE) == {9}
    assert Group("prod", "prod-web-11").pids() == set()


def test_a_process_that_we_cannot_see_is_never_killed(trees: dict[str, Path]) -> None:
    """cgroup v2 shows one of another PID namespace as 0, and kill(0) would end this very run."""
    group = Group("prod", "prod-web-1")
    group.make()
    (trees["unified"] / "bootstrap/prod/prod-web-1/inside/cgroup.procs").write_text("0\n7\n")

    assert group.pids() == {7}


def test_an_empty_group_is_removed_and_no_other(trees: dict[str, Path]) -> None:
    """`prod` goes level by level; `prod-eu` beside it stays."""
    for cluster in ("prod", "prod-eu"):
        Group(cluster, "services").make()
    assert cgroups.names("prod") == {"services"}

    for _ in range(2):
        Group("prod", "services").destroy()
        cgroups.remove_cluster("prod")

    assert cgroups.names("prod") == set()
    assert cgroups.names("prod-eu") == {"services"}
    assert not (trees["memory"] / "bootstrap/prod").exists()


def test_the_last_cluster_leaves_nothing(trees: dict[str, Path]) -> None:
    """Not even our own level at the top."""
    Group("prod", "services").make()

    Group("prod", "services").destroy()
    cgroups.remove_cluster("prod")

    assert not [tree for tree in trees.values() if (tree / "bootstrap").exists()]
