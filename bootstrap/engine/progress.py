"""How far each machine is, and what is waited for: only news become events."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from bootstrap.engine.clock import Clock
from bootstrap.engine.events import NodeProgress, Note
from bootstrap.providers.base import Instance

PATIENCE = 15.0  # seconds: a first boot or an election takes as long, and is no problem
MOMENT = 3.0  # seconds: what the leader does at once is over by then
REMIND = 60.0  # seconds until it is said again that the same is waited for
MANY = 3  # things in one sentence
BOOTING = ("boot", "engine", "joining")

Problem = Mapping[str, Any]  # an entry of the status document


class Progress:
    """Remembers what was told. `told` is the last step of each machine, shared by all the waits of one run."""

    def __init__(self, clock: Clock, told: dict[str, str] | None = None) -> None:
        self._clock = clock
        self._start = clock.now()
        self._told = {} if told is None else told
        self._cause: list[tuple[Any, Any]] = []
        self._since = self._start
        self._said: list[tuple[Any, Any]] = []
        self._said_at = self._start
        self._settled = self._start
        self._lost: float | None = None

    @property
    def waited(self) -> float:
        """Seconds since the wait began."""
        return self._clock.now() - self._start

    def settled(self, machines: Sequence[Instance]) -> float:
        """Seconds since one of these was last seen to boot, or none to be in a part of the network; asked at each poll."""
        now = self._clock.now()
        if any(_starts(one) for one in machines) or all(one.fault is None or one.fault.alone for one in machines):
            self._settled = now
        return now - self._settled

    def lost(self, problems: Sequence[Problem]) -> float:
        """Seconds since it was first seen, without a break, that no manager answers with a quorum; asked at each poll."""
        now = self._clock.now()
        gone = any(one["code"] == "no_quorum" for one in problems)
        self._lost = (now if self._lost is None else self._lost) if gone else None
        return 0.0 if self._lost is None else now - self._lost

    def why(self, problems: Sequence[Problem], machines: Sequence[Instance] = ()) -> Iterator[Note]:
        """For whom is waited and why, once the machines had time to boot; later again, where it stays the same."""
        now, cause = self._clock.now(), [(one["code"], one["node"]) for one in problems]
        if cause != self._cause:
            self._cause, self._since = cause, now
        slow = boots(machines) or any(one["code"] in {"no_quorum", "no_leader"} for one in problems)
        patient = self.waited < PATIENCE and (slow or now - self._since < MOMENT)
        if not problems or patient or (cause == self._said and now - self._said_at < REMIND):
            return
        still = f"still waiting after {self.waited:.0f} s" if cause == self._said else "waiting"
        self._said, self._said_at = cause, now
        yield Note(f"{still}: {in_words(problems)}")

    def of(self, steps: Mapping[str, str]) -> Iterator[NodeProgress | Note]:
        """Events for the machines whose step is another than last time. One that starts over is told to boot again."""
        for hostname, step in sorted(steps.items()):
            before = self._told.get(hostname, "")
            if step in {"", before} or (step == "joined" and _serves(before)):
                continue
            if step in BOOTING and (_serves(before) or before in {"joined", *BOOTING[BOOTING.index(step) + 1 :]}):
                yield Note(f"{hostname}: boots again")
            self._told[hostname] = step
            yield NodeProgress(hostname, step, self.waited)


def in_words(problems: Sequence[Problem]) -> str:
    """`prod-web-1: its engine is down; prod-web-2: …; and 2 more`."""
    return named([f"{one['node'] or 'the cluster'}: {one['message']}" for one in problems], "; ")


def named(words: Sequence[str], between: str = ", ") -> str:
    """The first few of them, and how many more there are."""
    more = [f"and {len(words) - MANY} more"] if len(words) > MANY else []
    return between.join([*words[:MANY], *more])


def step(machine: Instance) -> str:
    """How far its own boot is. That it is off, or what was done to it by hand, comes first: it does not get on."""
    if machine.state == "stopped":
        return "off"
    return machine.fault.word if machine.fault is not None else machine.step


def steps(machines: Sequence[Instance], nodes: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """The same for all, and for those that have booted what the swarm says of them."""
    told = {one.hostname: step(one) for one in machines}
    for node in nodes:
        if node["instance"] and told.get(node["hostname"]) in {"", "joined"}:
            told[node["hostname"]] = _in_swarm(node)
    return told


def boots(machines: Sequence[Instance]) -> bool:
    """Whether one of them is on its way by itself."""
    return any(one.fault is None and (one.state == "pending" or one.step in BOOTING) for one in machines)


def _starts(machine: Instance) -> bool:
    """Whether it boots and may then reach others: one in a part of the network does, and joins when that elects."""
    boots_yet = machine.state == "pending" or machine.step in {"boot", "engine"}
    return boots_yet and not (machine.fault is not None and machine.fault.alone)


def _in_swarm(node: Mapping[str, Any]) -> str:
    if node["state"] == "down":
        return "down"
    return str(node["availability"]) if node["state"] == "ready" and node["availability"] != "drain" else "joined"


def _serves(step: str) -> bool:
    return step in {"active", "pause", "drain"}
