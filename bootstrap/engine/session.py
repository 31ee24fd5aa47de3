"""A cluster opened for work: what every verb of the command line is made of."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bootstrap import inventory
from bootstrap.engine.apply import apply
from bootstrap.engine.clock import Clock, SystemClock
from bootstrap.engine.diff import diff
from bootstrap.engine.events import Event
from bootstrap.engine.ready import wait_formed, wait_healthy
from bootstrap.engine.status import status_document
from bootstrap.errors import BootstrapError
from bootstrap.model.cluster import Cluster
from bootstrap.model.resource import Plan, Resource
from bootstrap.providers import open_provider
from bootstrap.providers.base import Instance, LockInfo, Provider
from bootstrap.remote.runner import Runner
from bootstrap.swarm.network import desired_networks, existing_networks
from bootstrap.swarm.node import Leaving, leaving, leaving_nodes, refuse_moves
from bootstrap.swarm.stack import desired_stacks, existing_stacks
from bootstrap.swarm.view import Silence, View, observe


def open_session(path: Path, *, say: Callable[[str], None]) -> Session:
    """Load and check the inventory, and open its provider; nothing is contacted yet."""
    cluster = inventory.load(path)
    return Session(cluster, open_provider(cluster, say), say=say)


@dataclass(frozen=True)
class Session:
    """One inventory with its provider. Methods read the world afresh; only `apply` and `set_size` change it."""

    cluster: Cluster
    provider: Provider
    clock: Clock = field(default_factory=SystemClock)
    say: Callable[[str], None] = field(default=print, compare=False, repr=False)

    def plan_up(self) -> Plan:
        """What `up` would do. What lives inside the swarm is `unknown` while no manager answers."""
        control = self.provider.control()
        self._must_not_be_going(control)
        desired, existing = list(self.provider.desired()), list(self.provider.existing())
        instances = self.provider.instances()
        hosts = leaving(desired, existing, instances)
        refuse_moves(desired, existing, hosts)
        view = observe(self.provider, control, instances, leaving=hosts) if existing else Silence()
        if isinstance(view, View):
            desired += self._swarm_desired(view)
            existing += self._swarm_existing(view, hosts)
        else:  # a machine that may be a member is not taken away blindly: it waits until a manager answers
            existing = [one for one in existing if one.kind != "host" or one.name not in hosts]
        return diff(
            self.cluster.name,
            desired,
            existing,
            outdated=[one for one in self.provider.outdated() if one.name not in hosts],
            unknown=() if isinstance(view, View) else self._swarm_kinds(bool(existing)),
        )

    def plan_down(self) -> Plan:
        """Everything that is exactly this cluster's, deleted; the swarm inside goes with its machines."""
        return diff(self.cluster.name, [], self.provider.existing())

    def retire(self) -> None:
        """The point of no return of `down`: nothing joins any more, and `up` refuses until `down` has ended."""
        self.provider.retire()

    def apply(self, plan: Plan, *, parallel: int = 8) -> Iterator[Event]:
        """Carry it out as far as it goes; events tell each step, the end raises what failed."""
        return apply(plan, parallel=parallel)

    def wait_formed(self, timeout: float) -> Iterator[Event]:
        """Wait until a manager answers with a quorum; machines tell how far they are."""
        return wait_formed(self.provider, timeout, self.clock)

    def wait_healthy(self, timeout: float) -> Iterator[Event]:
        """Wait until `status` says healthy; the last problems are the error where it does not."""
        return wait_healthy(self.status, self.provider.instances, timeout, self.clock)

    def status(self) -> dict[str, Any]:
        """The status document (docs/output.md)."""
        control, instances = self.provider.control(), self.provider.instances()
        view = observe(self.provider, control, instances) if control else Silence()
        drift = Plan(self.cluster.name)
        if isinstance(view, View):
            drift = diff(self.cluster.name, self._swarm_desired(view), self._swarm_existing(view, {}))
        return status_document(
            self.cluster,
            instances=instances,
            sizes=self.provider.sizes(),
            control=control,
            view=view,
            outdated=list(self.provider.outdated()),
            drift=drift,
        )

    def scripts(self) -> Mapping[str, str]:
        """The user-data by pool name."""
        return self.provider.scripts()

    def instances(self) -> Sequence[Instance]:
        """Every machine of the cluster."""
        return self.provider.instances()

    def runner(self, instance: Instance) -> Runner:
        """A way onto one machine."""
        return self.provider.runner(instance)

    def shell(self, instance: Instance, argv: Sequence[str]) -> int:
        """The user's own terminal on one machine; its exit code."""
        return self.provider.shell(instance, argv)

    def set_size(self, pool: str, size: int) -> None:
        """The size of an autoscaled pool, kept by its group."""
        self.provider.set_size(pool, size)

    def locked(self, what: str, timeout: float) -> AbstractContextManager[LockInfo]:
        """Hold the cluster's operator lock."""
        return self.provider.locked(what, timeout=timeout)

    def _must_not_be_going(self, control: Mapping[str, Any] | None) -> None:
        if (control or {}).get("phase") == "DESTROYED":
            raise BootstrapError(
                "a `down` of this cluster began and did not end",
                where=self.cluster.name,
                fix=f"run `bootstrap down {self.cluster.path or 'FILE'}` to its end, then `bootstrap up`",
                code="E112",
            )

    def _swarm_kinds(self, made: bool) -> tuple[str, ...]:
        """What nobody could be asked about: the swarm, the nodes of one that was made, and what the file puts in it."""
        kinds = (("node", made), ("network", self.cluster.networks), ("stack", self.cluster.stacks))
        return ("swarm", *(kind for kind, wanted in kinds if wanted))

    def _swarm_desired(self, view: View) -> list[Resource]:
        return [*desired_networks(self.cluster, view), *desired_stacks(self.cluster, view)]

    def _swarm_existing(self, view: View, hosts: Mapping[str, Leaving]) -> list[Resource]:
        nodes = leaving_nodes(self.cluster, view, hosts, self.say)
        return [*nodes, *existing_networks(self.cluster, view), *existing_stacks(self.cluster, view)]
