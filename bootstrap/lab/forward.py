"""Questions that only the internet can answer: asked of the machine's own resolvers, with a short patience.

Pure: packets and the time come in, packets to send come out. Where nobody answers, only the very first question waits:
from then on all are refused at once, but for one every few seconds, which finds out whether somebody is there again.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from bootstrap.lab.dns import HEAD, INTERNET, NOERROR, NXDOMAIN, RESPONSE, SERVFAIL, Query, encoded, parse, reply

Address = tuple[str, int]
PORT = 53
PATIENCE = 1.0  # seconds for an answer from outside
GRUDGE = 30.0  # seconds in which a name that nobody answered is refused at once
RETRY = 5.0  # seconds between two tries while nobody answers at all
GLANCE = 0.1  # seconds that such a try makes its client wait: a resolver that is back answers in less
MOST = 256  # questions under way: more than that is a flood
CODE = 0x000F


@dataclass(frozen=True)
class Send:
    """A packet to send: to a resolver of the machine (`outside`), or to a host in the fabric."""

    packet: bytes
    address: Address
    outside: bool = False


@dataclass
class Pending:
    """A question under way. Without a `client` (any more) it only tries whether somebody is there."""

    query: Query
    client: Address | None
    asked: tuple[str, ...]
    sent: float
    deadline: float
    poor: dict[str, bytes] = field(default_factory=dict)  # "I failed" by resolver: used when no other does better


class Forwarder:
    """Asks all resolvers at once; the first that knows (that there is, or is not, such a name) wins.

    `resolvers` gives their addresses at this moment. Times are seconds of one monotonic clock.
    """

    def __init__(self, resolvers: Callable[[], Sequence[str]], number: Callable[[], int] | None = None) -> None:
        self._resolvers = resolvers
        self._number = number or (lambda: secrets.randbits(16))
        self._pending: dict[int, Pending] = {}
        self._refused: dict[tuple[str, int], float] = {}  # until when, by question
        self._heard = float("-inf")
        self._silent = False
        self._next_try = float("-inf")

    def ask(self, query: Query, client: Address, now: float) -> list[Send]:
        """A host's question: send it outside, or refuse it at once when that would be waiting for nothing."""
        if self._silent and now < self._next_try:
            return [_refuse(query, client)]
        if self._refused.get((query.name, query.kind), now) > now:
            return [_refuse(query, client)]
        return self._send(query, client, now) or [_refuse(query, client)]

    def try_out(self, now: float) -> list[Send]:
        """Ask outside for something that everybody knows, so that no host has to be the first to wait."""
        return self._send(Query(0, 0x0100, "", 2, INTERNET, encoded("") + b"\0\x02\0\x01"), None, now)

    def hear(self, packet: bytes, source: Address, now: float) -> list[Send]:
        """A packet from outside: the reply to whom it is for. One that answers no question of ours is dropped."""
        pending = self._matching(packet, source)
        if pending is None:
            return []
        if self._silent:
            self._refused.clear()
        self._heard, self._silent = now, False
        number, flags, *_ = HEAD.unpack_from(packet)
        if flags & CODE not in {NOERROR, NXDOMAIN}:
            pending.poor[source[0]] = packet
            if len(pending.poor) < len(pending.asked):
                return []
        del self._pending[number]
        return _deliver(packet, pending)

    def expire(self, now: float) -> list[Send]:
        """Refuse what waited long enough. Where nothing was heard for a while either, nobody is there."""
        late = [(number, one) for number, one in self._pending.items() if now >= one.deadline]
        return [send for number, one in late for send in self._give_up(number, one, now)]

    def next_deadline(self) -> float | None:
        """When `expire` has something to do next."""
        return min((one.deadline for one in self._pending.values()), default=None)

    def _send(self, query: Query, client: Address | None, now: float) -> list[Send]:
        asked = tuple(dict.fromkeys(self._resolvers()))
        if not asked or len(self._pending) >= MOST:
            return []
        number = self._number() & 0xFFFF
        while number in self._pending:
            number = (number + 1) & 0xFFFF
        deadline = now + (GLANCE if self._silent else PATIENCE)
        self._pending[number] = Pending(query, client, asked, now, deadline)
        self._next_try = now + RETRY
        packet = HEAD.pack(number, query.flags, 1, 0, 0, 0) + query.question
        return [Send(packet, (address, PORT), outside=True) for address in asked]

    def _matching(self, packet: bytes, source: Address) -> Pending | None:
        if len(packet) < HEAD.size:
            return None
        number, flags, *_ = HEAD.unpack_from(packet)
        pending = self._pending.get(number)
        if pending is None or not flags & RESPONSE or source[1] != PORT or source[0] not in pending.asked:
            return None
        # Read as the question that it repeats: the same checks, and the case of letters is the resolver's own.
        question = parse(HEAD.pack(number, 0, 1, 0, 0, 0) + packet[HEAD.size :])
        same = question is not None and (question.name, question.kind) == (pending.query.name, pending.query.kind)
        return pending if same else None

    def _give_up(self, number: int, pending: Pending, now: float) -> list[Send]:
        client, pending.client = pending.client, None
        if now < pending.sent + PATIENCE:  # a glance was enough for the client; the answer may still come
            pending.deadline = pending.sent + PATIENCE
            return [_refuse(pending.query, client)] if client else []
        del self._pending[number]
        if client and pending.poor:
            return [_passed_on(next(iter(pending.poor.values())), pending.query, client)]
        # One name that nobody answers is no silence: some resolvers drop what they may not tell.
        self._silent = self._silent or self._heard < now - GRUDGE
        self._refused = {key: until for key, until in self._refused.items() if until > now}
        if client:
            self._refused[pending.query.name, pending.query.kind] = now + GRUDGE
        return [_refuse(pending.query, client)] if client else []


def resolvers(text: str) -> list[str]:
    """The addresses in a resolv.conf that can be asked from here: the first three, as libc does it."""
    lines = (line.split() for line in text.splitlines())
    found = [words[1] for words in lines if len(words) > 1 and words[0] == "nameserver"]
    return [address for address in found[:3] if "%" not in address]  # a zone is an interface: not one of this namespace


def _deliver(packet: bytes, pending: Pending) -> list[Send]:
    return [_passed_on(packet, pending.query, pending.client)] if pending.client else []


def _passed_on(packet: bytes, query: Query, client: Address) -> Send:
    return Send(query.id.to_bytes(2, "big") + packet[2:], client)


def _refuse(query: Query, client: Address) -> Send:
    return Send(reply(query, SERVFAIL), client)
