"""The command line whole, over the real provider and the real lab, on a machine and a swarm that only remember."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from bootstrap import checkpoint, inventory
from bootstrap.cli.root import root
from bootstrap.cli.run import Run
from bootstrap.engine.session import Session
from bootstrap.lab import cgroups, command, egress, image, paths, power, preflight, records, state, supervisor, sysctl
from bootstrap.lab import host as lab_host
from bootstrap.lab.records import HostRecord
from bootstrap.model.cluster import Role
from bootstrap.providers.base import Instance
from bootstrap.providers.local import access, control, look
from bootstrap.providers.local.provider import LocalProvider
from tests.chaos.checkpoints_kernel import Kernel
from tests.fakes.clock import FakeClock
from tests.fakes.provider import FakeRunner, World, node

KILL, INTERRUPT = "kill", "interrupt"


class KilledError(BaseException):
    """SIGKILL: nothing may catch it, and nothing of the run goes on."""


class WorldProvider(LocalProvider):
    """The real one, whose machines' agents are the world's."""

    world: World

    def scripts(self) -> Mapping[str, str]:
        return {one.name: f"#!/bin/sh\n# {one.name}\n" for one in self.cluster.groups}  # rendering takes its time

    def runner(self, instance: Instance) -> FakeRunner:
        return FakeRunner(self.world, instance.hostname)


@dataclass
class Machine:
    """A machine with the command line on it; `file` is the inventory."""

    file: Path
    kernel: Kernel
    world: World = field(default_factory=World)
    reached: list[str] = field(default_factory=list)
    _dead: bool = False
    _uid: str = ""
    _turn: threading.Lock = field(default_factory=threading.Lock)

    def must(self, verb: str, *words: str) -> None:
        """`bootstrap verb FILE words…`, which has to end well."""
        result = self.run(verb, *words)
        assert result is not None
        assert result.exit_code == 0, result.output

    def run(self, verb: str, *words: str, at: str = "", mode: str = "") -> Result | None:
        """The same, killed or interrupted when it first reaches that checkpoint; None when it was killed."""
        self.reached.clear()
        self._dead = False

        def watcher(name: str) -> None:
            if self._dead:
                raise KilledError
            self.reached.append(name)
            if name != at or mode == "" or self.reached.count(name) > 1:
                return
            if mode == KILL:
                self._dead = True
                raise KilledError
            os.kill(os.getpid(), signal.SIGINT)  # to the main thread, whoever reached it

        checkpoint.watch(watcher)
        try:
            argv = [verb, str(self.file), *words, "--yes"]
            return CliRunner().invoke(root, argv, obj=Run(open_session=self._open, terminal=False, parallel=3))
        except KilledError:
            return None
        finally:
            checkpoint.watch(None)

    def seen(self) -> dict[str, Any]:
        """All that there is: two clusters made from one file are equal in it."""
        keys = ("hostname", "role", "state", "availability", "labels")
        return {
            **self.kernel.seen(),
            "files": sorted({str(path.relative_to(paths.root())) for path in paths.root().rglob("*") if _counts(path)}),
            "nodes": sorted([one[key] for key in keys[:4]] for one in self.world.nodes.values()),
            "inside": [sorted(self.world.networks), sorted(self.world.stacks)],
            "phase": (control.read("prod") or {}).get("phase"),
            "twice": _twice(records.load_hosts(paths.cluster_dir("prod"))),
        }

    def power(self, environment: Mapping[str, str], log: Path) -> None:
        """A host boots, and joins by itself."""
        with self._turn:
            self._power(environment, log)

    def _power(self, environment: Mapping[str, str], log: Path) -> None:
        folder = Path(environment["FOLDER"])
        record = records.load_host(paths.cluster_dir("prod"), folder.name)
        assert record is not None
        log.touch()
        self.kernel.plug(environment["NAMESPACE"], environment["FABRIC"], environment["PORT"])
        self.kernel.groups["prod", record.hostname].add(100 + record.slot)
        instance = Instance(
            record.instance,
            record.hostname,
            Role(record.role),
            record.pool,
            record.zone,
            record.address,
            "running",
            1.0,
        )
        if record.uid != self._uid:  # another cluster than the one that was taken down
            self._uid = record.uid
            for old in (self.world.nodes, self.world.machines, self.world.networks, self.world.stacks):
                old.clear()
        before = self.world.nodes.get(record.hostname)
        assert before is None or before["instance"] == record.instance, "a second node of one place"
        self.world.machines[record.hostname] = instance
        self.world.nodes[record.hostname] = node(instance, leader=not self.world.nodes)
        if record.role == "manager":
            formed = {"phase": "FORMED", "swarm_id": "s1", "epoch": 1, "holder": {"instance": "i-1", "boot": "b"}}
            control.change(
                "prod", lambda now: now if now["phase"] == "FORMED" else {**now, "phase": "CLAIMED", "epoch": 1}
            )
            control.change("prod", lambda now: {**now, **formed, "holder": now["holder"]})

    def serve(self, argv: Sequence[str], log: Path, environment: Mapping[str, str]) -> None:
        """The services of the fabric start."""
        self.kernel.groups["prod", "services"].add(1)
        for name in ("services.log", "services.pid", "services.ready"):
            (paths.cluster_dir("prod") / name).touch()

    def on(self, record: HostRecord) -> bool:
        """Whether that host is on."""
        return bool(self.kernel.groups.get((record.cluster, record.hostname)))

    def _open(self, path: Path, *, say: Callable[[str], None]) -> Session:
        cluster = inventory.load(path)
        provider = WorldProvider(cluster, say)
        object.__setattr__(provider, "world", self.world)
        self.world.target = cluster.managers.size.desired
        return Session(cluster, provider, clock=FakeClock(), say=say)


def _counts(path: Path) -> bool:
    return path.is_file() and not {"audit", "control"} & set(path.parts)


def _twice(hosts: Sequence[HostRecord]) -> list[str]:
    """What two hosts share."""
    return [what for what in ("instance", "address", "mac") if len({getattr(one, what) for one in hosts}) < len(hosts)]


def install(machine: Machine, folder: Path, patch: pytest.MonkeyPatch) -> None:
    """Put the machine behind the lab's doors."""
    kernel = machine.kernel
    patch.setenv("BOOTSTRAP_LOCAL_DIR", str(folder / "local"))
    (folder / "image").mkdir()
    patch.setattr(os, "fsync", lambda descriptor: None)  # nothing here outlives this process
    patch.setattr(paths, "NAMESPACES", kernel.folder)
    patch.setattr(command, "attempt", kernel.attempt)
    patch.setattr(command, "run", kernel.run)
    patch.setattr(command, "available", lambda program: program != "iptables")
    patch.setattr(
        cgroups.Group, "make", lambda one, memory=None: kernel.groups.setdefault((one.cluster, one.name), set())
    )
    patch.setattr(cgroups.Group, "destroy", lambda one, timeout=0.0: kernel.end(one.cluster, one.name))
    patch.setattr(cgroups.Group, "pids", lambda one, half="": set(kernel.groups.get((one.cluster, one.name), ())))
    patch.setattr(cgroups.Group, "doors", lambda one, half: [])
    patch.setattr(cgroups, "names", lambda cluster: {name for one, name in kernel.groups if one == cluster})
    patch.setattr(cgroups, "remove_cluster", lambda cluster: None)
    patch.setattr(egress, "docker_lives_here", lambda: False)
    patch.setattr(supervisor, "power", machine.power)
    patch.setattr(supervisor, "detach", machine.serve)
    patch.setattr(supervisor, "wait", lambda done, timeout: done())
    for module in (state, power, lab_host):
        patch.setattr(module, "running", machine.on)
        patch.setattr(module, "ready", machine.on, raising=False)
    patch.setattr(lab_host, "init_of", lambda group: None)
    patch.setattr(look, "step", lambda record: "joined")
    patch.setattr(image, "ensure", lambda name, say: folder / "image")
    patch.setattr(sysctl, "read", lambda name: kernel.settings.get(name, "0"))
    patch.setattr(sysctl, "REMEMBERED", folder / "settings.json")
    patch.setattr(sysctl, "_set", kernel.settings.__setitem__)
    patch.setattr(preflight, "check", lambda hosts, images: None)
    patch.setattr(preflight, "check_root", lambda: None)
    patch.setattr(access, "run", lambda argv: Path(f"{argv[-1]}.pub").touch())
