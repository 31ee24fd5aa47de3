"""The swarm as one manager tells it: found by asking managers in turn."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from bootstrap.errors import BootstrapError
from bootstrap.model.cluster import Role
from bootstrap.providers.base import Instance, Provider
from bootstrap.remote.agent import Agent


@dataclass(frozen=True)
class View:
    """One manager's answer: its status document (`swarm` is not null) and the agent that gave it."""

    document: Mapping[str, Any]
    agent: Agent = field(compare=False)

    @property
    def nodes(self) -> list[dict[str, Any]]:
        """Every node object of the swarm, ghosts included."""
        return list(self.document["swarm"]["nodes"])

    @property
    def networks(self) -> list[dict[str, Any]]:
        """Every overlay network that a user could have made."""
        return list(self.document["swarm"]["networks"])

    @property
    def stacks(self) -> list[dict[str, Any]]:
        """Every stack, with the hash of what it was deployed from where we deployed it."""
        return list(self.document["swarm"]["stacks"])


def observe(provider: Provider, *, leaving: Collection[str] = ()) -> View | None:
    """Ask the running managers until one has a quorum; those on hosts in `leaving` only as the last resort."""
    return first_answer(
        Agent(provider.runner(manager), manager.hostname) for manager in managers(provider.instances(), leaving)
    )


def managers(instances: Iterable[Instance], leaving: Collection[str] = ()) -> list[Instance]:
    """The managers that can be asked, those that stay first."""
    able = (one for one in instances if one.role is Role.MANAGER and one.state in {"running", "terminating"})
    return sorted(able, key=lambda one: (one.hostname in leaving or one.state == "terminating", one.hostname))


def first_answer(agents: Iterable[Agent]) -> View | None:
    """The first agent that is in a swarm with a quorum; silence and errors are no answer."""
    for agent in agents:
        try:
            document = agent.status()
        except BootstrapError:
            continue
        if document.get("swarm"):
            return View(document, agent)
    return None
