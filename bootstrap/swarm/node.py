"""A swarm node that has to go: guarded by the agent, one manager at a time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Self

from bootstrap.errors import BootstrapError
from bootstrap.model.cluster import Cluster
from bootstrap.model.naming import LABEL_POOL
from bootstrap.model.resource import Resource
from bootstrap.providers.base import Instance
from bootstrap.remote.agent import Agent
from bootstrap.swarm.view import View

DEMOTION = 90.0  # seconds on top of the drain and the guard's own windows


@dataclass(frozen=True)
class Node(Resource):
    """A member of the swarm. Nodes join by themselves, so a plan only ever removes one."""

    kind: ClassVar[str] = "node"

    role: str
    id: str = field(compare=False, kw_only=True)
    pool: str = field(compare=False, kw_only=True)
    host: str = field(default="", compare=False, kw_only=True)  # the machine it runs on, where that is known
    drain: int = field(compare=False, repr=False, kw_only=True)  # seconds
    margin: float = field(compare=False, repr=False, kw_only=True)  # seconds that the agent may need beyond the drain
    agent: Agent = field(compare=False, repr=False, kw_only=True)
    say: Callable[[str], None] = field(compare=False, repr=False, kw_only=True)
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
        if self.host == self.agent.where:
            raise BootstrapError(
                "no other manager answers, and no node removes itself",
                where=self.host,
                fix="see `bootstrap status` for what is wrong with the others; then run the same command again",
                code="guard",
            )
        arguments = ("remove", self.id, "--timeout", str(self.drain))
        answer = self.agent.call(*arguments, timeout=self.drain + self.margin)
        if answer.get("emptied") is False:
            self.say(f"{self.name}: its tasks did not end within {self.drain} s; it was removed with them")


@dataclass(frozen=True)
class Leaving:
    """A machine that is to be destroyed: its resource, and the instance whose node has to go before it."""

    host: Resource
    instance: Instance | None


def leaving(
    desired: Iterable[Resource], existing: Iterable[Resource], instances: Iterable[Instance]
) -> dict[str, Leaving]:
    """Machines that are to go, by hostname, where machines are resources; a cloud's groups have only marked ones.

    One that is marked as leaving goes although there is to be a machine of that name: a new one.
    """
    stay = {one.key for one in desired}
    known = {one.hostname: one for one in instances}
    gone = (one for one in existing if one.kind == "host" and (one.key not in stay or getattr(one, "leaving", False)))
    return {host.name: Leaving(host, known.get(host.name)) for host in gone}


def leaving_nodes(
    cluster: Cluster, view: View, hosts: Mapping[str, Leaving], say: Callable[[str], None], behind: tuple[str, ...] = ()
) -> list[Node]:
    """The nodes of these machines, by instance id, managers chained one behind the other and `behind` other changes.

    A node goes after its group has the smaller size, so that the machine knows that it must not join again, and
    before its machine. A machine that left and joined again has several node objects; all of them go.
    Where no manager that stays answers, the one that did is one that goes: the last in the chain, which is refused.
    """
    by_id = {one.instance.id: one for one in hosts.values() if one.instance}
    going = [(node, by_id[node["instance"]]) for node in view.nodes if node["instance"] in by_id]
    own = view.agent.where
    going.sort(  # what is further behind goes earlier
        key=lambda pair: (pair[0]["role"], pair[1].host.name != own, pair[0]["hostname"], pair[0]["id"])
    )
    names = Counter(machine.host.name for _, machine in going)
    resources: list[Node] = []
    previous: tuple[str, ...] = ()
    for node, machine in going:
        pool = machine.instance.pool if machine.instance else ""
        chain = previous if node["role"] == "manager" else ()
        one = Node(
            machine.host.name if names[machine.host.name] == 1 else f"{machine.host.name}.{node['id'][:12]}",
            node["role"],
            id=node["id"],
            pool=pool,
            host=machine.host.name,
            drain=(cluster.pool(pool) or cluster.managers).timeouts.drain,
            margin=_margin(view),
            agent=view.agent,
            say=say,
            depends=(machine.host.key, *machine.host.after, *behind, *chain),
        )
        resources.append(one)
        if node["role"] == "manager":
            previous = (one.key,)
    return resources


def single_node(cluster: Cluster, view: View, node: Mapping[str, Any], say: Callable[[str], None]) -> Node:
    """One entry by itself: its machine is gone, or was never ours."""
    drain = (cluster.pool(node["labels"].get(LABEL_POOL, "")) or cluster.managers).timeouts.drain
    settings: dict[str, Any] = {"drain": drain, "margin": _margin(view), "agent": view.agent, "say": say}
    return Node(node["hostname"] or node["id"], node["role"], id=node["id"], pool="", **settings)


def _margin(view: View) -> float:
    """The guard's windows: the leader must have settled, and health be stable before and after."""
    timers = (view.document.get("control") or {}).get("timers") or {}
    return DEMOTION + float(timers.get("settle", 120)) + 2 * float(timers.get("stable", 60))


def refuse_moves(desired: Iterable[Resource], existing: Iterable[Resource], hosts: Mapping[str, Leaving]) -> None:
    """BootstrapError where a manager goes while another is to come: without a surge the guard would bar it for ever."""
    there, wanted = {one.key for one in existing}, {one.key for one in desired}
    coming = [one.name for one in desired if one.kind == "host" and one.key not in there and is_manager(one)]
    going = [name for name, one in hosts.items() if is_manager(one.host) and one.host.key not in wanted]
    if coming and going:
        raise BootstrapError(
            f"managers would move: {', '.join(going)} would go and {', '.join(coming)} come",
            where="managers",
            fix="this version cannot move a manager to another zone; grow the managers by two first, then remove the zone",
            code="manager_move",
        )


def is_manager(host: Resource) -> bool:
    """Whether a host resource is a manager's."""
    return getattr(host, "role", "") == "manager"
