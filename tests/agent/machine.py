"""What the state machines share: hosts, the faults that befall them, and a judge after every step."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import ClassVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from tests.agent import operator_steps
from tests.agent.living import LivingCluster, LivingHost
from tests.agent.oracle import Oracle

CALLS = 60  # half calls, more than one tick makes
PATIENCE = 900.0  # seconds of the cluster's own time after the last fault: several windows of the guard

HOST = st.integers(0, 4)
CALL = st.integers(0, CALLS)
OUTCOMES = st.lists(st.sampled_from(["stale", "unknown_applied", "unknown_lost"]), max_size=3)


class Machine(RuleBasedStateMachine):
    """Hosts whose agents are real, on engines and a store that remember."""

    cluster: LivingCluster
    formed_once: ClassVar[dict[tuple[int, int], bytes]]  # of one run: a mutant forms its own

    def begin(self, managers: int, workers: int) -> None:
        """The control object is EMPTY and the machines boot."""
        self.cluster = LivingCluster(Path("/memory"), managers, workers)
        self.oracle = Oracle(self.cluster)

    def begin_formed(self, managers: int, workers: int, seconds: float, rounds: int = 0) -> None:
        """Everybody is in, and so many rounds passed since. Each such cluster is made once, and then copied."""
        key = (managers, workers)
        if key not in self.formed_once:
            self.begin(managers, workers)
            assert not self.cluster.healed(seconds)
            for _ in range(rounds):
                self.cluster.round()
            self.oracle.check()
            self.formed_once[key] = pickle.dumps((self.cluster, self.oracle), pickle.HIGHEST_PROTOCOL)
            self.cluster.end()
        self.cluster, self.oracle = pickle.loads(self.formed_once[key])

    def teardown(self) -> None:
        """The faults end, and what has to come of it comes."""
        if hasattr(self, "cluster"):
            try:
                self.ends_well()
            finally:
                self.cluster.end()

    def ends_well(self) -> None:
        """I5: when the faults end, every machine that lives becomes a member of the published swarm."""
        outside = self.cluster.healed(PATIENCE)
        self.oracle.check()
        for _ in range(2):
            if outside and self.a_person_helps():
                outside = self.cluster.healed(PATIENCE)
                self.oracle.check()
        assert not outside or self.is_lost(), f"I5: never became members: {outside}"

    def a_person_helps(self) -> bool:
        """Recover a cluster that lost its quorum, or reset one that never had a second member; False: no need."""
        one = operator_steps.survivor(self.cluster)
        if one is not None:
            operator_steps.recover(self.cluster, self.oracle, one)
        elif operator_steps.may_reset(self.cluster):
            operator_steps.reset(self.cluster, self.oracle)
        else:
            return False
        return True

    def is_lost(self) -> bool:
        """True when no manager is left that knows the swarm: only a backup helps, and all that is asked is patience."""
        swarm = self.cluster.published
        return swarm is not None and not any(self.cluster.world.alive(swarm, one) for one in swarm.raft)

    def host(self, number: int) -> LivingHost:
        """One of those that live."""
        return list(self.cluster.hosts.values())[number % len(self.cluster.hosts)]

    def would_end_the_quorum(self, host: LivingHost) -> bool:
        """One that holds a seat may be lost for ever only where the others can do without it."""
        swarm, node_id = host.engine.home, host.engine.node_id
        if swarm is None or node_id not in swarm.raft:
            return False
        whole = [one for one in swarm.raft if one != node_id and self._keeps(one)]
        return len(whole) < len(swarm.raft) // 2 + 1

    def _keeps(self, node_id: str) -> bool:
        engine = self.cluster.world.engine_of(node_id)
        return engine is not None and engine.instance in self.cluster.hosts

    @rule(rounds=st.integers(1, 4))
    def everybody(self, rounds: int) -> None:
        """All agents tick for a while, so that the later states are reached too."""
        for _ in range(rounds):
            self.cluster.round()

    @rule(number=HOST, calls=CALL, init_dies=st.sampled_from(["", "", "spec", "key", "raft", "reply"]))
    def crash(self, number: int, calls: int, init_dies: str) -> None:
        """An agent is killed before or behind some call, and its process begins anew."""
        host = self.host(number)
        host.engine.init_dies = init_dies
        host.tick(kill_after=calls)

    @rule(number=HOST, calls=CALL)
    def freeze(self, number: int, calls: int) -> None:
        """An agent is frozen before or behind some call, until it is thawed."""
        self.host(number).hold(calls)

    @rule(number=HOST)
    def thaw(self, number: int) -> None:
        """It goes on with what it knew then."""
        host = self.host(number)
        if host.held:
            host.process.resume()

    @rule(number=HOST, off=st.booleans(), disk=st.sampled_from(["kept", "kept", "lost"]))
    def power(self, number: int, off: bool, disk: str) -> None:
        """A host loses its power, and comes back at once or later, now and then with an empty disk."""
        host = self.host(number)
        if not host.off:
            host.power_off()
            if disk == "lost" and not self.would_end_the_quorum(host):
                host.lose_disk()
        if not off:
            host.power_on()

    @rule(number=HOST, what=st.sampled_from(["peers", "store", "cloud", "dial back", "nothing"]))
    def cut(self, number: int, what: str) -> None:
        """One host loses the others, the store or the metadata service; or finds all of them again."""
        host = self.host(number)
        host.engine.linked, host.engine.dials_back = what != "peers", what != "dial back"
        host.view.down, host.metadata.down = what == "store", what == "cloud"

    @rule(number=HOST, outcomes=OUTCOMES)
    def store_misbehaves(self, number: int, outcomes: list[str]) -> None:
        """The next writes of a host end otherwise."""
        self.host(number).view.outcomes.extend(outcomes)

    @rule(number=HOST, replies=st.lists(st.sampled_from(["ok", "lost", "applied"]), max_size=3))
    def engine_misbehaves(self, number: int, replies: list[str]) -> None:
        """The next writes to an engine get no answer."""
        self.host(number).replies.extend(replies)

    @invariant()
    def holds(self) -> None:
        """I1-I4 and I6-I9."""
        self.oracle.check()
