"""The election, driven as in the model: real agents, crashes anywhere, lost answers, terminations, takeovers."""

from __future__ import annotations

import shutil
import tempfile
from contextlib import suppress
from itertools import pairwise
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from bootstrap.agent import control as rules
from tests.agent.fakes import Cluster, Host
from tests.agent.interruption import KilledError, interrupted, kill


class Election(RuleBasedStateMachine):
    """Up to five machines are born, two or three of them as managers, and everything happens to them."""

    def __init__(self) -> None:
        super().__init__()
        self.root = Path(tempfile.mkdtemp())
        self.cluster = Cluster(self.root, managers=2, workers=1)
        self.born = 3

    def teardown(self) -> None:
        """I5: when the faults end, every machine that lives becomes a member, if a quorum is left to join."""
        try:
            self._heal()
            self.cluster.run(240)
            if self._can_serve():
                lost = [name for name, host in self.cluster.hosts.items() if not self._is_member(host)]
                assert not lost, f"never joined: {lost}"
        finally:
            shutil.rmtree(self.root, ignore_errors=True)

    def _heal(self) -> None:
        self.cluster.store.outcomes.clear()
        self.cluster.store.down = False
        for host in self.cluster.hosts.values():
            host.metadata.down = False
            host.engine.linked, host.engine.init_dies = True, ""

    def _can_serve(self) -> bool:
        control = self.cluster.control
        if control["phase"] != rules.FORMED:
            return any(host.context.role == "manager" for host in self.cluster.hosts.values())
        return self.cluster.world.quorate(self.cluster.world.swarms[control["swarm_id"]])

    def _is_member(self, host: Host) -> bool:
        home = host.engine.home
        return home is not None and home.id == self.cluster.control["swarm_id"] and host.engine.node_id in home.nodes

    def _host(self, number: int) -> Host:
        return list(self.cluster.hosts.values())[number % len(self.cluster.hosts)]

    @rule(number=st.integers(0, 4), seconds=st.sampled_from([0.0, 1.0, 10.0]))
    def tick(self, number: int, seconds: float) -> None:
        """One agent does one thing."""
        self._host(number).agent.tick()
        self.cluster.clock.sleep(seconds)

    @rule(seconds=st.sampled_from([5.0, 15.0]))
    def everybody(self, seconds: float) -> None:
        """All agents tick for a while, so that the later states are reached too."""
        self.cluster.run(seconds)

    @rule(
        number=st.integers(0, 4),
        calls=st.integers(0, 12),
        init_dies=st.sampled_from(["", "", "spec", "key", "raft", "reply"]),
    )
    def crash(self, number: int, calls: int, init_dies: str) -> None:
        """One agent is killed after some calls to the engine or the store, and its process begins anew."""
        host = self._host(number)
        host.engine.init_dies = init_dies
        with suppress(KilledError), interrupted(host, calls, kill):
            host.agent.tick()
        host.restart()

    @rule(number=st.integers(0, 4), other=st.integers(0, 4), calls=st.integers(0, 12), ticks=st.integers(1, 4))
    def pause(self, number: int, other: int, calls: int, ticks: int) -> None:
        """One agent is frozen at some call for as long as a takeover needs, another goes on, then the first wakes up."""
        host, busy = self._host(number), self._host(other)
        if host is busy:
            return

        def meanwhile() -> None:
            self.cluster.clock.sleep(40)
            for _ in range(ticks):
                busy.agent.tick()

        with interrupted(host, calls, meanwhile):
            host.agent.tick()

    @rule(outcomes=st.lists(st.sampled_from(["stale", "unknown_applied", "unknown_lost", "unavailable"]), max_size=3))
    def store_misbehaves(self, outcomes: list[str]) -> None:
        """The next writes end otherwise."""
        self.cluster.store.outcomes.extend(outcomes)

    @rule()
    def time_passes(self) -> None:
        """Long enough for a takeover, at any moment: as if clocks were skewed at will."""
        self.cluster.clock.sleep(40)

    @rule(number=st.integers(0, 4))
    def partition(self, number: int) -> None:
        """One host loses the others, but not the store, or finds them again."""
        engine = self._host(number).engine
        engine.linked = not engine.linked

    @precondition(lambda self: self.born < 6)
    @rule(number=st.integers(0, 4))
    def replace(self, number: int) -> None:
        """An instance is terminated and another takes its place."""
        host = self._host(number)
        self.cluster.terminate(host.instance)
        self.cluster.boot(host.context.role)
        self.born += 1

    @invariant()
    def one_swarm_is_published(self) -> None:
        """I1, I4: over all time only one swarm was ever published: no operator acts here."""
        published = {
            (one["epoch"], one["swarm_id"]) for one in self.cluster.store.history if one["phase"] == rules.FORMED
        }
        assert len(published) <= 1

    @invariant()
    def nobody_joins_another(self) -> None:
        """I2, I3: a swarm of more than one node is the published one."""
        for swarm in self.cluster.world.swarms.values():
            assert len(swarm.nodes) <= 1 or swarm.id == self.cluster.control["swarm_id"]

    @invariant()
    def steps_are_legal(self) -> None:
        """I7, I8: phases only go forward and a new holder has a new epoch; I9: what is pointed to exists."""
        history = self.cluster.store.history
        for old, new in pairwise(history):
            assert (old["phase"], new["phase"]) != (rules.FORMED, rules.CLAIMED)
            assert new["epoch"] > old["epoch"] or old["holder"] == new["holder"]
        for role, pointer in self.cluster.control["secrets"].items():
            assert int(pointer["version"]) <= len(self.cluster.store.secrets[role, "join-token"])

    @invariant()
    def seats_are_few(self) -> None:
        """No more managers than are wanted ever hold a seat."""
        assert len(self.cluster.control["seats"]) <= self.cluster.control["managers_target"]


TestElection = Election.TestCase
TestElection.settings = settings(
    max_examples=20, stateful_step_count=30, deadline=None, database=None, suppress_health_check=list(HealthCheck)
)
