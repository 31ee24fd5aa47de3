"""A cluster that exists only in memory and remembers: what the commands are tried on."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar

from ruamel.yaml import YAML

from bootstrap.engine.apply import apply
from bootstrap.engine.diff import diff
from bootstrap.engine.events import Event, NodeProgress
from bootstrap.engine.ready import Patience
from bootstrap.engine.switch import Switch
from bootstrap.engine.trail import Step
from bootstrap.errors import BootstrapError, LockedError
from bootstrap.inventory import InvalidInventory, Problem
from bootstrap.model.cluster import Cluster, Docker, Host, Packages, Pool, Role, Size
from bootstrap.model.finding import Finding
from bootstrap.model.resource import Disruption, Outdated, Plan, Resource
from bootstrap.providers.base import Fault, Instance, LockInfo, SshWay
from bootstrap.remote.runner import Result
from tests.cli.elsewhere import Elsewhere
from tests.fakes.clock import FakeClock


@dataclass(frozen=True)
class Thing(Resource):
    """A host or a network of the fake world."""

    kind: ClassVar[str] = "host"
    immutable: ClassVar[frozenset[str]] = frozenset({"image"})
    disruptive: ClassVar[Mapping[str, Disruption]] = {"engine": Disruption.RESTART}
    image: str = "debian-13"
    labels: Mapping[str, str] = field(default_factory=dict)
    engine: str = "26.1.5"
    pool: str = field(default="", kw_only=True, compare=False)
    world: World = field(kw_only=True, compare=False, repr=False)

    def create(self) -> None:
        self.world.touch(f"create {self.key}")
        self.world.things[self.key] = self

    def update(self, old: Thing) -> None:
        self.world.touch(f"update {self.key}")
        self.world.things[self.key] = self

    def delete(self) -> None:
        self.world.touch(f"delete {self.key}")
        self.world.things.pop(self.key, None)


@dataclass(frozen=True)
class Overlay(Thing):
    """An overlay network: known only when a manager answers."""

    kind: ClassVar[str] = "network"


@dataclass
class World:
    """Everything outside: machines, the swarm, the lock; and switches for what may go wrong."""

    things: dict[str, Thing] = field(default_factory=dict)
    sizes: dict[str, int] = field(default_factory=dict)
    log: list[str] = field(default_factory=list)
    formed: bool = False
    healthy_after: int = 0  # how many looks at the status until it is healthy
    sick: str = ""  # the problem that never goes away
    held_by: LockInfo | None = None
    fails: frozenset[str] = frozenset()  # log lines that fail
    on: dict[str, Callable[[], None]] = field(default_factory=dict)  # called when that line is logged
    answers: dict[str, Result] = field(default_factory=dict)  # by hostname, or by the command's first word
    shell_code: int = 0
    networks: tuple[str, ...] = ()
    hidden: tuple[Thing, ...] = ()  # what is seen only when a manager answers
    outdated: tuple[Outdated, ...] = ()
    findings: tuple[Finding, ...] = ()  # of `doctor`
    trail: list[dict[str, Any]] = field(default_factory=list)
    leader: str = "managers-1"  # the end of its hostname
    built: bool = True  # whether the provider is
    states: dict[str, str] = field(default_factory=dict)  # by hostname, of machines that do not run
    hurt: dict[str, Fault] = field(default_factory=dict)  # by hostname, what was done to it

    def touch(self, line: str) -> None:
        """Remember that something was done to the world."""
        self.log.append(line)
        self.on.get(line, lambda: None)()
        if line in self.fails:
            raise BootstrapError("the cloud said no", where=line, fix="ask it again", code="refused")

    def open(self, path: Path, *, say: Callable[[str], None]) -> FakeSession:
        """`open_session` of this world."""
        return FakeSession(self, load(path), say)


def load(path: Path) -> Cluster:
    """A very small inventory reader: counts, bounds, hosts, protection."""
    if not path.exists():
        raise InvalidInventory([_problem(path, "E001", "file", "cannot read: No such file or directory")])
    raw = YAML(typ="safe").load(path.read_text(encoding="utf-8"))
    if "manger" in raw:
        unknown = _problem(path, "E021", "manger", "unknown key 'manger'")
        raise InvalidInventory([unknown, _problem(path, "E030", "managers", "there are no managers")])
    if raw["managers"].get("count", 3) % 2 == 0:
        raise InvalidInventory([_problem(path, "E031", "managers.count", "an even number gains nothing")])
    return Cluster(
        name=raw["cluster"],
        provider=raw.get("provider", "local"),
        managers=_pool("managers", Role.MANAGER, raw["managers"]),
        pools=tuple(_pool(name, Role.WORKER, one) for name, one in (raw.get("pools") or {}).items()),
        zones=("a", "b", "c"),
        protect=raw.get("protect", False),
        path=path,
    )


def _problem(path: Path, code: str, where: str, what: str) -> Problem:
    return Problem(str(path), 3, 1, code, "error", where, what, "mend it")


def _pool(name: str, role: Role, raw: Mapping[str, Any]) -> Pool:
    hosts = tuple(Host(address) for address in raw.get("hosts", ()))
    size = Size(raw["min"], raw["max"], raw["min"]) if "min" in raw else Size.of(raw.get("count", len(hosts)))
    return Pool(name, role, size, Docker(Packages.DISTRO), hosts=hosts)


@dataclass
class FakeSession(Elsewhere):
    """The session of a fake world; `apply` and `diff` are the real ones."""

    world: World
    cluster: Cluster
    say: Callable[[str], None]

    def plan_up(self) -> Plan:
        self._contact()
        unknown = () if self.world.formed else ("network", "swarm")
        return diff(self.cluster.name, self._desired(), self.world.things.values(), self.world.outdated, unknown)

    def plan_down(self) -> Plan:
        self._contact()
        return diff(self.cluster.name, [], self.world.things.values())

    def retire(self) -> None:
        self.world.touch("retire")

    def apply(self, plan: Plan, *, parallel: int) -> Iterator[Event]:
        return apply(plan, parallel=parallel, clock=lambda: 0.0)

    def wait_formed(self, timeout: float) -> Generator[Event, None, None]:
        self.world.touch(f"wait formed {timeout:.0f}")
        for step in ("boot", "engine", "joined"):
            yield from (NodeProgress(one.hostname, step, 2.1) for one in self.instances())
        self.world.formed = True
        self.world.things |= {one.key: one for one in self.world.hidden}

    def wait_healthy(
        self, timeout: float, seen: Callable[[dict[str, Any]], None], *, mend: bool = True
    ) -> Generator[Event, None, None]:
        self.world.touch(f"wait healthy {timeout:.0f}")
        if self.world.sick:
            raise BootstrapError(f"not healthy within {timeout:.0f} s", where=self.cluster.name, code="unhealthy")
        yield from (NodeProgress(one.hostname, "active", 4.0) for one in self.instances())
        while not (document := self.status())["healthy"]:
            pass  # it counts the looks until then
        seen(document)

    def status(self) -> dict[str, Any]:
        self._contact()
        self.world.healthy_after -= 1
        healthy = self.world.formed and not self.world.sick and self.world.healthy_after < 0
        problem = {"code": "no_cluster", "node": None, "message": self.world.sick or "not yet", "fix": "bootstrap up"}
        nodes = (
            [_node(number, one, self.world.leader) for number, one in enumerate(self.instances())]
            if self.world.formed
            else []
        )
        managers = sum(node["role"] == "manager" for node in nodes)
        return {
            "cluster": self.cluster.name, "provider": self.cluster.provider,
            "swarm_id": "s1" if self.world.formed else None, "epoch": 1 if self.world.formed else None,
            "healthy": healthy, "problems": [] if healthy else [problem],
            "quorum": {"managers": managers, "reachable": managers, "needed": managers // 2 + 1,
                       "can_lose": max(0, managers - managers // 2 - 1)},
            "zones": {zone: {"managers": 1, "workers": 0} for zone in self.cluster.zones}, "nodes": nodes,
            "unjoined": [], "outdated": [{"name": one.name, "why": one.why} for one in self.world.outdated],
            "tokens": {"rotated_at": None, "published_is_live": True}, "last_backup": None, "notes": [], "running": None,
        }  # fmt: skip

    def scripts(self) -> Mapping[str, str]:
        return {pool.name: f"#!/bin/sh\necho {pool.name}\n" for pool in self.cluster.groups}

    def instances(self) -> Sequence[Instance]:
        self._contact()
        hosts = sorted(one.name for one in self.world.things.values() if one.kind == "host")
        found = [_instance(self.cluster, number, name) for number, name in enumerate(hosts)]
        states, hurt = self.world.states, self.world.hurt
        return [replace(one, state=states.get(one.hostname, one.state), fault=hurt.get(one.hostname)) for one in found]

    def runner(self, instance: Instance) -> FakeRunner:
        return FakeRunner(self.world, instance.hostname)

    def way(self, instance: Instance) -> SshWay:
        return SshWay("root", instance.address, 22, f"ssh-ed25519 {instance.hostname}", Path("/keys/id"))

    def events(self) -> Sequence[Mapping[str, Any]]:
        return list(self.world.trail)

    def control(self) -> Mapping[str, Any] | None:
        return {"phase": "FORMED"} if self.world.formed else None

    def examine(self) -> Iterator[Finding]:
        return iter(self.world.findings)

    def shell(self, instance: Instance, argv: Sequence[str]) -> int:
        self.world.touch(f"shell {instance.hostname} {list(argv)}")
        return self.world.shell_code

    def set_size(self, pool: str, size: int) -> None:
        self.world.touch(f"size {pool} {size}")
        self.world.sizes[pool] = size

    def end_surge(self, *, parallel: int) -> Iterator[Event]:
        return iter(())

    def sizes(self) -> Mapping[str, int]:
        return {pool.name: self.world.sizes.get(pool.name, pool.size.desired) for pool in self.cluster.groups}

    @contextmanager
    def locked(self, what: str, timeout: float, node: str | None = None) -> Iterator[LockInfo]:
        self.world.touch(f"lock {what.split(maxsplit=1)[0]} {timeout:.0f}")
        if self.world.held_by is not None:
            holder = self.world.held_by
            told = f"locked by {holder.who} since {holder.since}: {holder.what} (id {holder.id})"
            raise LockedError(told, where=self.cluster.name, fix="wait, or --lock-timeout 5m", code="E110")
        try:
            yield LockInfo("me@here", what, "2026-01-01T00:00:00Z", "l1")
        finally:
            self.world.log.append("unlock")

    @contextmanager
    def noted(self, what: str) -> Iterator[Step]:
        yield (step := Step())
        if not step.idle:
            self.world.trail.append({"who": "me@here", "what": what, "outcome": "done"})

    def patience(self, timeout: float) -> Patience:
        return Patience(timeout, FakeClock(), self.cluster.name)

    @property
    def switch(self) -> Switch:
        return Switch(FakeClock(), lambda names: Plan(self.cluster.name), lambda plan: iter(()))

    def _contact(self) -> None:
        self.world.touch("look")
        if not self.world.built:
            raise BootstrapError(f"provider '{self.cluster.provider}' is not built yet in this version", code="not_yet")

    def _desired(self) -> list[Thing]:
        sizes = {pool.name: self.world.sizes.get(pool.name, pool.size.desired) for pool in self.cluster.groups}
        slots = [(pool, slot) for pool, size in sizes.items() for slot in range(1, size + 1)]
        hosts = [Thing(f"{self.cluster.name}-{pool}-{slot}", pool=pool, world=self.world) for pool, slot in slots]
        return [*hosts, *(Overlay(name, world=self.world) for name in self.world.networks)]


@dataclass
class FakeRunner:
    """Answers what the world says for the host or the command."""

    world: World
    hostname: str

    def run(self, argv: Sequence[str], *, stdin: str = "", timeout: float = 60.0) -> Result:
        self.world.touch(f"run {self.hostname} {list(argv)}")
        return self.world.answers.get(self.hostname) or self.world.answers.get(argv[0]) or Result(0, "ok\n")

    def stop(self) -> None:
        self.world.touch(f"stop {self.hostname}")


def _instance(cluster: Cluster, number: int, name: str) -> Instance:
    pool = name.removeprefix(f"{cluster.name}-").rsplit("-", 1)[0]
    role = Role.MANAGER if pool == "managers" else Role.WORKER
    address = f"10.91.0.{number + 11}"
    return Instance(f"i-{number:017x}", name, role, pool, "abc"[number % 3], address, "running", 12.0, "joined")


def _node(number: int, one: Instance, leader: str) -> dict[str, Any]:
    manager = one.role is Role.MANAGER
    return {
        "id": f"{number}node{number:020}", "hostname": one.hostname, "role": one.role.value, "pool": one.pool,
        "zone": one.zone, "instance": one.id, "address": one.address, "state": "ready", "availability": "active",
        "leader": one.hostname.endswith(leader), "reachability": "reachable" if manager else None, "engine": "26.1.5",
        "arch": "x86_64", "labels": {}, "hold": False,
        "machine": one.fault.word if one.fault else "off" if one.state == "stopped" else one.state,
    }  # fmt: skip
