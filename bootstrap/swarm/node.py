"""A swarm node that has to go: guarded by the agent, one manager at a time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Self

from bootstrap.model.resource import Resource
from bootstrap.remote.agent import Agent
from bootstrap.swarm.view import View

SETTLE_DEADLINE = 120.0  # seconds on top of the drain: demotion, the guard's window and the removal


@dataclass(frozen=True)
class Node(Resource):
    """A member of the swarm. Nodes join by themselves, so a plan only ever removes one."""

    kind: ClassVar[str] = "node"

    role: str
    id: str = field(compare=False, kw_only=True)
    drain: int = field(compare=False, repr=False, kw_only=True)  # seconds
    agent: Agent = field(compare=False, repr=False, kw_only=True)
    depends: tuple[str, ...] = field(default=(), compare=False, repr=False, kw_only=True)

    @property
    def after(self) -> tuple[str, ...]:
        """The host it runs on, and for a manager the one that goes next: quorum allows one change at a time."""
        return self.depends

    def create(self) -> None:
        """Nothing to do here: the machine joins by itself at boot."""

    def update(self, old: Self) -> None:
        """Nothing to do here: the leader's agent keeps labels and availability."""

    def delete(self) -> None:
        """Drain, wait until empty, demote, wait for the role, remove; refused where a quorum could be lost."""
        self.agent.call("remove", self.id, "--timeout", str(self.drain), timeout=self.drain + SETTLE_DEADLINE)


def leaving_nodes(view: View, hosts: Mapping[str, Resource], *, drain: int) -> list[Node]:
    """The nodes on `hosts` (by hostname: machines that are to be destroyed), managers chained one behind the other.

    A node goes after its group has the smaller size, so that the machine knows that it must not join again, and
    before its machine.
    """
    going = sorted(
        (node for node in view.nodes if node["hostname"] in hosts), key=lambda node: (node["role"], node["hostname"])
    )
    resources: list[Node] = []
    previous: tuple[str, ...] = ()
    for node in going:
        name = node["hostname"]
        chain = previous if node["role"] == "manager" else ()
        depends = (hosts[name].key, *hosts[name].after, *chain)
        one = Node(name, node["role"], id=node["id"], drain=drain, agent=view.agent, depends=depends)
        resources.append(one)
        if node["role"] == "manager":
            previous = (one.key,)
    return resources
