from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bootstrap.lab import dns

NAMES = {
    "prod-web-1": "10.91.0.12",
    "prod-web-1.prod.internal": "10.91.0.12",
    "metadata.google.internal": "169.254.169.254",
}


def question(name: str, kind: int = dns.A, *, number: int = 0x1234, flags: int = 0x0100, family: int = 1) -> bytes:
    head = struct.pack("!HHHHHH", number, flags, 1, 0, 0, 0)
    return head + dns.encoded(name) + struct.pack("!HH", kind, family)


def result(packet: bytes | None) -> tuple[int, int]:
    """(result code, number of answers) of a reply that repeats the question's number."""
    assert packet is not None
    number, flags, _, answers, authorities, more = struct.unpack_from("!HHHHHH", packet)
    assert (number, bool(flags & 0x8000), authorities, more) == (0x1234, True, 0, 0)
    return flags & 0xF, answers


@pytest.mark.parametrize("name", ["prod-web-1", "PROD-web-1.prod.internal", "metadata.google.internal"])
def test_known_names_have_their_address(name: str) -> None:
    """Short, whole, in any case, and whatever else the fabric wants known."""
    packet = dns.answer(question(name), NAMES)
    assert result(packet) == (dns.NOERROR, 1)
    assert packet is not None
    address = bytes(int(part) for part in NAMES[name.lower()].split("."))
    assert packet[12:].startswith(dns.encoded(name))
    assert packet.endswith(b"\xc0\x0c\0\x01\0\x01\0\0\0\x05\0\x04" + address)


@pytest.mark.parametrize("kind", [dns.AAAA, 15, 16, 33, 65])
def test_a_known_name_without_such_a_record(kind: int) -> None:
    """No error and nothing: "unknown" would also hide its address."""
    assert result(dns.answer(question("prod-web-1", kind), NAMES)) == (dns.NOERROR, 0)


@pytest.mark.parametrize(
    "name",
    [
        "instance-data",
        "__cloud_init_expected_not_found__",
        "prod-web-9.prod.internal",
        "a.b.internal",
        "example.invalid",
        "printer.local",
        "x.home.arpa",
        "9.0.91.10.in-addr.arpa",
        "1.0.16.172.in-addr.arpa",
        "10.in-addr.arpa",
        "9.9.254.169.in-addr.arpa",
    ],
)
@pytest.mark.parametrize("kind", [dns.A, dns.AAAA, dns.PTR])
def test_what_only_the_fabric_can_know_is_refused_at_once(name: str, kind: int) -> None:
    """Asking outside would only cost time."""
    assert result(dns.answer(question(name, kind), NAMES)) == (dns.NXDOMAIN, 0)


@pytest.mark.parametrize(
    "name", ["deb.debian.org", "internal.example.org", "8.8.8.8.in-addr.arpa", "1.0.32.172.in-addr.arpa", ""]
)
def test_other_names_are_for_the_outside(name: str) -> None:
    """None: to be forwarded."""
    assert dns.answer(question(name), NAMES) is None


def test_no_ipv6_outside() -> None:
    """The fabric has none, so nobody waits for such an address."""
    assert result(dns.answer(question("deb.debian.org", dns.AAAA), NAMES)) == (dns.NOERROR, 0)


def test_an_address_has_its_host_s_whole_name() -> None:
    """PTR gives the name with the domain."""
    packet = dns.answer(question("12.0.91.10.in-addr.arpa", dns.PTR), NAMES)
    assert result(packet) == (dns.NOERROR, 1)
    assert packet is not None
    assert packet.endswith(dns.encoded("prod-web-1.prod.internal"))


def test_other_classes_and_operations_are_refused() -> None:
    """CHAOS, updates, notifications: not here."""
    assert result(dns.answer(question("version.bind", 16, family=3), NAMES)) == (dns.REFUSED, 0)
    assert result(dns.answer(question("prod-web-1", flags=0x2800), NAMES)) == (dns.NOTIMP, 0)


def test_an_edns_question_is_a_question() -> None:
    """What stands behind the question is not needed."""
    asked = question("prod-web-1") + b"\0\0\x29\x05\xc0\0\0\0\0\0\0"
    assert result(dns.answer(asked[:10] + b"\0\x01" + asked[12:], NAMES)) == (dns.NOERROR, 1)


@pytest.mark.parametrize(
    "packet",
    [
        question("prod-web-1")[:-1],
        question("prod-web-1")[:15],
        question("prod-web-1")[:12],
        question("prod-web-1")[:4] + b"\0\x02" + question("prod-web-1")[6:],
        question("")[:12] + b"\xc0\x0c\0\x01\0\x01",  # a pointer to itself
        question("")[:12] + (b"\x3f" + b"a" * 63) * 5 + b"\0\0\x01\0\x01",  # longer than a name may be
    ],
)
def test_no_whole_question_is_a_format_error(packet: bytes) -> None:
    """The asker is told, so that it need not wait."""
    assert result(dns.answer(packet, NAMES)) == (dns.FORMERR, 0)


@pytest.mark.parametrize("packet", [b"", b"\x12\x34", question("prod-web-1", flags=0x8180)])
def test_silence_for_what_is_no_question_at_all(packet: bytes) -> None:
    """An answer to an answer would be answered again."""
    assert dns.answer(packet, NAMES) == b""


def replies(packet: bytes) -> None:
    """Whatever it is: forwarded, silence, or a reply of bounded size."""
    found = dns.answer(packet, NAMES)
    assert found is None or found == b"" or 12 <= len(found) <= len(packet) + 300


@given(st.binary(max_size=600))
def test_random_bytes_never_crash(data: bytes) -> None:
    """Garbage, also behind a good head."""
    replies(data)
    replies(struct.pack("!HHHHHH", 0x1234, 0x0100, 1, 0, 0, 0) + data)


@given(st.text(max_size=40).map(lambda text: text.encode()[:60]), st.integers(0, 0xFFFF))
def test_random_labels_never_crash(label: bytes, kind: int) -> None:
    """Labels of any bytes, alone and below the domains that are ours."""
    head = struct.pack("!HHHHHH", 0x1234, 0x0100, 1, 0, 0, 0)
    for below in ("", "prod.internal", "91.10.in-addr.arpa"):
        name = (bytes([len(label)]) + label if label else b"") + dns.encoded(below)
        replies(head + name + struct.pack("!HH", kind, 1))
