"""A cluster in memory that is up, for what is done to one."""

from __future__ import annotations

from bootstrap.engine.session import Session
from bootstrap.model.cluster import Size
from tests.fakes.cluster import cluster, pool
from tests.fakes.provider import FakeProvider, World


class Tick:
    """A clock that sleeping moves on, and nothing else."""

    def __init__(self) -> None:
        self.time = 0.0

    def now(self) -> float:
        """Seconds."""
        return self.time

    def sleep(self, seconds: float) -> None:
        """Take that long."""
        self.time += seconds


def formed(managers: int = 3, **pools: Size) -> tuple[Session, World]:
    """A session over a cluster that is up and healthy, and the world it is in."""
    made = cluster(*(pool(name, size) for name, size in pools.items()), managers=managers)
    world = World()
    one = Session(made, FakeProvider(made, world), Tick(), say=lambda text: None)
    list(one.apply(one.plan_up()))
    assert one.status()["healthy"]
    return one, world


def actions(one: Session) -> list[tuple[str, str]]:
    """(action, key) of what `up` would do, sorted."""
    return sorted((str(change.action), change.resource.key) for change in one.plan_up().changes)
