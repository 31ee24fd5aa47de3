"""The election and the join, driven as in the model `elect.py`: real agents, and every fault that it knows."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import initialize, precondition, rule

from bootstrap.agent import control as rules
from tests.agent.machine import CALL, HOST, OUTCOMES, Machine

MOST = 8  # machines that are ever born in one run


class Election(Machine):
    """One to five managers and up to two workers are born, and everything happens to them."""

    @initialize(
        managers=st.integers(1, 5), workers=st.integers(0, 2), outcomes=OUTCOMES,
        ticks=st.integers(0, 3), frozen=st.one_of(st.none(), CALL),
    )  # fmt: skip
    def born(self, managers: int, workers: int, outcomes: list[str], ticks: int, frozen: int | None) -> None:
        """The first machine's first writes may end otherwise, and it may be overtaken at one of its first calls."""
        self.begin(managers, workers)
        self.host(0).view.outcomes.extend(outcomes)
        for _ in range(ticks):
            self.host(0).tick()
        if frozen is not None:
            self.overtaken(0, frozen, 4)

    @rule(number=HOST, seconds=st.sampled_from([0.0, 1.0, 10.0]))
    def tick(self, number: int, seconds: float) -> None:
        """One agent does one thing."""
        self.host(number).tick()
        self.cluster.clock.sleep(seconds)

    @rule()
    def time_passes(self) -> None:
        """Long enough for a takeover, at any moment: as if clocks were skewed at will."""
        self.cluster.clock.sleep(40)

    @rule(number=HOST, calls=CALL, rounds=st.integers(1, 4))
    def overtaken(self, number: int, calls: int, rounds: int) -> None:
        """One is frozen for as long as a takeover needs, the others go on, then it wakes up."""
        self.freeze(number, calls)
        self.cluster.round()  # a claim is watched from when it was seen first
        self.cluster.clock.sleep(40)
        self.everybody(rounds)
        self.thaw(number)

    @precondition(lambda self: len(self.cluster.world.engines) < MOST)
    @rule(number=HOST)
    def replace(self, number: int) -> None:
        """An instance is terminated and another takes its place."""
        host = self.host(number)
        self.cluster.terminate(host.instance)
        self.cluster.boot(host.context.role)

    @rule(number=HOST)
    def leave_by_hand(self, number: int) -> None:
        """Somebody says `docker swarm leave --force` on a host."""
        host = self.host(number)
        if host.engine.up and not self.would_end_the_quorum(host):
            host.engine.leave()

    @precondition(lambda self: self.cluster.control["phase"] == rules.FORMED)
    @rule()
    def person(self) -> None:
        """Recovers a cluster that lost its quorum, or resets one that never had a second member."""
        self.a_person_helps()
