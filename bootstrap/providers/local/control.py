"""The control object: made EMPTY before any machine exists, then only swapped."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Self

from bootstrap.agent.control import DESTROYED, new, swap
from bootstrap.agent.errors import AgentError
from bootstrap.agent.store import ABSENT
from bootstrap.agent.store.directory import DirectoryStore
from bootstrap.checkpoint import reach
from bootstrap.errors import BootstrapError
from bootstrap.lab import paths, records
from bootstrap.model.cluster import Cluster
from bootstrap.model.resource import Resource

TIMERS = {
    "stable": 10,
    "dead": 20,
    "settle": 20,
    "takeover": 30,
}  # seconds; short ones: on one machine nothing is far away
PARTS = {"control": 0o755, "worker": 0o700, "manager": 0o700, "audit": 0o700, "health": 0o700}


@dataclass(frozen=True)
class Control(Resource):
    """What the file says and the nodes must know: how many managers, and each pool's labels and availability."""

    kind: ClassVar[str] = "control"

    managers_target: int
    pools: Mapping[str, Any]
    timers: Mapping[str, int] = field(default_factory=lambda: dict(TIMERS))
    rotate_every: int | None = None  # seconds between two rotations of the join tokens; None: never
    surge: Mapping[str, Any] | None = None  # the manager that is being replaced, while there is one more for it

    @property
    def after(self) -> tuple[str, ...]:
        """The fabric: its folder holds the store, its record the cluster's uid."""
        return (f"fabric/{self.name}",)

    def create(self) -> None:
        """Write EMPTY; refused where machines exist, because then a cluster was here and its object is lost."""
        folder = paths.cluster_dir(self.name)
        fabric = records.load_fabric(folder)
        if fabric is None or records.load_hosts(folder):
            raise BootstrapError(
                "hosts exist but their control object is gone",
                where=self.name,
                fix="a new one could make a second cluster; `bootstrap down` and `bootstrap up` start afresh",
                code="E113",
            )
        make_store(store_dir(self.name))
        reach("control.folders")
        empty = new(fabric.uid, self.name, managers_target=self.managers_target, pools={}, timers={})
        with told(self.name):
            open_store(self.name).swap(
                {**empty, **self._wanted(), "updated_by": "cli", "updated_at": records.now()}, ABSENT
            )

    def update(self, old: Self) -> None:
        """Swap in the new targets; the nodes write too, so a lost race is tried again."""
        del old
        change(self.name, lambda current: {**current, **self._wanted()})

    def delete(self) -> None:
        """Remove the store, all at once: a half-removed one would hold an older object than the last."""
        gone = paths.cluster_dir(self.name) / "store.gone"
        records.remove(gone)
        reach("control.going")
        with suppress(FileNotFoundError):
            store_dir(self.name).rename(gone)
            reach("control.aside")
        records.remove(gone)

    def _wanted(self) -> dict[str, Any]:
        return {
            "managers_target": self.managers_target,
            "pools": dict(self.pools),
            "timers": dict(self.timers),
            "rotate_every": self.rotate_every,
            "surge": None if self.surge is None else dict(self.surge),
        }


def wanted_control(cluster: Cluster, surge: Mapping[str, Any] | None = None) -> Control:
    """What the file asks for; with a surge there is a seat for one manager more."""
    pools = {
        pool.name: {"labels": dict(pool.labels), "availability": str(pool.availability)} for pool in cluster.groups
    }
    target = cluster.managers.size.desired + (surge is not None)
    return Control(cluster.name, target, pools, rotate_every=cluster.rotate_every, surge=surge)


def existing_control(cluster: str) -> list[Control]:
    """What the store holds."""
    try:
        current = read(cluster)
    except BootstrapError:
        return [Control(cluster, 0, {}, {})]  # there is one, whatever it says: `up` is told why, `down` removes it
    if current is None:
        return []
    more = {"rotate_every": current.get("rotate_every"), "surge": current.get("surge")}
    return [Control(cluster, current["managers_target"], current["pools"], current["timers"], **more)]


def read(cluster: str) -> dict[str, Any] | None:
    """The control object as it stands, or None."""
    if not store_dir(cluster).is_dir():
        return None
    with told(cluster):
        return open_store(cluster).read()[0] or None


def change(cluster: str, how: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    """Swap the control object for `how` of it, however often that takes."""
    with told(cluster):
        swap(open_store(cluster), how, by="cli")


@contextmanager
def told(cluster: str, what: str = "the control object") -> Iterator[None]:
    """The store's errors in our words."""
    try:
        yield
    except AgentError as error:
        raise BootstrapError(
            f"{what}: {error}",
            where=cluster,
            fix="run the command again; if it stays, look at the disk of this machine",
            code=error.code,
        ) from error


def retire(cluster: str) -> None:
    """The tombstone: what is half taken down is never taken for a cluster. An object that nobody can read is none."""
    with suppress(BootstrapError):
        if read(cluster) is not None:
            change(cluster, lambda current: {**current, "phase": DESTROYED})


def set_upkeep(cluster: str, on: bool) -> None:
    """Tell the leader whether it may look after the cluster by itself."""
    if read(cluster) is None:
        raise BootstrapError("there is no such cluster yet", where=cluster, fix="run `bootstrap up`", code="no_cluster")
    change(cluster, lambda current: {**current, "reconcile": on})


def store_dir(cluster: str) -> Path:
    """The folder that is bound into the hosts."""
    return paths.cluster_dir(cluster) / "store"


def open_store(cluster: str) -> DirectoryStore:
    """The store as the agents see it."""
    return DirectoryStore(str(store_dir(cluster)))


def make_store(folder: Path) -> None:
    """Its parts; agents are root in their hosts, and nobody else on this machine is to read a token."""
    for part, mode in PARTS.items():
        (folder / part).mkdir(parents=True, exist_ok=True)
        (folder / part).chmod(mode)
