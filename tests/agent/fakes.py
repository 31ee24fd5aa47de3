"""A store, a metadata service and a clock that remember, and a cluster of agents made of them."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from bootstrap.agent import control as rules
from bootstrap.agent.context import Clock, Context, Paths
from bootstrap.agent.local import observe
from bootstrap.agent.metadata import Machine, MetadataUnavailable
from bootstrap.agent.reconcile import Reconciler
from bootstrap.agent.store import ABSENT, Control, Generation, StaleWrite, StoreUnavailable
from tests.agent.fake_engine import FakeEngine
from tests.agent.fake_swarm import World, copy_of

TIMERS = {"stable": 10, "dead": 20, "settle": 20, "takeover": 30}
SWARM = {
    "address_pool": "10.200.0.0/16",
    "subnet_size": 24,
    "data_path_port": 4789,
    "autolock": False,
    "cert_expiry": 360000,
}


def _nothing() -> None:
    """Nobody does anything."""


class FakeClock(Clock):
    """Time that only passes when somebody sleeps."""

    def __init__(self) -> None:
        self.time = 1000.0
        self.meanwhile: Callable[[], None] = _nothing  # what others do while somebody sleeps

    def now(self) -> float:
        return self.time

    def wall(self) -> float:
        return 1_767_225_600.0 + self.time  # from 2026-01-01, when the fake swarms are made

    def sleep(self, seconds: float) -> None:
        self.time += seconds
        self.meanwhile()


class MemoryStore:
    """One object and its secrets. `outcomes` decides how the next swaps end, then all is well.

    ok | stale | unknown_applied | unknown_lost | unavailable; `down` makes every call fail.
    """

    def __init__(self) -> None:
        self.control: Control = {}
        self.generation = 0
        self.secrets: dict[tuple[str, str], list[str]] = {}
        self.outcomes: deque[str] = deque()
        self.down = False
        self.history: list[Control] = []
        self.audit: list[dict[str, Any]] = []
        self.health: dict[str, dict[str, Any]] = {}

    def read(self) -> tuple[Control, Generation]:
        self._must_answer()
        return copy_of(self.control), self.generation or ABSENT

    def swap(self, control: Control, generation: Generation) -> Generation:
        self._must_answer()
        outcome = self.outcomes.popleft() if self.outcomes else "ok"
        if outcome in ("unknown_lost", "unavailable"):
            raise StoreUnavailable(outcome)
        if outcome == "stale" or generation != self.generation:
            raise StaleWrite
        self.control, self.generation = copy_of(control), self.generation + 1
        self.history.append(self.control)
        if outcome == "unknown_applied":
            raise StoreUnavailable(outcome)
        return self.generation

    def read_secret(self, role: str, name: str, version: str) -> str:
        self._must_answer()
        versions = self.secrets.get((role, name), [])
        if int(version) > len(versions):
            raise StoreUnavailable("no such version")
        return versions[int(version) - 1]

    def write_secret(self, role: str, name: str, value: str) -> str:
        self._must_answer()
        versions = self.secrets.setdefault((role, name), [])
        versions.append(value)
        return str(len(versions))

    def record(self, event: dict[str, Any]) -> None:
        self._must_answer()
        self.audit.append(copy_of(event))

    def events(self) -> list[dict[str, Any]]:
        self._must_answer()
        return sorted(copy_of(self.audit), key=lambda event: str(event["time"]))

    def beat(self, instance: str, facts: Mapping[str, Any]) -> None:
        self._must_answer()
        self.health[instance] = copy_of(facts)

    def beats(self) -> dict[str, dict[str, Any]]:
        self._must_answer()
        health: dict[str, dict[str, Any]] = copy_of(self.health)
        return health

    def forget_beat(self, instance: str) -> None:
        self._must_answer()
        self.health.pop(instance, None)

    def _must_answer(self) -> None:
        if self.down:
            raise StoreUnavailable("down")


class StoreView:
    """The shared store as one host reaches it, so that a test can stand between the two."""

    def __init__(self, store: MemoryStore) -> None:
        self._store = store

    def read(self) -> tuple[Control, Generation]:
        return self._store.read()

    def swap(self, control: Control, generation: Generation) -> Generation:
        return self._store.swap(control, generation)

    def read_secret(self, role: str, name: str, version: str) -> str:
        return self._store.read_secret(role, name, version)

    def write_secret(self, role: str, name: str, value: str) -> str:
        return self._store.write_secret(role, name, value)

    def record(self, event: dict[str, Any]) -> None:
        self._store.record(event)

    def events(self) -> list[dict[str, Any]]:
        return self._store.events()

    def beat(self, instance: str, facts: Mapping[str, Any]) -> None:
        self._store.beat(instance, facts)

    def beats(self) -> dict[str, dict[str, Any]]:
        return self._store.beats()

    def forget_beat(self, instance: str) -> None:
        self._store.forget_beat(instance)


class FakeMetadata:
    """The cloud's view, shared by all; `down` makes it say nothing."""

    def __init__(self, machines: dict[str, Machine], instance: str) -> None:
        self._machines, self._instance = machines, instance
        self.down = False

    def identity(self) -> Machine:
        if self.down or self._instance not in self._machines:
            raise MetadataUnavailable("down")
        return self._machines[self._instance]

    def machines(self) -> dict[str, Machine]:
        if self.down:
            raise MetadataUnavailable("down")
        return dict(self._machines)


class Host:
    """One machine: an engine, and the agent's context and process on it."""

    kind_of_view: type[StoreView] = StoreView

    def __init__(self, cluster: Cluster, machine: Machine, root: Path) -> None:
        self.instance = machine.instance
        self.engine = FakeEngine(cluster.world, machine.address, machine.instance)
        self.metadata = FakeMetadata(cluster.machines, machine.instance)
        config: dict[str, Any] = {
            "cluster": "prod",
            "role": machine.role,
            "pool": machine.pool,
            "swarm": SWARM,
            "daemon": {},
        }
        self.view = self.kind_of_view(cluster.store)
        self.context = Context(
            config, Paths(str(root)), self.engine, self.view, self.metadata, cluster.clock, random.Random(7)
        )
        self.engine.ca_file = self.place_of_ca()
        self.restart()

    def place_of_ca(self) -> Path:
        """Where the engine keeps the CA that it trusts."""
        return Path(self.context.swarm_dir) / "certificates" / "swarm-root-ca.crt"

    def restart(self) -> None:
        """The agent's process ends and begins anew; the engine goes on."""
        self.agent = Reconciler(self.context)

    @property
    def joined(self) -> bool:
        state = observe(self.context)
        return state.state == "active" and self.engine.home is not None


class Cluster:
    """A control object, its machines, and time."""

    kind_of_host: type[Host] = Host

    def __init__(self, root: Path, managers: int = 3, workers: int = 0) -> None:
        self.root, self.world, self.store, self.clock = root, World(), MemoryStore(), FakeClock()
        self.machines: dict[str, Machine] = {}
        self.hosts: dict[str, Host] = {}
        pools = {
            "managers": {"labels": {}, "availability": "active"},
            "web": {"labels": {"tier": "web"}, "availability": "active"},
        }
        self.store.swap(rules.new("uid-1", "prod", managers_target=managers, pools=pools, timers=TIMERS), ABSENT)
        for _ in range(managers):
            self.boot("manager")
        for _ in range(workers):
            self.boot("worker")

    def boot(self, role: str) -> Host:
        number = len(self.world.engines) + 1
        pool = "managers" if role == "manager" else "web"
        name = f"i-{number:02d}"
        machine = Machine(name, f"prod-{number}", role, pool, "a", f"10.91.0.{number}", "running", "prod", "uid-1")
        self.machines[name] = machine
        self.hosts[name] = self.kind_of_host(self, machine, self.root / name)
        return self.hosts[name]

    def say(self, instance: str, state: str) -> None:
        """What the cloud says of an instance from now on; "terminated" takes it off the list."""
        if state == "terminated":
            del self.machines[instance]
        else:
            self.machines[instance] = self.machines[instance]._replace(state=state)

    def speak(self) -> None:
        """The managers' agents say how they are, as they do all the time."""
        for host in self.hosts.values():
            if host.engine.up:
                host.agent._pulse.beat()

    def terminate(self, instance: str) -> None:
        self.hosts.pop(instance).engine.up = False
        self.say(instance, "terminated")

    def run(self, seconds: float, *, skip: tuple[str, ...] = ()) -> None:
        """Every agent ticks once in each 1.5 seconds."""
        end = self.clock.now() + seconds
        while self.clock.now() < end:
            for name, host in list(self.hosts.items()):
                if name not in skip and host.engine.up:
                    host.agent.tick()
            self.clock.sleep(1.5)

    @property
    def control(self) -> Control:
        return self.store.control

    @property
    def leader(self) -> Host:
        swarm = self.world.swarms[self.control["swarm_id"]]
        engine = self.world.engine_of(self.world.leader(swarm))
        assert engine is not None
        return self.hosts[engine.instance]

    def nodes(self) -> dict[str, dict[str, Any]]:
        """The swarm's node records by instance."""
        listed = self.leader.engine.nodes()
        return {one["Description"]["Hostname"]: one for one in listed}
