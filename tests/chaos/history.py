"""What was seen of a cluster from outside while things were done to it: values only, so that it can be doctored."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Seat:
    """One line of a manager's node list. `member` says that it holds a raft seat."""

    id: str
    role: str
    state: str
    member: bool
    reachable: bool
    leader: bool


@dataclass(frozen=True)
class Engine:
    """What an engine says of itself. `seats` is its node list, None where it has none to tell."""

    state: str
    node_id: str
    swarm_id: str = ""
    seats: tuple[Seat, ...] | None = None


@dataclass(frozen=True)
class Host:
    """A host by our own book-keeping, by its disk, and by its engine (None when that does not answer in time).

    `root` is the digest of the CA on its disk, "" without one: a swarm has one from the moment that it is made.
    `hurt` names the faults that are on it now. `doomed`: whoever runs the cluster wants it gone.
    """

    hostname: str
    instance: str
    role: str
    on: bool
    hurt: frozenset[str] = frozenset()
    doomed: bool = False
    root: str = ""
    engine: Engine | None = None

    def well(self, node_id: str) -> bool:
        """On, linked, running, and its engine says that it is an active member as that node."""
        at_work = self.on and not self.hurt and self.engine is not None
        return at_work and self.engine is not None and (self.engine.state, self.engine.node_id) == ("active", node_id)


@dataclass(frozen=True)
class Sample:
    """Every host at one moment; `at` is in seconds of the wall clock."""

    at: float
    hosts: tuple[Host, ...]

    def truth(self, swarm_id: str = "") -> tuple[Seat, ...] | None:
        """The node list that a majority of its own raft members bears out; None when there is none.

        A leader that was cut off goes on to show an old list for 12 s, so its word alone is not enough. With `swarm_id`
        only that swarm is asked: an orphan of one node is its own majority.
        """
        told = [host for host in self.hosts if host.engine and host.engine.seats]
        told = [host for host in told if host.engine and swarm_id in ("", host.engine.swarm_id)]
        for host in told:
            seats = host.engine.seats if host.engine else None
            if seats and self._borne_out(seats):
                return seats
        return None

    def _borne_out(self, seats: tuple[Seat, ...]) -> bool:
        """Whether a majority of the list's raft members is well and has a list with the same members."""
        members = frozenset(seat.id for seat in seats if seat.member)
        agree = [
            host
            for host in self.hosts
            if host.engine
            and host.engine.node_id in members
            and host.well(host.engine.node_id)
            and frozenset(seat.id for seat in host.engine.seats or () if seat.member) == members
        ]
        return bool(members) and len(agree) >= len(members) // 2 + 1


@dataclass(frozen=True)
class Generation:
    """One generation of the control object and when it was written."""

    number: int
    at: float
    control: dict[str, Any]


@dataclass
class History:
    """Everything that was recorded of one cluster, each list in the order of time."""

    samples: list[Sample] = field(default_factory=list)
    generations: list[Generation] = field(default_factory=list)
    events: list[dict[str, Any]] = field(default_factory=list)
    inits: list[tuple[float, str]] = field(default_factory=list)  # when an agent said `swarm init`, and on which host
    deeds: list[tuple[float, str]] = field(default_factory=list)  # what we did ourselves

    @property
    def published(self) -> str:
        """The swarm that was published last, "" when there is none."""
        return str(self.generations[-1].control.get("swarm_id") or "") if self.generations else ""
