"""Managers come and go: sick ones, a person's `remove` and the leader's upkeep, each change before a judge."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import initialize, precondition, rule

from bootstrap.agent import control as rules
from bootstrap.agent import members
from bootstrap.agent.lease import TERM
from tests.agent.living import INFINITY
from tests.agent.machine import CALL, HOST, Machine
from tests.agent.removal_judge import RemovalJudge

MOST = 9  # machines that are ever born in one run
FORMING = 120.0  # seconds


class Guard(Machine):
    """A formed cluster of three to five managers, one of which may always be on its way out."""

    judge: RemovalJudge

    @initialize(managers=st.integers(3, 5), workers=st.integers(0, 1))
    def formed(self, managers: int, workers: int) -> None:
        """Everybody is in, and the leader is in office for long enough to act."""
        self.begin_formed(managers, workers, FORMING, 14)
        self.judge = RemovalJudge(self.cluster)
        self.cluster.witness = self.judge.witness

    def ends_well(self) -> None:
        """Who was removed on purpose is terminated, as the command line does it; all others are members."""
        for verb in [verb for host in self.cluster.hosts.values() for verb in host.verbs]:
            verb.kill()
        removed = set(self.cluster.control.get("removed", []))
        for name, host in list(self.cluster.hosts.items()):
            if host.engine.node_id in removed and len(self.cluster.hosts) > 1:
                self.cluster.terminate(name)
        self.wish(sum(host.context.role == "manager" for host in self.cluster.hosts.values()))
        super().ends_well()

    @rule(number=HOST, leaver=HOST, calls=st.one_of(st.none(), CALL))
    def remove(self, number: int, leaver: int, calls: int | None) -> None:
        """A person removes a node by way of some manager; the verb may be frozen on its way."""
        host, node_id = self.host(number), self.host(leaver).engine.node_id
        if host.engine.up and node_id:
            host.begin(lambda context: members.remove(context, node_id, 60), calls)

    @rule(number=HOST, killed=st.booleans())
    def go_on(self, number: int, killed: bool) -> None:
        """What was frozen is killed, or goes on."""
        for verb in self.host(number).verbs:
            if killed:
                verb.kill()
        self.host(number).go_on(held_too=True)

    @rule(wanted=st.sampled_from([1, 3, 3, 5]))
    def wish(self, wanted: int) -> None:
        """The inventory wants another number of managers."""
        rules.swap(self.cluster.store, lambda now: {**now, "managers_target": wanted}, "cli")

    @rule(number=HOST, rounds=st.integers(1, 4))
    def flap(self, number: int, rounds: int) -> None:
        """One host is cut off for some rounds and back again."""
        engine = self.host(number).engine
        engine.linked = not engine.linked
        self.calm(rounds)
        engine.linked = not engine.linked

    @rule(number=HOST, away=st.integers(12, 16), late=st.integers(1, 4))
    def come_back(self, number: int, away: int, late: int) -> None:
        """One host is cut off for about as long as makes it dead, and swarm is slow to show that it is back."""
        engine = self.host(number).engine
        engine.linked = False
        self.calm(away)
        engine.linked = True
        self.cluster.world.late.add(engine.node_id)
        self.calm(late)
        self.cluster.world.late.discard(engine.node_id)

    @rule(number=HOST, leaver=HOST, calls=CALL)
    def overtaken(self, number: int, leaver: int, calls: int) -> None:
        """A removal is frozen for longer than its lease lasts; the others go on, then it wakes up."""
        self.remove(number, leaver, calls)
        self.calm(4)
        self.cluster.clock.sleep(TERM)
        self.calm(4)
        self.go_on(number, killed=False)

    @rule(number=HOST)
    def fill(self, number: int) -> None:
        """The disk of a host is full, or has room again; its engine still looks well to the others."""
        host = self.host(number)
        host.full_since = self.cluster.clock.now() if host.full_since == INFINITY else INFINITY

    @rule(rounds=st.sampled_from([3, 8]))
    def calm(self, rounds: int) -> None:
        """Long enough for the windows of the guard."""
        for _ in range(rounds):
            self.cluster.round()

    @precondition(lambda self: len(self.cluster.world.engines) < MOST)
    @rule(number=HOST)
    def replace(self, number: int) -> None:
        """An instance is terminated and another takes its place."""
        host = self.host(number)
        if not self.would_end_the_quorum(host):
            self.cluster.terminate(host.instance)
            self.cluster.boot(host.context.role)
