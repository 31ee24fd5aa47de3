"""DHCP of a fabric (RFC 2131): every host has one fixed address, known by its MAC. Pure: a packet in, a packet out."""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network

MAGIC = b"\x63\x82\x53\x63"
HEAD = struct.Struct("!BBBBIHH4s4s4s4s16s192x4s")  # up to and with the magic number; sname and file are not used
REQUEST, REPLY, ETHERNET, MAC_LENGTH = 1, 2, 1, 6
SERVER_PORT, CLIENT_PORT = 67, 68
BROADCAST = 0x8000  # the flag with which a client asks for broadcast answers
EVERYBODY = "255.255.255.255"
NOWHERE = bytes(4)
LEASE = 3600  # seconds
SHORTEST = 300  # bytes of a BOOTP packet: some clients drop what is shorter

DISCOVER, OFFER, REQUESTED, ACK, NAK, INFORM = 1, 2, 3, 5, 6, 8
PAD, MASK, ROUTER, DNS, DOMAIN, MTU, BROADCAST_ADDRESS = 0, 1, 3, 6, 15, 26, 28
WANTED, LEASE_TIME, KIND, SERVER, CLIENT, END = 50, 51, 53, 54, 61, 255

Option = tuple[int, bytes]


@dataclass(frozen=True)
class Network:
    """What every host is told. `server` is also the router and the resolver; `domain` ends host names."""

    subnet: IPv4Network
    server: IPv4Address
    domain: str
    mtu: int = 1500


@dataclass(frozen=True)
class Message:
    """What a client says. `mac` is in lower case with colons; addresses are 4 bytes, zero when not given."""

    kind: int
    transaction: int
    flags: int
    client: bytes
    relay: bytes
    hardware: bytes
    mac: str
    options: Mapping[int, bytes]


@dataclass(frozen=True)
class Answer:
    """A packet and where to send it."""

    packet: bytes
    address: str
    port: int


def parse(packet: bytes) -> Message | None:
    """The client's message, or None for anything that is not a whole DHCP request from an Ethernet card."""
    if len(packet) < HEAD.size:
        return None
    op, kind, length, _, transaction, _, flags, client, _, _, relay, hardware, magic = HEAD.unpack_from(packet)
    if (op, kind, length, magic) != (REQUEST, ETHERNET, MAC_LENGTH, MAGIC):
        return None
    options = _options(packet[HEAD.size :])
    if len(options.get(KIND, b"")) != 1:
        return None
    mac = ":".join(f"{byte:02x}" for byte in hardware[:MAC_LENGTH])
    return Message(options[KIND][0], transaction, flags, client, relay, hardware, mac, options)


def answer(packet: bytes, network: Network, lease: Callable[[str], str | None]) -> Answer | None:
    """The reply to one packet; None for silence. `lease` gives the address of a MAC, or None for a stranger."""
    message = parse(packet)
    if message is None or message.relay != NOWHERE:  # nobody relays in a fabric that is one wire
        return None
    found = lease(message.mac)
    if found is None:
        return None
    address = IPv4Address(found).packed
    if message.kind == DISCOVER:
        return _reply(message, network, OFFER, address)
    if message.kind == REQUESTED:
        return _requested(message, network, address)
    if message.kind == INFORM:  # it has its address already and asks for the rest
        return _reply(message, network, ACK, NOWHERE)
    return None  # DECLINE, RELEASE: the address stays the host's all the same


def _requested(message: Message, network: Network, address: bytes) -> Answer | None:
    if message.options.get(SERVER, network.server.packed) != network.server.packed:
        return None  # it took the offer of another server
    wanted = message.options.get(WANTED) or message.client
    if wanted != address:
        return _refusal(message, network)
    return _reply(message, network, ACK, address)


def _reply(message: Message, network: Network, kind: int, address: bytes) -> Answer:
    server = network.server.packed
    options: list[Option] = [
        (KIND, bytes([kind])),
        (SERVER, server),
        *([(LEASE_TIME, struct.pack("!I", LEASE))] if address != NOWHERE else []),
        (MASK, network.subnet.netmask.packed),
        (ROUTER, server),
        (DNS, server),
        (DOMAIN, network.domain.encode()),
        (MTU, struct.pack("!H", network.mtu)),
        (BROADCAST_ADDRESS, network.subnet.broadcast_address.packed),
    ]
    # A client that has its address is spoken to there; the others cannot answer ARP yet, so they hear a broadcast.
    to = EVERYBODY if message.client == NOWHERE or message.flags & BROADCAST else str(IPv4Address(message.client))
    return Answer(_packet(message, options, server, message.client, address), to, CLIENT_PORT)


def _refusal(message: Message, network: Network) -> Answer:
    server = network.server.packed
    options: list[Option] = [(KIND, bytes([NAK])), (SERVER, server)]
    return Answer(_packet(message, options, server, NOWHERE, NOWHERE), EVERYBODY, CLIENT_PORT)


def _packet(message: Message, options: list[Option], server: bytes, client: bytes, address: bytes) -> bytes:
    head = HEAD.pack(
        REPLY, ETHERNET, MAC_LENGTH, 0, message.transaction, 0, message.flags,
        client, address, server, message.relay, message.hardware, MAGIC,
    )  # fmt: skip
    echoed = [(CLIENT, message.options[CLIENT])] if CLIENT in message.options else []  # RFC 6842
    body = b"".join(bytes([code, len(value)]) + value for code, value in [*options, *echoed])
    return (head + body + bytes([END])).ljust(SHORTEST, b"\0")


def _options(data: bytes) -> dict[int, bytes]:
    """The options up to the end mark or to the first that is cut short; of a repeated one, the first."""
    found: dict[int, bytes] = {}
    at = 0
    while at < len(data) and data[at] != END:
        if data[at] == PAD:
            at += 1
            continue
        length = data[at + 1] if at + 1 < len(data) else len(data)
        value = data[at + 2 : at + 2 + length]
        if len(value) < length:
            break
        found.setdefault(data[at], value)
        at += 2 + length
    return found
