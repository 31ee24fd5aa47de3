"""A provider that remembers: machines that join a swarm of their own when they are switched on."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, ClassVar, Self

from bootstrap.errors import BootstrapError
from bootstrap.model.cluster import Cluster, Role
from bootstrap.model.resource import Outdated, Resource
from bootstrap.providers.base import Instance, LockInfo
from bootstrap.providers.local.layout import Slot, slots, wanted_groups
from bootstrap.remote.runner import Result


@dataclass
class World:
    """What would be outside: machines, the swarm's networks and stacks, and every agent call made."""

    machines: dict[str, Instance] = field(default_factory=dict)
    control: dict[str, Any] | None = None
    networks: dict[str, dict[str, Any]] = field(default_factory=dict)
    stacks: dict[str, dict[str, Any]] = field(default_factory=dict)
    nodes: dict[str, dict[str, Any]] = field(default_factory=dict)
    calls: list[tuple[str, ...]] = field(default_factory=list)
    quorum: bool = True
    refuse: str = ""  # an agent verb that fails
    emptied: bool = True  # whether drained tasks end in time

    def switch_on(self, slot: Slot) -> None:
        """The machine boots and joins by itself."""
        instance = Instance(
            f"i-{slot.hostname}", slot.hostname, slot.pool.role, slot.pool.name, slot.zone,
            f"10.91.0.{len(self.machines) + 11}", "running", 5.0, "joined",
        )  # fmt: skip
        self.machines[slot.hostname] = instance
        self.nodes[slot.hostname] = node(instance, leader=not self.nodes)
        self.control = {**(self.control or {}), "phase": "FORMED", "swarm_id": "s1", "epoch": 1, "rotated_at": None}

    def status(self, hostname: str) -> dict[str, Any]:
        """What that machine's agent says."""
        me = self.machines[hostname]
        swarm = {
            "id": "s1",
            "nodes": list(self.nodes.values()),
            "networks": list(self.networks.values()),
            "stacks": list(self.stacks.values()),
        }
        able = self.quorum and me.role is Role.MANAGER
        disk = {"free_bytes": 50, "total_bytes": 100}
        return {"hostname": hostname, "swarm": swarm if able else None, "published_is_live": True, "disk": disk}


def node(instance: Instance, **changed: Any) -> dict[str, Any]:
    """A node object as the agent tells it."""
    manager = instance.role is Role.MANAGER
    return {
        "id": f"n-{instance.hostname}", "hostname": instance.hostname, "role": str(instance.role), "state": "ready",
        "availability": "active", "address": instance.address, "leader": False,
        "reachability": "reachable" if manager else None, "engine": "26.1.5", "arch": "x86_64",
        "labels": {"bootstrap.pool": instance.pool}, "instance": instance.id, **changed,
    }  # fmt: skip


@dataclass(frozen=True)
class FakeRunner:
    """Runs the agent's verbs on the world."""

    world: World
    hostname: str

    def run(self, argv: Sequence[str], *, stdin: str = "", timeout: float = 60.0) -> Result:
        verb, *rest = [part for part in argv[3:] if part != "--json"]
        self.world.calls.append((verb, *rest))
        if self.world.machines[self.hostname].state == "stopped":
            raise BootstrapError("the host is off", where=self.hostname)
        if verb == self.world.refuse:
            refusal = {"code": "guard", "what": "quorum could be lost", "where": self.hostname, "fix": "wait"}
            return Result(1, json.dumps({"error": refusal}))
        return Result(0, json.dumps(self._do(verb, rest, json.loads(stdin or "{}"))))

    def _do(self, verb: str, rest: list[str], document: dict[str, Any]) -> dict[str, Any]:
        world = self.world
        if verb == "status":
            return world.status(self.hostname)
        if verb == "remove":
            world.nodes = {name: one for name, one in world.nodes.items() if one["id"] != rest[0]}
            return {"emptied": world.emptied}
        if verb == "network-create":
            subnet = document["subnet"] or "10.200.9.0/24"
            world.networks[document["name"]] = {**document, "subnet": subnet, "ours": True}
        elif verb == "network-remove":
            assert not world.stacks, "a network that a stack may use is still in use"
            del world.networks[rest[0]]
        elif verb == "stack-deploy":
            world.stacks[rest[0]] = {"name": rest[0], "ours": True, "hash": document["hash"], "live": True}
        elif verb == "stack-remove":
            del world.stacks[rest[0]]
        return {}


@dataclass(frozen=True)
class FakeHost(Resource):
    """A machine of the world."""

    kind: ClassVar[str] = "host"

    running: bool = True
    role: str = field(default="", compare=False)
    slot: Slot | None = field(default=None, compare=False)
    world: World = field(default_factory=World, compare=False, repr=False)

    def create(self) -> None:
        if self.slot is not None:
            self.world.switch_on(self.slot)

    def update(self, old: Self) -> None:
        self.create()

    def delete(self) -> None:
        self.world.calls.append(("destroy", self.name))
        del self.world.machines[self.name]


@dataclass(frozen=True)
class FakeProvider:
    """Machines by the local provider's own arithmetic, with no machine behind them."""

    cluster: Cluster
    world: World = field(default_factory=World)
    recorded: dict[str, int] = field(default_factory=dict)

    def scripts(self) -> Mapping[str, str]:
        return {one.name: f"#!/bin/sh\n# {one.name}\n" for one in self.cluster.groups}

    def desired(self) -> Sequence[Resource]:
        return [FakeHost(slot.hostname, role=slot.pool.role, slot=slot, world=self.world) for slot in self._slots()]

    def existing(self) -> Sequence[Resource]:
        return [
            FakeHost(name, running=one.state != "stopped", role=one.role, world=self.world)
            for name, one in self.world.machines.items()
        ]

    def outdated(self) -> Iterable[Outdated]:
        return ()

    def instances(self) -> Sequence[Instance]:
        return [self.world.machines[name] for name in sorted(self.world.machines)]

    def sizes(self) -> Mapping[str, int]:
        sizes: dict[str, int] = {}
        for slot in self._slots():
            sizes[slot.pool.name] = sizes.get(slot.pool.name, 0) + 1
        return sizes

    def set_size(self, pool: str, size: int) -> None:
        self.recorded[f"{self.cluster.name}-pool-{pool}"] = size

    def control(self) -> Mapping[str, Any] | None:
        return self.world.control

    def retire(self) -> None:
        if self.world.control is not None:
            self.world.control = {**self.world.control, "phase": "DESTROYED"}

    def runner(self, instance: Instance) -> FakeRunner:
        return FakeRunner(self.world, instance.hostname)

    def shell(self, instance: Instance, argv: Sequence[str]) -> int:
        return 0

    @contextmanager
    def locked(self, what: str, *, timeout: float = 0.0) -> Iterator[LockInfo]:
        yield LockInfo("me@here", what, "now", "1")

    def _slots(self) -> list[Slot]:
        return list(slots(self.cluster, wanted_groups(self.cluster, self.recorded)))
