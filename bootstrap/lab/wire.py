"""The sockets of a fabric's services, and the loops that carry packets between them and the pure parts."""

from __future__ import annotations

import fcntl
import select
import socket
import struct
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import TypeVar

from bootstrap.errors import BootstrapError
from bootstrap.lab import dhcp, dns
from bootstrap.lab.forward import Address, Forwarder, Send
from bootstrap.lab.roster import Roster

Outside = Mapping[int, socket.socket]  # by address family
SIOCGIFADDR = 0x8915
LARGEST = 65535  # bytes of a datagram
Handled = TypeVar("Handled")


def log(text: str) -> None:
    """One line to stderr. A full disk must not end the service, so a line may be lost."""
    with suppress(OSError, ValueError):
        sys.stderr.write(f"{time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime())} {text}\n")
        sys.stderr.flush()


def outside_sockets() -> Outside:
    """One socket for each address family of the machine; they stay in the namespace in which they are made."""
    found: dict[int, socket.socket] = {}
    for family in (socket.AF_INET, socket.AF_INET6):
        with suppress(OSError):  # a kernel without IPv6
            found[family] = _datagrams(family)
    return found


def dns_socket(gateway: str) -> socket.socket:
    """Bound to the resolver's address in the fabric."""
    return _bound(_datagrams(), (gateway, 53))


def dhcp_socket(gateway: str) -> socket.socket:
    """Bound to the bridge: who has no address yet can only be heard and answered by broadcast."""
    device = _device(gateway).encode()
    made = _datagrams()
    made.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, device)
    return _bound(made, ("0.0.0.0", dhcp.SERVER_PORT))  # noqa: S104 - on that device only


def serve_dhcp(inside: socket.socket, network: dhcp.Network, roster: Roster) -> None:
    """Answer for ever."""
    while True:
        packet, _ = _receive(inside)
        answer = _carefully(dhcp_asked, packet, network, roster)
        if answer is not None:
            _send(inside, answer.packet, (answer.address, answer.port))


def serve_dns(inside: socket.socket, outside: Outside, roster: Roster, forwarder: Forwarder) -> None:
    """Answer for ever."""
    _send_all(forwarder.try_out(time.monotonic()), inside, outside)
    while True:
        deadline = forwarder.next_deadline()
        patience = None if deadline is None else max(0.0, deadline - time.monotonic())
        ready, _, _ = select.select([inside, *outside.values()], [], [], patience)
        for one in ready:
            packet, source = _receive(one)
            if one is inside:
                sends = _carefully(dns_asked, packet, source, time.monotonic(), roster, forwarder)
            else:
                sends = _carefully(forwarder.hear, packet, source, time.monotonic())
            _send_all(sends or [], inside, outside)
        _send_all(forwarder.expire(time.monotonic()), inside, outside)


def dhcp_asked(packet: bytes, network: dhcp.Network, roster: Roster) -> dhcp.Answer | None:
    """A host's request: what is to be sent, if anything."""

    def lease(mac: str) -> str | None:
        host = roster.wearing(mac)
        return host.address if host else None

    return dhcp.answer(packet, network, lease)


def dns_asked(packet: bytes, client: Address, now: float, roster: Roster, forwarder: Forwarder) -> list[Send]:
    """A host's question: what is to be sent now, to it or outside."""
    query = dns.parse(packet)
    try:
        answer = dns.answer(packet, roster.names())
    except (BootstrapError, OSError):  # records that cannot be read do not say that a name is unknown
        answer = dns.reply(query, dns.SERVFAIL) if query else b""
    if answer is None and query is not None:
        return forwarder.ask(query, client, now)
    return [Send(answer, client)] if answer else []


def _carefully(handle: Callable[..., Handled], *arguments: object) -> Handled | None:
    """What `handle` gives; an error in one packet is a line in the log and silence, never the end of the service."""
    try:
        return handle(*arguments)
    except Exception as error:  # noqa: BLE001 - whatever it is, the next host still needs its answer
        log(f"a packet was dropped: {error!r}")
        return None


def _receive(one: socket.socket) -> tuple[bytes, Address]:
    try:
        packet, source = one.recvfrom(LARGEST)
    except OSError:  # the network said so about an earlier packet: it is told once
        return b"", ("", 0)
    return packet, (source[0], source[1])


def _send_all(sends: Sequence[Send], inside: socket.socket, outside: Outside) -> None:
    for send in sends:
        family = socket.AF_INET6 if ":" in send.address[0] else socket.AF_INET
        one = outside.get(family) if send.outside else inside
        if one is not None:
            _send(one, send.packet, send.address)


def _send(one: socket.socket, packet: bytes, address: Address) -> None:
    with suppress(OSError):  # unreachable is as good as lost: whoever asked asks again
        one.sendto(packet, address)


def _datagrams(family: int = socket.AF_INET) -> socket.socket:
    return socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)


def _bound(one: socket.socket, address: Address) -> socket.socket:
    try:
        one.bind(address)
    except OSError:
        one.close()
        raise
    return one


def _device(address: str) -> str:
    """The name of the device that has that address."""
    with _datagrams() as one:
        for _, name in socket.if_nameindex():
            with suppress(OSError):  # a device without an address
                found = fcntl.ioctl(one.fileno(), SIOCGIFADDR, struct.pack("256s", name.encode()))
                if socket.inet_ntoa(found[20:24]) == address:
                    return name
    raise BootstrapError(f"no device has the address {address}", where="the fabric", fix="run `bootstrap up` again")
