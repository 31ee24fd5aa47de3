"""A cluster in memory that is up, for what is done to one."""

from __future__ import annotations

from bootstrap.engine.session import Session
from bootstrap.model.cluster import Size
from tests.fakes.clock import FakeClock
from tests.fakes.cluster import cluster, pool
from tests.fakes.provider import FakeProvider, World


def formed(managers: int = 3, **pools: Size) -> tuple[Session, World]:
    """A session over a cluster that is up and healthy, and the world it is in."""
    made = cluster(*(pool(name, size) for name, size in pools.items()), managers=managers)
    world = World()
    one = Session(made, FakeProvider(made, world), FakeClock(), say=lambda text: None)
    list(one.apply(one.plan_up()))
    assert one.status()["healthy"]
    return one, world


def actions(one: Session) -> list[tuple[str, str]]:
    """(action, key) of what `up` would do, sorted."""
    return sorted((str(change.action), change.resource.key) for change in one.plan_up().changes)
