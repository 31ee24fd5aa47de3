"""Hosts as they live in the state machines: processes that are held or killed, reboots, lost answers, partitions."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bootstrap.agent import boot, pulse
from bootstrap.agent import control as rules
from bootstrap.agent.context import Context
from bootstrap.agent.engine_api import EngineError
from bootstrap.agent.metadata import Machine
from bootstrap.agent.reconcile import Reconciler
from tests.agent.fake_swarm import Swarm
from tests.agent.fakes import Cluster, Host
from tests.agent.memory_files import MemoryFiles, MemoryPath
from tests.agent.poor_view import PoorView
from tests.agent.process import Process

ROUND = 1.5  # seconds between two ticks of the same agent
INFINITY = float("inf")
# Told of every call to an engine before it is made; what it gives back is called once the engine has done it.
Witness = Callable[[Process, str, str, Any], "Callable[[], None] | None"]


def _nobody(*_: Any) -> None:
    """Nobody looks."""


class LivingHost(Host):
    """A host that can be off, and whose agent is a process. `replies` decides how the engine's next writes end.

    ok | lost (not done, no answer) | applied (done, no answer)
    """

    kind_of_view = PoorView
    view: PoorView
    process: Process
    boots = 0

    def __init__(self, cluster: LivingCluster, machine: Machine, root: Path) -> None:
        self.clock, self.replies, self.off, self.booting = cluster.clock, deque[str](), False, False
        self.cluster, self.verbs, self.full_since = cluster, list[Process](), INFINITY
        super().__init__(cluster, machine, root)

    def place_of_ca(self) -> Any:
        """In memory, as all files of a living host."""
        return MemoryPath(self.cluster.files, str(super().place_of_ca()))

    def restart(self) -> None:
        """The agent's process ends and begins anew; on a new host the boot comes first."""
        if self.boots:
            self.process.kill()
            self._begin_agent()
        else:
            self.power_on()

    def _begin_agent(self) -> None:
        self.process = Process(self)
        self.agent = Reconciler(self.process.context)

    def power_off(self) -> None:
        """As when the power fails."""
        for process in (self.process, *self.verbs):
            process.kill()
        self.verbs.clear()
        self.off, self.booting, self.engine.up = True, False, False

    def power_on(self) -> None:
        """The boot goes as far as it can; the engine starts behind it."""
        self.off, self.booting, self.engine.up, self.boots = False, True, False, self.boots + 1
        boot_id = self.context.paths.at("/proc/sys/kernel/random/boot_id")
        self.cluster.files.replace(boot_id, f"boot-{self.boots}")
        self.process = Process(self)
        self.process.start(lambda: boot.run(self.process.context))
        self._end_boot()

    def _end_boot(self) -> None:
        if not self.process.busy:
            self.booting = False
            self.engine.start()
            self._begin_agent()

    def lose_disk(self) -> None:
        """Everything that the machine remembered is gone. Only while it is off."""
        self.cluster.files.rmtree(self.context.swarm_dir)
        self.cluster.files.rmtree(self.context.paths.state)

    @property
    def disk(self) -> tuple[int, int]:
        """Bytes, free and in all."""
        return (0 if self.full_since < INFINITY else 50 << 30), 100 << 30

    @property
    def held(self) -> bool:
        """True while its agent is frozen in the middle of a call."""
        return self.process.busy and not self.booting

    def tick(self, kill_after: int | None = None) -> None:
        """The agent does one thing; killed after so many half calls, it begins anew. A boot goes on."""
        if self.booting:
            self.process.resume()
            self._end_boot()
        elif not self.off and not self.held:
            self.process.run(self.agent.tick, kill_after)
            if self.process.dead:
                self._begin_agent()

    def hold(self, after: int) -> None:
        """The agent begins a tick and is frozen after so many half calls, or comes to the end of it."""
        if not (self.off or self.process.busy):
            self.process.start(self.agent.tick, after)

    def begin(self, verb: Callable[[Context], Any], hold_after: int | None = None) -> Process:
        """Somebody runs a verb of the agent on this host, beside the agent itself."""
        process = Process(self)
        process.start(lambda: verb(process.context), hold_after)
        self.verbs = [one for one in (*self.verbs, process) if one.busy]
        return process

    def go_on(self, *, held_too: bool = False) -> None:
        """The verbs whose sleep is over wake up; those that are held too, if asked."""
        for one in list(self.verbs):
            if (0 < one.sleeps_until <= self.clock.now()) or (held_too and not one.sleeps_until):
                one.resume()
        self.verbs = [one for one in self.verbs if one.busy]

    def ask_engine(self, process: Process, method: str, path: str, body: Any, query: dict[str, Any]) -> Any:
        """What a process on this host asks its engine."""
        reply = self.replies.popleft() if method != "GET" and self.replies else "ok"
        if reply == "lost":
            raise EngineError("the engine does not answer", kind="down")
        judged = self.cluster.witness(process, method, path, body)
        answer = self.engine.request(method, path, body, **query)
        if judged:
            judged()
        if reply == "applied":
            raise EngineError("the engine does not answer", kind="down")
        return answer

    def heal(self) -> None:
        """No fault is left on this host."""
        self.view.down, self.metadata.down = False, False
        self.view.outcomes.clear()
        self.replies.clear()
        self.engine.linked, self.engine.init_dies, self.engine.dials_back = True, "", True
        if self.off:
            self.power_on()
        self.full_since = INFINITY
        while self.held:
            self.process.resume()
        self.go_on(held_too=True)


class LivingCluster(Cluster):
    """A cluster of such hosts."""

    kind_of_host = LivingHost
    hosts: dict[str, LivingHost]  # type: ignore[assignment]

    def __init__(self, root: Path, managers: int = 3, workers: int = 0) -> None:
        self.witness: Witness = _nobody
        self.files = MemoryFiles()
        self._above = len(str(root)) + 1
        self._stand_in()
        super().__init__(root, managers, workers)

    def _stand_in(self) -> None:
        """The agents' files and disks are this cluster's from now on."""
        self._patch = pytest.MonkeyPatch()
        self._patch.setattr(pulse, "disk", lambda path: self.hosts[path[self._above :].partition("/")[0]].disk)
        self.files.install(self._patch)

    def __getstate__(self) -> dict[str, Any]:
        return {key: value for key, value in vars(self).items() if key != "_patch"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._stand_in()

    def boot(self, role: str) -> LivingHost:
        """One more machine."""
        return self.hosts[super().boot(role).instance]

    def terminate(self, instance: str) -> None:
        """The instance is gone, its disk too."""
        self.hosts[instance].power_off()
        super().terminate(instance)

    def end(self) -> None:
        """No thread is left behind."""
        self._patch.undo()
        for host in self.hosts.values():
            host.power_off()

    def round(self) -> None:
        """Every agent ticks once."""
        for host in list(self.hosts.values()):
            host.tick()
            if host.verbs:
                host.go_on()
        self.clock.sleep(ROUND)

    def healed(self, seconds: float) -> list[str]:
        """End all faults and give everybody so much time; the names of those that are no members after all."""
        self.store.down = False
        self.world.late.clear()
        for host in self.hosts.values():
            host.heal()
        end = self.clock.now() + seconds
        while self.clock.now() < end and self.outside() and not self._waits_for_a_person():
            self.round()
        return self.outside()

    def _waits_for_a_person(self) -> bool:
        """True when everything runs and there still is no quorum: no agent will ever change that."""
        swarm = self.published
        booting = any(host.booting for host in self.hosts.values())
        return swarm is not None and not booting and not self.world.quorate(swarm)

    def outside(self) -> list[str]:
        """The hosts that are no full members of the published swarm."""
        return [name for name, host in self.hosts.items() if not self.is_member(host)]

    def is_member(self, host: LivingHost) -> bool:
        """True for a live node of the published swarm, a manager with its raft seat."""
        home, node_id = host.engine.home, host.engine.node_id
        if not host.engine.reachable or home is None or home is not self.published:
            return False
        return node_id in home.nodes and (host.context.role == "worker" or node_id in home.raft)

    @property
    def published(self) -> Swarm | None:
        """The swarm that counts."""
        swarm_id = self.control["swarm_id"] if self.control["phase"] == rules.FORMED else None
        return self.world.swarms[swarm_id] if swarm_id else None
