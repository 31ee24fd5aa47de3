"""DNS of a fabric: host names are answered here and at once, names of the internet are asked outside. Pure.

A name that cannot exist outside is never asked there: a resolver that does not answer costs 40 seconds of every boot.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address

HEAD = struct.Struct("!HHHHHH")  # id, flags, then how many questions, answers, authorities, additional records
RESPONSE, AUTHORITATIVE, RECURSION_WANTED, RECURSION_OFFERED = 0x8000, 0x0400, 0x0100, 0x0080
OPERATION = 0x7800  # the bits that say what is asked for; zero is a query
NOERROR, FORMERR, SERVFAIL, NXDOMAIN, NOTIMP, REFUSED = range(6)
A, PTR, AAAA, ANY, INTERNET = 1, 12, 28, 255, 1
ASKED_NAME = b"\xc0\x0c"  # a pointer to the question's name, which always stands at 12
TTL = 5  # seconds: an address moves to another host when one is replaced
LONGEST_NAME = 255

# Reserved names (RFC 6761, 6762, 7686, 8375, 9476): nobody outside can know them.
RESERVED = ("internal", "invalid", "test", "local", "localhost", "onion", "alt", "home.arpa")
REVERSE = ".in-addr.arpa"
PRIVATE = ("10", "127", "168.192", "254.169", *(f"{second}.172" for second in range(16, 32)))  # as in REVERSE


@dataclass(frozen=True)
class Query:
    """One question. `name` is in lower case without the last dot; `question` is the section as it came."""

    id: int
    flags: int
    name: str
    kind: int
    family: int
    question: bytes


def parse(packet: bytes) -> Query | None:
    """The one question of a packet; None when it is not exactly that."""
    if len(packet) < HEAD.size:
        return None
    number, flags, questions, *_ = HEAD.unpack_from(packet)
    end = _name_end(packet)
    if flags & RESPONSE or questions != 1 or end is None or len(packet) < end + 4:
        return None
    kind, family = struct.unpack_from("!HH", packet, end)
    return Query(number, flags, _name(packet), kind, family, packet[HEAD.size : end + 4])


def answer(packet: bytes, names: Mapping[str, str]) -> bytes | None:
    """The reply that can be given here; None when the question is for the outside. b"" means: say nothing.

    `names` is address by name in lower case: hosts, and whatever else this fabric wants to be known.
    """
    query = parse(packet)
    if query is None or query.flags & OPERATION:
        return refusal(packet)
    if query.family != INTERNET:
        return reply(query, REFUSED)
    if query.name in names:
        wanted = query.kind in {A, ANY}
        return reply(query, NOERROR, [(A, IPv4Address(names[query.name]).packed)] if wanted else [])
    known = _reverse(query.name, names)
    if known is not None:
        return reply(query, NOERROR, [(PTR, encoded(known))] if query.kind in {PTR, ANY} else [])
    if inside(query.name):
        return reply(query, NXDOMAIN)
    return reply(query, NOERROR) if query.kind == AAAA else None  # no IPv6 in the fabric: nobody has to wait for it


def inside(name: str) -> bool:
    """Whether only this fabric can know the name: one label, a reserved name, a private address."""
    if "." not in name:
        return bool(name)
    if name.endswith(REVERSE):
        return any(f".{name.removesuffix(REVERSE)}".endswith(f".{net}") for net in PRIVATE)
    return any(name.endswith(f".{one}") for one in RESERVED)


def reply(query: Query, code: int, answers: list[tuple[int, bytes]] | None = None) -> bytes:
    """A packet with that result and those records (type, data) of the asked name."""
    records = [ASKED_NAME + struct.pack("!HHIH", kind, INTERNET, TTL, len(data)) + data for kind, data in answers or []]
    authority = 0 if code in {SERVFAIL, REFUSED} else AUTHORITATIVE
    flags = RESPONSE | authority | query.flags & RECURSION_WANTED | RECURSION_OFFERED | code
    return HEAD.pack(query.id, flags, 1, len(records), 0, 0) + query.question + b"".join(records)


def refusal(packet: bytes) -> bytes:
    """The reply to a packet that is no question: what is wrong, or nothing where even its head is cut short."""
    if len(packet) < HEAD.size:
        return b""
    number, flags, *_ = HEAD.unpack_from(packet)
    if flags & RESPONSE:
        return b""  # answering an answer would never end
    code = NOTIMP if flags & OPERATION else FORMERR
    return HEAD.pack(number, RESPONSE | flags & (OPERATION | RECURSION_WANTED) | RECURSION_OFFERED | code, 0, 0, 0, 0)


def encoded(name: str) -> bytes:
    """A name as it stands in a packet; its labels must be shorter than 64 bytes."""
    return b"".join(bytes([len(label)]) + label.encode("latin-1") for label in name.split(".") if label) + b"\0"


def _name_end(packet: bytes) -> int | None:
    """Where the question's name ends; None when it is cut short, too long, or compressed, which none may be."""
    at = HEAD.size
    while at < len(packet) and at - HEAD.size < LONGEST_NAME:
        length = packet[at]
        if length == 0:
            return at + 1
        if length > 63:
            return None
        at += 1 + length
    return None


def _name(packet: bytes) -> str:
    labels: list[str] = []
    at = HEAD.size
    while packet[at]:
        labels.append(packet[at + 1 : at + 1 + packet[at]].decode("latin-1"))
        at += 1 + packet[at]
    return ".".join(labels).lower()


def _reverse(name: str, names: Mapping[str, str]) -> str | None:
    """The longest name of the host whose address a PTR question names."""
    if not name.endswith(REVERSE):
        return None
    address = ".".join(reversed(name.removesuffix(REVERSE).split(".")))
    return max((one for one, known in names.items() if known == address), key=len, default=None)
