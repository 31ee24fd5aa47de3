"""The compose stacks of the inventory."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from typing import ClassVar, Self

from bootstrap.model.cluster import Cluster, Stack
from bootstrap.model.resource import Resource
from bootstrap.remote.agent import Agent
from bootstrap.swarm.view import View

DEPLOY_DEADLINE = 360.0  # seconds: the agent gives `docker stack deploy` 300, and then cleans up


@dataclass(frozen=True)
class SwarmStack(Resource):
    """A stack as its files and variables make it; `live` is False when its services were changed by hand."""

    kind: ClassVar[str] = "stack"
    digests: ClassVar[frozenset[str]] = frozenset({"hash"})

    hash: str | None
    live: bool
    stack: Stack | None = field(compare=False, repr=False, kw_only=True)
    agent: Agent = field(compare=False, repr=False, kw_only=True)
    networks: tuple[str, ...] = field(default=(), compare=False, repr=False, kw_only=True)

    @property
    def after(self) -> tuple[str, ...]:
        """Every network of the file: a stack may use it as external."""
        return self.networks

    def create(self) -> None:
        """`docker stack deploy` on a manager."""
        if self.stack is None:
            raise AssertionError(self.name)
        files = [{"path": path, "text": text} for path, text in self.stack.files]
        document = {"files": files, "env": dict(self.stack.env), "hash": self.hash}
        self.agent.call("stack-deploy", self.name, document=document, timeout=DEPLOY_DEADLINE)

    def update(self, old: Self) -> None:
        """Deploying again converges on the files."""
        del old
        self.create()

    def delete(self) -> None:
        """Remove its services, configs and networks."""
        self.agent.call("stack-remove", self.name, timeout=DEPLOY_DEADLINE)


def stack_hash(stack: Stack) -> str:
    """What a stack is deployed from, in 16 hex digits."""
    parts = json.dumps([stack.files, dict(stack.env)], sort_keys=True)
    return hashlib.sha256(parts.encode()).hexdigest()[:16]


def existing_stacks(cluster: Cluster, view: View) -> list[SwarmStack]:
    """Those that we deployed, and any other that has a name of the file."""
    wanted = {one.name: one for one in cluster.stacks}
    networks = tuple(f"network/{one['name']}" for one in view.networks)  # a stack goes before the networks it may use
    return [
        SwarmStack(
            one["name"],
            one["hash"],
            one["live"],
            stack=wanted.get(one["name"]),
            agent=view.agent,
            networks=networks,
        )
        for one in view.stacks
        if one["ours"] or one["name"] in wanted
    ]


def desired_stacks(cluster: Cluster, view: View) -> list[SwarmStack]:
    """The file's, after its networks."""
    networks = tuple(f"network/{one.name}" for one in cluster.networks)
    return [
        SwarmStack(one.name, stack_hash(one), True, stack=one, agent=view.agent, networks=networks)
        for one in cluster.stacks
    ]
