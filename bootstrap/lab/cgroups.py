"""The control groups of a cluster: `<hierarchy>/bootstrap/<cluster>/<name>` in every hierarchy, v1, hybrid or v2.

All that a host or a service runs is in its own group, so it is found and ended without pid files.
A group has two halves: `outside` holds the processes that power a host, `inside` is the root of the host itself
(cgroup v2 wants a group to hold either processes or groups).
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bootstrap.errors import BootstrapError

TOP = "bootstrap"
INSIDE = "inside"
OUTSIDE = "outside"
USED = {"cpu", "cpuset", "io", "memory", "pids"}  # the controllers that engines want in v2
GONE = 60.0  # seconds for what was killed to be gone: a moment, or as long as its disk does not answer
MODES = {"rw", "ro", "xattr"}  # mount options that are no controllers


@dataclass(frozen=True)
class Hierarchy:
    """A mounted tree of control groups; `controllers` are its v1 options, empty for v2."""

    path: Path
    controllers: tuple[str, ...] = ()

    @property
    def unified(self) -> bool:
        """Whether it is cgroup v2."""
        return not self.controllers


def parse(mountinfo: str) -> list[Hierarchy]:
    """The hierarchies in the text of /proc/self/mountinfo, each once, in mount order."""
    found: dict[str, Hierarchy] = {}
    for line in mountinfo.splitlines():
        left, _, right = line.partition(" - ")
        kind, _, options = right.split(" ", 2)
        device, path = left.split(" ")[2], Path(left.split(" ")[4])
        if kind == "cgroup2":
            found.setdefault(device, Hierarchy(path))
        elif kind == "cgroup":
            found.setdefault(device, Hierarchy(path, tuple(one for one in options.split(",") if one not in MODES)))
    return list(found.values())


def hierarchies() -> list[Hierarchy]:
    """The hierarchies of this machine."""
    return parse(Path("/proc/self/mountinfo").read_text())


@dataclass(frozen=True)
class Group:
    """The group of one host or service of a cluster, across all hierarchies."""

    cluster: str
    name: str

    def make(self, memory: int | None = None) -> None:
        """Create it; `memory` is the limit in bytes for all in it together."""
        try:
            for tree in hierarchies():
                self._make(tree, memory)
        except OSError as error:
            raise BootstrapError(
                f"control groups cannot be made: {error.strerror} ({error.filename})",
                where="this machine",
                fix="run as root, outside of an unprivileged container",
                code="cgroup_refused",
            ) from error

    def _make(self, tree: Hierarchy, memory: int | None) -> None:
        parts = (TOP, self.cluster, self.name)
        folder = tree.path
        _delegate(tree, folder)
        for part in parts:
            folder = folder / part
            _enter(tree, folder)
            _delegate(tree, folder)
        for half in (INSIDE, OUTSIDE):
            _enter(tree, folder / half)
        if memory is not None and (tree.unified or "memory" in tree.controllers):
            _write(folder / ("memory.max" if tree.unified else "memory.limit_in_bytes"), str(memory))

    def doors(self, half: str) -> list[Path]:
        """The files to which a process writes "0" to enter that half."""
        return [folder / half / "cgroup.procs" for folder in self._folders()]

    def pids(self, half: str = "") -> set[int]:
        """The processes in it, or in one half of it."""
        return {pid for folder in self._folders() for pid in _pids(folder / half)}

    def roots(self) -> list[int]:
        """The processes at the root of the inner half, where a host's PID 1 stands: cheap, one hierarchy only."""
        tree = next((one for one in hierarchies() if "freezer" in one.controllers or one.unified), None)
        if tree is None:
            return sorted(self.pids(INSIDE))
        inner = self._folder(tree) / INSIDE
        # In this order: a systemd that boots moves itself into its scope, and is seen before or after that.
        return [*_read_pids(inner), *_read_pids(inner / "init.scope")]

    def freeze(self, frozen: bool) -> None:
        """Stop every process in it from running, or let all go on."""
        for tree in hierarchies():
            if tree.unified:
                _write(self._folder(tree) / "cgroup.freeze", "1" if frozen else "0")
            elif "freezer" in tree.controllers:
                _write(self._folder(tree) / "freezer.state", "FROZEN" if frozen else "THAWED")

    def frozen(self) -> bool:
        """Whether it is stopped from running. False where there is none."""
        for tree in hierarchies():
            if not tree.unified and "freezer" not in tree.controllers:
                continue
            state = self._folder(tree) / ("cgroup.freeze" if tree.unified else "freezer.state")
            with contextlib.suppress(OSError):
                return state.read_text().strip() in {"1", "FROZEN", "FREEZING"}
        return False

    def destroy(self, timeout: float = GONE) -> None:
        """Kill all in it and remove it; BootstrapError when something still lives after `timeout` seconds."""
        self._kill(timeout)
        deadline = time.monotonic() + timeout
        while not all(_remove(folder) for folder in self._folders()):
            if time.monotonic() > deadline:
                raise self._stuck("its control groups are still busy")
            time.sleep(0.02)

    def _kill(self, timeout: float) -> None:
        deadline = time.monotonic() + timeout
        while pids := self.pids():
            for pid in pids:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            self.freeze(False)  # a frozen process dies only when it may run again
            if time.monotonic() > deadline:
                raise self._stuck(f"the processes {sorted(pids)} do not end")
            time.sleep(0.01)

    def _stuck(self, what: str) -> BootstrapError:
        fix = "run the same command again; if it stays so, restart the machine"
        return BootstrapError(what, where=self.name, fix=fix, code="stuck")

    def _folder(self, tree: Hierarchy) -> Path:
        return tree.path / TOP / self.cluster / self.name

    def _folders(self) -> Iterator[Path]:
        return (self._folder(tree) for tree in hierarchies())


def names(cluster: str) -> set[str]:
    """The groups that the cluster has, whatever made them."""
    return {found.name for tree in hierarchies() for found in (tree.path / TOP / cluster).glob("*") if found.is_dir()}


def remove_cluster(cluster: str) -> None:
    """Remove the cluster's own level, and ours when it was the last."""
    for tree in hierarchies():
        _remove(tree.path / TOP / cluster)
        with contextlib.suppress(OSError):
            (tree.path / TOP).rmdir()


def _enter(tree: Hierarchy, folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    if "cpuset" not in tree.controllers:
        return
    for name in ("cpuset.cpus", "cpuset.mems"):  # empty in a new v1 group, and then no process may enter
        if not (folder / name).read_text().strip():
            _write(folder / name, (folder.parent / name).read_text())
    _write(folder / "cgroup.clone_children", "1")


def _delegate(tree: Hierarchy, folder: Path) -> None:
    if not tree.unified:
        return
    for controller in USED & set((folder / "cgroup.controllers").read_text().split()):
        _write(folder / "cgroup.subtree_control", f"+{controller}")


def _write(path: Path, text: str) -> None:
    # A kernel without this controller has no such file, and a refused controller only costs its own feature.
    with contextlib.suppress(OSError):
        path.write_text(text)


def _pids(folder: Path) -> Iterator[int]:
    for path, _, _ in os.walk(folder):
        yield from _read_pids(Path(path))


def _read_pids(folder: Path) -> list[int]:
    try:
        pids = [int(line) for line in (folder / "cgroup.procs").read_text().split()]
    except OSError:  # removed meanwhile, or a threaded group
        return []
    return [pid for pid in pids if pid]  # 0 is one of another PID namespace; killing 0 would kill ourselves


def _remove(folder: Path) -> bool:
    for path, _, _ in os.walk(folder, topdown=False):
        with contextlib.suppress(OSError):
            Path(path).rmdir()
    return not folder.exists()
