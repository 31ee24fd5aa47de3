"""The settings of running engines: what each has stands in the swarm's own node list, as a label of its engine."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, ClassVar, Self

from bootstrap.errors import BootstrapError
from bootstrap.model.cluster import Cluster
from bootstrap.model.resource import Disruption, Outdated, Resource
from bootstrap.providers.base import Instance, Provider
from bootstrap.remote.agent import Agent
from bootstrap.swarm.view import View, observe

RESTART = 300.0  # seconds that an engine may need to stop, start, and be a member again
READY = 60.0  # seconds until the managers see it with its new settings
POLL = 0.5


@dataclass(frozen=True)
class NodeSettings(Resource):
    """One node's engine and the settings that it runs with; a change restarts it."""

    kind: ClassVar[str] = "node"
    disruptive: ClassVar[Mapping[str, Disruption]] = {"daemon": Disruption.RESTART}

    daemon: Mapping[str, Any] = field(metadata={"by_key": True})
    id: str = field(compare=False, repr=False, kw_only=True)
    agent: Agent = field(compare=False, repr=False, kw_only=True)
    look: Callable[[], Sequence[Mapping[str, Any]]] = field(compare=False, repr=False, kw_only=True)
    patience: float = field(compare=False, repr=False, kw_only=True)  # seconds until it is a manager's turn
    depends: tuple[str, ...] = field(default=(), compare=False, repr=False, kw_only=True)
    sleep: Callable[[float], None] = field(default=time.sleep, compare=False, repr=False, kw_only=True)

    @property
    def after(self) -> tuple[str, ...]:
        """What else `up` does inside the swarm, and the node before this one: one engine at a time, the leader last."""
        return self.depends

    def create(self) -> None:
        """Nothing to do here: a machine boots with its settings."""

    def update(self, old: Self) -> None:
        """Hand them to the node, which restarts its engine or takes them back; return when the managers see it so."""
        del old
        self.agent.call(
            "configure", "--timeout", str(self.patience), document={"daemon": self.daemon},
            timeout=self.patience + 2 * RESTART,
        )  # fmt: skip
        for _ in range(round(READY / POLL)):
            if self._is_seen():
                return
            self.sleep(POLL)
        raise BootstrapError(
            "its engine was restarted and is not ready again",
            where=self.name,
            fix="see `bootstrap status`",
            code="not_ready",
        )

    def delete(self) -> None:
        """Never called: settings do not go without their node."""
        raise AssertionError(self.name)

    def _is_seen(self) -> bool:
        """Ready and with its new settings, for a manager that answers; the one asked may be the one restarted."""
        node = next((one for one in self.look() if one["id"] == self.id), None)
        return node is not None and node["state"] == "ready" and settings_of(node) == self.daemon


def changed_settings(
    cluster: Cluster, view: View, provider: Provider, instances: Sequence[Instance], leaving: Collection[str]
) -> tuple[list[NodeSettings], list[NodeSettings]]:
    """(wanted, found) of the nodes whose engines run with other settings than the file's: workers first, the leader last.

    A node that is off or not ready, or whose engine was started by an older agent and does not say, waits for another
    `up`.
    """
    behind = tuple(f"network/{one.name}" for one in cluster.networks) + tuple(
        f"stack/{one.name}" for one in cluster.stacks
    )
    wanted: list[NodeSettings] = []
    found: list[NodeSettings] = []
    for machine, node, want in _differing(cluster, view, instances, leaving):
        if machine.hostname in {one.name for one in wanted}:
            continue
        made = NodeSettings(
            machine.hostname,
            want,
            id=node["id"],
            agent=Agent(provider.runner(machine), machine.hostname),
            look=partial(_nodes, provider, instances),
            patience=_patience(view),
            depends=(*behind, *(one.key for one in wanted[-1:])),
        )
        wanted.append(made)
        found.append(replace(made, daemon=settings_of(node)))
    return wanted, found


def outdated_settings(cluster: Cluster, view: View, instances: Sequence[Instance]) -> list[Outdated]:
    """The same for people who only look: whose engine runs with other settings than the file's."""
    why = "its engine runs with other settings than the inventory says; `bootstrap up` changes them"
    names = {machine.hostname for machine, _, _ in _differing(cluster, view, instances, ())}
    return [Outdated(name, why) for name in sorted(names)]


def _differing(
    cluster: Cluster, view: View, instances: Sequence[Instance], leaving: Collection[str]
) -> Iterator[tuple[Instance, Mapping[str, Any], dict[str, Any]]]:
    """(machine, its node, what the file wants) in the order in which they are to be changed."""
    on = (one for one in instances if one.state == "running")  # the managers notice a bit later that one is off
    known = {one.id: one for one in on if one.hostname not in leaving}
    able = [one for one in view.nodes if one["instance"] in known and one["state"] == "ready" and one.get("daemon")]
    able.sort(key=lambda one: (one["role"] == "manager", bool(one["leader"]), one["hostname"], one["id"]))
    for node in able:
        machine = known[node["instance"]]
        want = _wish(cluster, machine)
        if want is not None and want != settings_of(node):
            yield machine, node, want


def settings_of(node: Mapping[str, Any]) -> dict[str, Any]:
    """What its engine says that it runs with; nothing where that is no JSON."""
    try:
        said = json.loads(node.get("daemon") or "{}")
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}


def _wish(cluster: Cluster, machine: Instance) -> dict[str, Any] | None:
    """What the file wants, in the form that it has after its way through JSON."""
    pool = cluster.pool(machine.pool)
    wish: dict[str, Any] | None = None if pool is None else json.loads(json.dumps(dict(pool.docker.daemon)))
    return wish


def _nodes(provider: Provider, instances: Sequence[Instance]) -> Sequence[Mapping[str, Any]]:
    view = observe(provider, provider.control(), instances)
    return view.nodes if isinstance(view, View) else ()


def _patience(view: View) -> float:
    """How long a manager may wait for its turn: the one before it has to be stable first."""
    timers = (view.document.get("control") or {}).get("timers") or {}
    return 60.0 + 4 * float(timers.get("stable", 60))
