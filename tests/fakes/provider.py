"""A provider that remembers: machines that join a swarm of their own when they are switched on."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Self

from bootstrap.agent import guard
from bootstrap.errors import BootstrapError, LockedError
from bootstrap.lab.records import GroupRecord
from bootstrap.model.cluster import Cluster, Role
from bootstrap.model.finding import Finding, ok
from bootstrap.model.resource import Outdated, Resource
from bootstrap.providers.base import Instance, LockInfo, SshWay
from bootstrap.providers.local.layout import Slot, at_places, refilled, slots, wanted_groups
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
    electing: bool = False  # managers answer, and none leads
    refuse: str = ""  # an agent verb that fails
    mute: set[str] = field(default_factory=set)  # hostnames whose agent does not tell its status
    emptied: bool = True  # whether drained tasks end in time
    trail: list[dict[str, Any]] = field(default_factory=list)
    store: bool = True  # whether there is one for the trail
    lock: LockInfo | None = None  # another run's
    leaving: set[str] = field(default_factory=set)  # hostnames
    halves: set[str] = field(default_factory=set)  # hostnames of what a killed run left: no machine, and not nothing
    no_boot: set[str] = field(default_factory=set)  # hostnames of machines that do not start
    target: int = 0  # managers wanted, as the guard knows it
    made: int = 0  # how many machines ever were

    def switch_on(self, slot: Slot) -> None:
        """The machine boots and joins by itself."""
        if slot.hostname in self.no_boot:
            raise BootstrapError("the machine does not start", where=slot.hostname)
        self.made += 1
        self.halves.discard(slot.hostname)
        before = self.machines.get(slot.hostname)
        instance = Instance(
            before.id if before else f"i-{self.made}-{slot.hostname}", slot.hostname, slot.pool.role, slot.pool.name, slot.zone,
            f"10.91.0.{self.made + 11}", "running", 5.0, "joined",
        )  # fmt: skip
        self.machines[slot.hostname] = instance
        self.nodes[slot.hostname] = node(instance)
        self.control = {**(self.control or {}), "phase": "FORMED", "swarm_id": "s1", "epoch": 1, "rotated_at": None}

    def managers(self) -> tuple[frozenset[str], frozenset[str]]:
        """Ids of the managers that the swarm knows, and of those among them whose machine is on."""
        known = {one["id"]: one["instance"] for one in self.nodes.values() if one["role"] == "manager"}
        on = {one.id for one in self.machines.values() if one.state != "stopped"}
        return frozenset(known), frozenset(key for key, instance in known.items() if instance in on)

    def guarded(self, node_id: str) -> str | None:
        """What the agent's own guard says to a removal."""
        known, well = self.managers()
        if node_id not in known:
            return None
        return guard.refuse_removal(
            guard.View(known, well, known - well, self.target, single=self.target == 1), node_id
        )

    def mark(self, node_id: str, availability: str, labels: dict[str, str]) -> dict[str, Any]:
        """Set a node's availability, and the hold as given."""
        one = next(one for one in self.nodes.values() if one["id"] == node_id)
        kept = {key: value for key, value in one["labels"].items() if key != "bootstrap.hold"}
        one |= {"availability": availability, "labels": kept | labels}
        return {}

    def status(self, hostname: str) -> dict[str, Any]:
        """What that machine's agent says."""
        me = self.machines[hostname]
        known, well = self.managers()
        leads = next((one["id"] for one in self.nodes.values() if one["id"] in well), None)
        swarm = {
            "id": "s1",
            "nodes": [{**one, "leader": one["id"] == leads and not self.electing} for one in self.nodes.values()],
            "networks": list(self.networks.values()),
            "stacks": list(self.stacks.values()),
        }
        self.quorum = self.quorum and 2 * len(well) > len(known)
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
        if verb == "status" and self.hostname in self.world.mute:
            raise BootstrapError("no answer", where=self.hostname)
        if rest[:1] == [f"n-{self.hostname}"] and verb == "remove":
            itself = {"code": "self", "what": "a node cannot remove itself", "where": rest[0], "fix": ""}
            return Result(1, json.dumps({"error": itself}))
        if verb == self.world.refuse:
            refusal = {"code": "guard", "what": "quorum could be lost", "where": self.hostname, "fix": "wait"}
            return Result(1, json.dumps({"error": refusal}))
        if verb == "remove" and (why := self.world.guarded(rest[0])) is not None:
            return Result(1, json.dumps({"error": {"code": "guard", "what": why, "where": rest[0], "fix": ""}}))
        return Result(0, json.dumps(self._do(verb, rest, json.loads(stdin or "{}"))))

    def _do(self, verb: str, rest: list[str], document: dict[str, Any]) -> dict[str, Any]:
        world = self.world
        if verb == "status":
            return world.status(self.hostname)
        if verb in {"drain", "activate"}:
            held = {"bootstrap.hold": "true"} if "--hold" in rest else {}
            return world.mark(rest[0], "drain" if verb == "drain" else "active", held)
        return self._change(verb, rest, document)

    def _change(self, verb: str, rest: list[str], document: dict[str, Any]) -> dict[str, Any]:
        world = self.world
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

    immutable: ClassVar[frozenset[str]] = frozenset({"leaving"})

    running: bool = True
    leaving: bool = False
    pool: str = field(default="", compare=False)
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
        self.world.leaving.discard(self.name)
        self.world.halves.discard(self.name)
        self.world.machines.pop(self.name, None)


@dataclass(frozen=True)
class FakeSurge(Resource):
    """That there is one manager more for a while, as the control object says it."""

    kind: ClassVar[str] = "control"

    surge: Mapping[str, Any]
    world: World = field(default_factory=World, compare=False, repr=False)

    def create(self) -> None:
        self.world.control = {**(self.world.control or {}), "surge": dict(self.surge)}

    def update(self, old: Self) -> None:
        self.create()

    def delete(self) -> None:
        self.world.control = {**(self.world.control or {}), "surge": None}


@dataclass(frozen=True)
class FakeProvider:
    """Machines by the local provider's own arithmetic, with no machine behind them."""

    cluster: Cluster
    world: World = field(default_factory=World)
    recorded: dict[str, int] = field(default_factory=dict)
    groups: dict[str, GroupRecord] = field(default_factory=dict)  # those from whose middle something was taken

    def scripts(self) -> Mapping[str, str]:
        return {one.name: f"#!/bin/sh\n# {one.name}\n" for one in self.cluster.groups}

    def desired(self, surge: Mapping[str, Any] | None = None) -> Sequence[Resource]:
        self.world.target = self.cluster.managers.size.desired
        return [
            *([FakeSurge(self.cluster.name, surge, self.world)] if surge else ()),
            *(
                FakeHost(one.hostname, pool=one.pool.name, role=one.pool.role, slot=one, world=self.world)
                for one in self._slots(surge["zone"] if surge else None)
            ),
        ]

    def existing(self) -> Sequence[Resource]:
        surge = (self.world.control or {}).get("surge")
        return [
            *([FakeSurge(self.cluster.name, surge, self.world)] if surge else ()),
            *(
                FakeHost(name, one.state != "stopped", name in self.world.leaving, one.pool, one.role, world=self.world)
                for name, one in self.world.machines.items()
            ),
            *(FakeHost(name, running=False, world=self.world) for name in self.world.halves),
        ]

    def outdated(self) -> Iterable[Outdated]:
        return ()

    def instances(self) -> Sequence[Instance]:
        places = {slot.hostname for slot in self._slots(self._surge_zone())}
        going = self.world.leaving | (set(self.world.machines) - places)
        found = [self.world.machines[name] for name in sorted(self.world.machines)]
        return [replace(one, state="terminating") if one.hostname in going else one for one in found]

    def sizes(self) -> Mapping[str, int]:
        sizes: dict[str, int] = {}
        for slot in self._slots():
            sizes[slot.pool.name] = sizes.get(slot.pool.name, 0) + 1
        return sizes

    def set_size(self, pool: str, size: int) -> None:
        self.recorded[f"{self.cluster.name}-pool-{pool}"] = size
        self.groups.pop(f"{self.cluster.name}-pool-{pool}", None)

    def leave(self, instance: Instance, *, shrink: bool) -> None:
        if not shrink:
            self.world.leaving.add(instance.hostname)
            return
        group, number = self._place(instance)
        self._keep(at_places(group, set(group.slots) - {number}))

    def stay(self, instance: Instance) -> None:
        if instance.hostname in self.world.leaving:
            self.world.leaving.discard(instance.hostname)
            return
        group, number = self._place(instance)
        self._keep(at_places(group, {*group.slots, number}))

    def _keep(self, group: GroupRecord) -> None:
        self.groups[group.name] = group
        self.recorded[group.name] = group.size

    def _place(self, instance: Instance) -> tuple[GroupRecord, int]:
        """The group and the slot of a machine."""
        group = next(one for one in self._groups() if one.pool == instance.pool and one.zone in {"", instance.zone})
        return group, int(instance.hostname.rsplit("-", 1)[1])

    def control(self) -> Mapping[str, Any] | None:
        return self.world.control

    def retire(self) -> None:
        if self.world.control is not None:
            self.world.control = {**self.world.control, "phase": "DESTROYED"}

    def runner(self, instance: Instance) -> FakeRunner:
        return FakeRunner(self.world, instance.hostname)

    def checks(self) -> Iterable[Finding]:
        return [ok("root", "running as root")]

    def way(self, instance: Instance) -> SshWay:
        return SshWay("root", instance.address, 22, "ssh-ed25519 AAAA", None)

    def shell(self, instance: Instance, argv: Sequence[str]) -> int:
        return 0

    def upkeep(self, on: bool) -> None:
        if self.world.control is None:
            raise BootstrapError("there is no such cluster yet", code="no_cluster")
        self.world.control = {**self.world.control, "reconcile": on}

    def record(self, event: Mapping[str, Any]) -> bool:
        if self.world.store:
            self.world.trail.append(dict(event))
        return self.world.store

    def events(self) -> Sequence[Mapping[str, Any]]:
        return list(self.world.trail)

    def holder(self) -> LockInfo | None:
        return self.world.lock

    def force_unlock(self, lock_id: str) -> LockInfo:
        held = self.world.lock
        if held is None or held.id != lock_id:
            raise BootstrapError("no such lock", code="not_locked" if held is None else "lock_id")
        self.world.lock = None
        return held

    @contextmanager
    def locked(self, what: str, *, timeout: float = 0.0) -> Iterator[LockInfo]:
        if self.world.lock is not None:
            raise LockedError(f"{self.world.lock.who} holds the lock", code="E110")
        self.world.lock = LockInfo("me@here", what, "now", "1")
        try:
            yield self.world.lock
        finally:
            self.world.lock = None

    def _surge_zone(self) -> str | None:
        surge = (self.world.control or {}).get("surge")
        return surge["zone"] if surge else None

    def _groups(self, surge: str | None = None) -> list[GroupRecord]:
        wanted = wanted_groups(self.cluster, self.recorded, surge)
        return [refilled(one, self.groups.get(one.name)) for one in wanted]

    def _slots(self, surge: str | None = None) -> list[Slot]:
        return list(slots(self.cluster, self._groups(surge)))
