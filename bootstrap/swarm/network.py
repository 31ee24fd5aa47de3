"""The overlay networks of the inventory."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar, Self

from bootstrap.model.cluster import Cluster
from bootstrap.model.resource import Resource
from bootstrap.remote.agent import Agent
from bootstrap.swarm.view import View


@dataclass(frozen=True)
class SwarmNetwork(Resource):
    """An overlay network; swarm cannot change one in place."""

    kind: ClassVar[str] = "network"
    immutable: ClassVar[frozenset[str]] = frozenset({"encrypted", "attachable", "internal", "subnet"})

    encrypted: bool
    attachable: bool
    internal: bool
    subnet: str | None
    agent: Agent = field(compare=False, repr=False, kw_only=True)

    def create(self) -> None:
        """Make it on the swarm."""
        wanted = {
            "name": self.name,
            "encrypted": self.encrypted,
            "attachable": self.attachable,
            "internal": self.internal,
            "subnet": self.subnet,
        }
        self.agent.call("network-create", document=wanted)

    def update(self, old: Self) -> None:
        """Never called: every field is immutable."""
        raise AssertionError(old)

    def delete(self) -> None:
        """Remove it; swarm refuses while a service uses it, and says which."""
        self.agent.call("network-remove", self.name)


def existing_networks(cluster: Cluster, view: View) -> list[SwarmNetwork]:
    """Ours, and any other that has a name of the file: a network made by hand under that name is compared too."""
    wanted = {one.name for one in cluster.networks}
    return [
        SwarmNetwork(one["name"], one["encrypted"], one["attachable"], one["internal"], one["subnet"], agent=view.agent)
        for one in view.networks
        if one["ours"] or one["name"] in wanted
    ]


def desired_networks(cluster: Cluster, view: View) -> list[SwarmNetwork]:
    """The file's; where it leaves the subnet open, the one that swarm chose is right."""
    chosen = {one["name"]: one["subnet"] for one in view.networks}
    return [
        SwarmNetwork(
            one.name,
            one.encrypted,
            one.attachable,
            one.internal,
            one.subnet or chosen.get(one.name),
            agent=view.agent,
        )
        for one in cluster.networks
    ]
