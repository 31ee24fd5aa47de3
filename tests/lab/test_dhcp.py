from __future__ import annotations

import struct
from ipaddress import IPv4Address, IPv4Network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bootstrap.lab import dhcp
from bootstrap.lab.dhcp import Answer, Network, answer, parse

NETWORK = Network(IPv4Network("10.91.0.0/20"), IPv4Address("10.91.0.1"), "prod.internal")
MAC = "02:00:0a:5b:00:0b"
LEASES = {MAC: "10.91.0.11"}
HEAD = b"\x63\x82\x53\x63"


def ip(address: str) -> bytes:
    return IPv4Address(address).packed


def packet(
    kind: int, *, mac: str = MAC, client: str = "0.0.0.0", relay: str = "0.0.0.0", flags: int = 0, **options: bytes
) -> bytes:
    """What a client sends; options as `o54=b"…"`."""
    hardware = bytes.fromhex(mac.replace(":", "")).ljust(16, b"\0")
    head = struct.pack("!BBBBIHH", 1, 1, 6, 0, 0xDEADBEEF, 3, flags)
    addresses = ip(client) + bytes(8) + ip(relay)
    chosen = {53: bytes([kind]), **{int(name[1:]): value for name, value in options.items()}}
    body = b"".join(bytes([code, len(value)]) + value for code, value in chosen.items())
    return head + addresses + hardware + bytes(192) + HEAD + b"\0\0" + body + b"\xff"


def ask(data: bytes) -> Answer | None:
    return answer(data, NETWORK, LEASES.get)


def opened(found: Answer | None) -> tuple[bytes, dict[int, bytes]]:
    """The fixed part and the options of an answer."""
    assert found is not None
    assert found.packet[236:240] == HEAD
    options, at = {}, 240
    while found.packet[at] != 255:
        code, length = found.packet[at : at + 2]
        options[code] = found.packet[at + 2 : at + 2 + length]
        at += 2 + length
    return found.packet[:236], options


def test_discover_is_offered_the_fixed_address_and_all_that_a_host_needs() -> None:
    """Address, mask of the /20, router, resolver, domain, MTU and who offers."""
    found = ask(packet(1))
    head, options = opened(found)
    assert head[:8] == bytes([2, 1, 6, 0]) + b"\xde\xad\xbe\xef"
    assert (head[16:20], head[28:34]) == (ip("10.91.0.11"), bytes.fromhex("02000a5b000b"))
    assert options == {
        53: b"\x02",
        54: ip("10.91.0.1"),
        51: struct.pack("!I", 3600),
        1: ip("255.255.240.0"),
        3: ip("10.91.0.1"),
        6: ip("10.91.0.1"),
        15: b"prod.internal",
        26: struct.pack("!H", 1500),
        28: ip("10.91.15.255"),
    }
    assert found is not None
    assert (found.address, found.port, len(found.packet) >= 300) == ("255.255.255.255", 68, True)


def test_the_broadcast_flag_and_the_client_id_come_back() -> None:
    """RFC 2131 wants the flags as they came, RFC 6842 the client's id."""
    head, options = opened(ask(packet(1, flags=0x8000, o61=b"\xff\x01id")))
    assert (head[10:12], options[61]) == (b"\x80\x00", b"\xff\x01id")


@pytest.mark.parametrize(
    "data",
    [
        packet(3, o54=ip("10.91.0.1"), o50=ip("10.91.0.11")),  # took our offer
        packet(3, o50=ip("10.91.0.11")),  # was rebooted and remembers
    ],
)
def test_a_request_for_its_own_address_is_acknowledged(data: bytes) -> None:
    """Both after an offer and after a reboot."""
    head, options = opened(ask(data))
    assert (options[53], head[16:20]) == (b"\x05", ip("10.91.0.11"))


def test_a_renewal_is_answered_at_the_client_s_address() -> None:
    """It has its address, so it can be reached there; unless it asks for a broadcast."""
    found = ask(packet(3, client="10.91.0.11"))
    head, options = opened(found)
    assert found is not None
    assert (found.address, head[12:16], options[53]) == ("10.91.0.11", ip("10.91.0.11"), b"\x05")
    loud = ask(packet(3, client="10.91.0.11", flags=0x8000))
    assert loud is not None
    assert loud.address == "255.255.255.255"


@pytest.mark.parametrize(
    "data",
    [
        packet(3, o50=ip("192.168.1.7")),
        packet(3, o54=ip("10.91.0.1"), o50=ip("10.91.0.12")),
        packet(3, client="10.91.0.12"),
        packet(3, o50=b"\x0a"),
        packet(3),
    ],
)
def test_a_wrong_address_is_refused_aloud(data: bytes) -> None:
    """NAK to everybody: a client with a wrong address cannot be reached there. It then starts anew."""
    found = ask(data)
    head, options = opened(found)
    assert found is not None
    assert (options, head[12:20], found.address) == ({53: b"\x06", 54: ip("10.91.0.1")}, bytes(8), "255.255.255.255")


def test_inform_gets_settings_and_no_lease() -> None:
    """It has an address from elsewhere."""
    head, options = opened(ask(packet(8, client="10.91.0.11")))
    assert (options[53], head[16:20], 51 in options, options[3]) == (b"\x05", bytes(4), False, ip("10.91.0.1"))


@pytest.mark.parametrize(
    "data",
    [
        packet(1, mac="02:00:00:00:00:01"),  # a stranger
        packet(3, mac="02:00:00:00:00:01", o50=ip("10.91.0.11")),
        packet(3, o54=ip("10.91.0.9"), o50=ip("10.91.0.11")),  # took another server's offer
        packet(4),  # decline
        packet(7),  # release
        packet(2),  # an offer: not from a client
        packet(1, relay="10.99.0.1"),
        packet(1)[:200],
        b"\x02" + packet(1)[1:],  # a reply
        packet(1)[:236] + b"nope" + packet(1)[240:],
        packet(1)[:240] + b"\xff",  # plain BOOTP
        packet(1)[:240] + b"\x35\x05\x01",  # cut short
    ],
)
def test_silence(data: bytes) -> None:
    """What is not for us, or not whole, is not answered."""
    assert ask(data) is None


def test_the_first_of_a_repeated_option_counts() -> None:
    """One packet has one meaning."""
    found = parse(packet(1)[:-1] + b"\x35\x01\x03\xff")
    assert found is not None
    assert found.options[dhcp.KIND] == b"\x01"


@given(st.binary(max_size=700))
def test_random_bytes_never_crash(data: bytes) -> None:
    """Garbage is silence; garbage behind a good head, too, or an answer of bounded size."""
    assert ask(data) is None or data[:1] == b"\x01"
    found = ask(packet(1)[:240] + data)
    assert found is None or 300 <= len(found.packet) <= 1000


@given(st.binary(min_size=240, max_size=600), st.integers(min_value=0, max_value=8))
def test_random_heads_never_crash(data: bytes, kind: int) -> None:
    """Any flags, addresses and options with a known MAC: an answer or none."""
    whole = packet(kind, o50=data[:4])
    mixed = whole[:8] + data[8:28] + whole[28:]
    found = ask(mixed)
    assert found is None or found.port == 68
