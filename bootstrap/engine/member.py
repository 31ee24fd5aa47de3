"""One member of a cluster: a node of the swarm, a machine, or both; and waiting until such ones are in service."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bootstrap.checkpoint import reach
from bootstrap.engine import hindrance
from bootstrap.engine.events import Event
from bootstrap.engine.progress import step
from bootstrap.engine.ready import POLL, Patience
from bootstrap.engine.switch import Switch
from bootstrap.errors import BootstrapError
from bootstrap.model.naming import LABEL_POOL
from bootstrap.providers.base import Instance

Node = Mapping[str, Any]  # an entry of the status document


@dataclass(frozen=True)
class Member:
    """`node` is None for a machine that never joined, `instance` for an entry whose machine is gone or not ours.

    Both are None for the place of a machine that is to be made: then `place` is its hostname.
    """

    node: Node | None
    instance: Instance | None
    place: str = ""

    @property
    def name(self) -> str:
        """Its hostname."""
        return str(self.instance.hostname if self.instance else (self.node or {}).get("hostname", self.place))

    @property
    def manager(self) -> bool:
        """Whether it holds a manager's place, by its machine or else by its role."""
        return str(self.instance.role if self.instance else (self.node or {}).get("role")) == "manager"

    @property
    def works(self) -> bool:
        """Whether the swarm counts on it now."""
        return (
            self.node is not None and answers(self.node) and (self.instance is None or self.instance.state != "stopped")
        )


def answers(node: Node) -> bool:
    """Ready, and a manager reachable as well."""
    return node["state"] == "ready" and node["reachability"] in {None, "reachable"}


def wait_in_service(
    status: Callable[[], dict[str, Any]],
    instances: Callable[[], Sequence[Instance]],
    names: Collection[str],
    patience: Patience,
    switch: Switch,
) -> Iterator[Event]:
    """Until the machines of these hostnames are nodes that answer; BootstrapError when the time is over, or in vain.

    Those that go off meanwhile are switched on, and no others.
    """
    progress = patience.begin()
    while True:
        reach("wait.service")
        every = instances()
        machines = {one.hostname: one for one in every if one.hostname in names}
        document = status()
        nodes = {node["instance"]: node for node in document["nodes"] if answers(node)}
        in_service = {name for name, one in machines.items() if serves(one, nodes.get(one.id))}
        yield from progress.of({name: "active" if name in in_service else step(one) for name, one in machines.items()})
        late = sorted(set(names) - in_service)
        if not late:
            return
        found = [machines[name] for name in late if name in machines]
        settled, lost = progress.settled(found), progress.lost(document["problems"])
        hopeless = hindrance.in_quorum(document, every, lost)
        if len(found) == len(late):
            hopeless = hopeless or hindrance.in_service(document, found, settled)
        if hopeless:
            raise hopeless.error(patience.cluster, patience.again, "unhealthy")
        yield from switch.look(list(machines.values()))
        yield from progress.why(_waiting(document, late), list(machines.values()))
        if patience.over(progress):
            raise BootstrapError(
                f"not in service within {patience.timeout:.0f} s",
                where=", ".join(late),
                fix=f"see `bootstrap logs FILE {late[0]}`; `{patience.again}` goes on from here",
                code="unhealthy",
            )
        patience.clock.sleep(POLL)


def _waiting(document: Node, late: Sequence[str]) -> list[Node]:
    """For whom is waited: what `status` says of them, or else that they are not there yet."""
    told = [one for one in document["problems"] if one["node"] in late]
    return told or [{"code": "late", "node": name, "message": "it is not in service yet"} for name in late]


def serves(machine: Instance, node: Node | None) -> bool:
    """Whether the node is there in the role that its machine is for, and does not stay drained as newcomers are."""
    return (
        node is not None
        and machine.state == "running"
        and node["role"] == str(machine.role)
        and (node["availability"] != "drain" or LABEL_POOL in node["labels"])
    )
