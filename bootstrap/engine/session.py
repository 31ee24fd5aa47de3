"""A cluster opened for work: what every verb of the command line is made of."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from bootstrap import inventory
from bootstrap.engine.apply import apply
from bootstrap.engine.clock import Clock, SystemClock
from bootstrap.engine.diff import diff
from bootstrap.engine.doctor.examine import examine
from bootstrap.engine.events import Event
from bootstrap.engine.hindrance import ELECTION, refuse_going
from bootstrap.engine.member import Member
from bootstrap.engine.ready import POLL, Patience, wait_formed, wait_healthy
from bootstrap.engine.remove import remove
from bootstrap.engine.replace import end_surge, planned, replace
from bootstrap.engine.status import status_document
from bootstrap.engine.switch import Switch, switched_on
from bootstrap.engine.trail import OURS, Step, flush, noted, recorded, told
from bootstrap.errors import BootstrapError
from bootstrap.model.cluster import Cluster
from bootstrap.model.finding import Finding
from bootstrap.model.resource import Plan, Resource
from bootstrap.providers import open_provider
from bootstrap.providers.base import Instance, LockInfo, Provider, SshWay
from bootstrap.remote.runner import Runner
from bootstrap.swarm.network import desired_networks, existing_networks
from bootstrap.swarm.node import Leaving, leaving, leaving_nodes, refuse_moves
from bootstrap.swarm.settings import changed_settings, outdated_settings
from bootstrap.swarm.stack import desired_stacks, existing_stacks
from bootstrap.swarm.view import Silence, View, observe

ANSWER = 60.0  # seconds that an agent may take beyond the time it was given


def open_session(path: Path, *, say: Callable[[str], None]) -> Session:
    """Load and check the inventory, and open its provider; nothing is contacted yet."""
    cluster = inventory.load(path)
    return Session(cluster, open_provider(cluster, say), say=say)


@dataclass(frozen=True)
class Session:
    """One inventory with its provider. Methods read the world afresh at each call and remember nothing of it."""

    cluster: Cluster
    provider: Provider
    clock: Clock = field(default_factory=SystemClock)
    say: Callable[[str], None] = field(default=print, compare=False, repr=False)
    _told: dict[str, str] = field(default_factory=dict, compare=False, repr=False)  # of each machine, while waiting

    def plan_up(self) -> Plan:
        """What `up` would do. What lives inside the swarm is `unknown` while no manager answers."""
        return planned(self, self._look)

    def plan_surge(self, surge: Mapping[str, Any] | None) -> Plan:
        """The same with that manager being replaced (see Provider.desired), or with none."""
        control = self.provider.control()
        refuse_going(self.cluster, control)
        desired, existing = list(self.provider.desired(surge)), list(self.provider.existing())
        instances = self.provider.instances()
        hosts = leaving(desired, existing, instances)
        refuse_moves(desired, existing, hosts)
        view = observe(self.provider, control, instances, leaving=hosts) if existing else Silence()
        if isinstance(view, View):
            wanted, found = changed_settings(self.cluster, view, self.provider, instances, hosts)
            desired += [*self._swarm_desired(view), *wanted]
            existing += [*self._swarm_existing(view, hosts, tuple(one.key for one in wanted)), *found]
        else:  # a machine that may be a member is not taken away blindly: it waits until a manager answers
            existing = [one for one in existing if one.kind != "host" or one.name not in hosts]
            desired = [one for one in desired if one.kind != "host" or one.name not in hosts]
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
        return apply(plan, parallel=parallel, ended=flush)

    def patience(self, timeout: float) -> Patience:
        """How to wait for at most `timeout` seconds; one run tells each step of a machine once."""
        again = f"bootstrap up {self.cluster.path or 'FILE'}"
        return Patience(timeout, self.clock, self.cluster.name, again, self._told)

    def wait_formed(self, timeout: float) -> Iterator[Event]:
        """Wait until a manager answers with a quorum; machines tell how far they are."""
        return wait_formed(self.provider, self.patience(timeout), self.switch)

    def wait_healthy(
        self, timeout: float, seen: Callable[[dict[str, Any]], None] = lambda _: None, *, mend: bool = True
    ) -> Iterator[Event]:
        """Wait until `status` says healthy; `seen` gets each document. The last problems are the error where it does not.

        With `mend`, a machine that goes off meanwhile is switched on.
        """
        switch = self.switch if mend else None
        return wait_healthy(self.status, self.provider.instances, self.patience(timeout), switch, seen)

    def status(self) -> dict[str, Any]:
        """The status document (docs/output.md)."""
        control, instances = self.provider.control(), self.provider.instances()
        view = observe(self.provider, control, instances) if control else Silence()
        drift, outdated = Plan(self.cluster.name), list(self.provider.outdated())
        if isinstance(view, View):
            outdated += outdated_settings(self.cluster, view, instances)
            drift = diff(self.cluster.name, self._swarm_desired(view), self._swarm_existing(view, {}))
        document = status_document(
            self.cluster,
            instances=instances,
            sizes=self.provider.sizes(),
            control=control,
            view=view,
            outdated=outdated,
            drift=drift,
        )
        return {**document, "running": self.running()}

    def running(self) -> dict[str, str] | None:
        """The run that works on the cluster now: {"who", "what", "since", "id"}; our own is none."""
        holder = self.provider.holder()
        return None if holder is None or holder.id in OURS else asdict(holder)

    def ask(self) -> View:
        """The swarm as a manager tells it, after an election if need be; BootstrapError where none has a quorum."""
        until = self.clock.now() + ELECTION
        while isinstance(view := self._look(), Silence) and view.electing and self.clock.now() < until:
            self.clock.sleep(POLL)
        if isinstance(view, View):
            return view
        fix = f"see `bootstrap status {self.cluster.path or 'FILE'}`: it names the cause and the mend"
        where = self.cluster.name
        raise BootstrapError(f"no manager answers with a quorum ({view})", where=where, fix=fix, code="no_quorum")

    def drain(self, node_id: str, timeout: float) -> None:
        """Move a node's tasks away and hold it so; BootstrapError while some still run after `timeout` seconds."""
        asked = ("drain", node_id, "--hold", "--timeout", f"{timeout:g}")
        self.ask().agent.call(*asked, timeout=timeout + ANSWER)

    def activate(self, node_id: str) -> None:
        """End a drain by hand: the leader gives the node what its pool wishes."""
        self.ask().agent.call("activate", node_id)

    def remove(self, member: Member, *, parallel: int = 8) -> Iterator[Event]:
        """Take a member out for good."""
        return remove(self, member, parallel=parallel)

    def replace(self, member: Member, *, parallel: int = 8) -> Iterator[Event]:
        """Put a new machine in its place."""
        return replace(self, member, parallel=parallel)

    def end_surge(self, *, parallel: int = 8) -> Iterator[Event]:
        """After an `up`: where a `replace` did not end, wait for the new manager and take the one beside it away."""
        return end_surge(self, parallel=parallel)

    def upkeep(self, on: bool) -> None:
        """Let the leader look after the cluster by itself, or pause that."""
        self.provider.upkeep(on)

    def events(self) -> Sequence[Mapping[str, Any]]:
        """The audit trail, oldest first; a run that began and was killed is told as such."""
        return told(self.provider)

    def force_unlock(self, lock_id: str) -> LockInfo:
        """Free the lock of that id, whose holder is gone."""
        return self.provider.force_unlock(lock_id)

    def scripts(self) -> Mapping[str, str]:
        """The user-data by pool name."""
        return self.provider.scripts()

    def instances(self) -> Sequence[Instance]:
        """Every machine of the cluster."""
        return self.provider.instances()

    def examine(self) -> Iterator[Finding]:
        """What `doctor` finds, on this machine and on every node."""
        return examine(self.cluster, self.provider, self.status)

    def control(self) -> Mapping[str, Any] | None:
        """The control object as the store holds it."""
        return self.provider.control()

    def sizes(self) -> Mapping[str, int]:
        """How many machines each pool should have now."""
        return self.provider.sizes()

    def runner(self, instance: Instance) -> Runner:
        """A way onto one machine."""
        return self.provider.runner(instance)

    def way(self, instance: Instance) -> SshWay:
        """How an ordinary `ssh` reaches one machine."""
        return self.provider.way(instance)

    def shell(self, instance: Instance, argv: Sequence[str]) -> int:
        """The user's own terminal on one machine; its exit code."""
        return self.provider.shell(instance, argv)

    def set_size(self, pool: str, size: int) -> None:
        """The size of an autoscaled pool, kept by its group."""
        self.provider.set_size(pool, size)

    @contextmanager
    def locked(self, what: str, timeout: float, node: str | None = None) -> Iterator[LockInfo]:
        """Hold the cluster's operator lock; the audit trail tells how it went, and with which `node`."""
        with self.provider.locked(what, timeout=timeout) as lock, recorded(self.provider, lock, node):
            yield lock

    def noted(self, what: str) -> AbstractContextManager[Step]:
        """One step beside whoever holds the lock: what a swap or a lease in the cluster makes safe. The trail has its end."""
        return noted(self.provider, what)

    @property
    def switch(self) -> Switch:
        """A hand on the power of its machines, for one wait."""
        return Switch(self.clock, lambda names: switched_on(self.provider, names), self.apply)

    def _look(self) -> View | Silence:
        control = self.provider.control()
        return observe(self.provider, control, self.provider.instances()) if control else Silence()

    def _swarm_kinds(self, made: bool) -> tuple[str, ...]:
        """What nobody could be asked about: the swarm, the nodes of one that was made, and what the file puts in it."""
        kinds = (("node", made), ("network", self.cluster.networks), ("stack", self.cluster.stacks))
        return ("swarm", *(kind for kind, wanted in kinds if wanted))

    def _swarm_desired(self, view: View) -> list[Resource]:
        return [*desired_networks(self.cluster, view), *desired_stacks(self.cluster, view)]

    def _swarm_existing(self, view: View, hosts: Mapping[str, Leaving], behind: tuple[str, ...] = ()) -> list[Resource]:
        nodes = leaving_nodes(self.cluster, view, hosts, self.say, behind)
        return [*nodes, *existing_networks(self.cluster, view), *existing_stacks(self.cluster, view)]
