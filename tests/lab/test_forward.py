from __future__ import annotations

import itertools
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bootstrap.lab import dns
from bootstrap.lab.forward import GLANCE, GRUDGE, MOST, PATIENCE, RETRY, Forwarder, Send, resolvers
from tests.lab.test_dns import question

CLIENT = ("10.91.0.11", 40000)
FIRST, SECOND = ("192.0.2.1", 53), ("192.0.2.2", 53)


def forwarder(*addresses: str) -> Forwarder:
    return Forwarder(lambda: addresses, itertools.count(100).__next__)


def query(name: str, kind: int = dns.A) -> dns.Query:
    found = dns.parse(question(name, kind))
    assert found is not None
    return found


def reply(sent: Send, code: int = dns.NOERROR) -> bytes:
    """What a resolver says to what it was sent."""
    asked = dns.parse(sent.packet)
    assert asked is not None
    return dns.reply(asked, code, [(dns.A, b"\x01\x02\x03\x04")] if code == dns.NOERROR else [])


def code_of(sends: Sequence[Send]) -> int:
    """The result code of the one reply, which goes to the client with its own number."""
    assert [(one.address, one.outside, one.packet[:2]) for one in sends] == [(CLIENT, False, b"\x12\x34")]
    return sends[0].packet[3] & 0xF


def silent() -> Forwarder:
    """One whose resolver never answered: it knows that at time 1."""
    made = forwarder(FIRST[0])
    assert [one.address for one in made.try_out(0.0)] == [FIRST]
    assert made.expire(PATIENCE) == []
    return made


def test_a_question_goes_to_all_resolvers_and_the_first_answer_comes_back() -> None:
    """With a number of ours on the way, and the client's own on the way back."""
    asked = forwarder(FIRST[0], SECOND[0])
    sends = asked.ask(query("deb.debian.org"), CLIENT, 0.0)
    assert [(one.address, one.outside) for one in sends] == [(FIRST, True), (SECOND, True)]
    assert [one.packet[:2] for one in sends] == [b"\0\x64"] * 2
    answers = asked.hear(reply(sends[1]), SECOND, 0.1)
    assert (code_of(answers), answers[0].packet.endswith(b"\x01\x02\x03\x04")) == (dns.NOERROR, True)
    assert asked.hear(reply(sends[0]), FIRST, 0.2) == []
    assert asked.next_deadline() is None


def test_no_such_name_is_an_answer() -> None:
    """The first that knows there is none wins as well."""
    asked = forwarder(FIRST[0], SECOND[0])
    sends = asked.ask(query("nowhere.example.org"), CLIENT, 0.0)
    assert code_of(asked.hear(reply(sends[0], dns.NXDOMAIN), FIRST, 0.1)) == dns.NXDOMAIN


def test_a_resolver_that_fails_waits_for_a_better_one() -> None:
    """A failure is passed on only when nobody does better: the last to say so, or at the deadline."""
    asked = forwarder(FIRST[0], SECOND[0])
    sends = asked.ask(query("a.example.org"), CLIENT, 0.0)
    assert asked.hear(reply(sends[0], dns.REFUSED), FIRST, 0.1) == []
    assert code_of(asked.hear(reply(sends[1]), SECOND, 0.2)) == dns.NOERROR
    sends = asked.ask(query("b.example.org"), CLIENT, 1.0)
    assert asked.hear(reply(sends[0], dns.REFUSED), FIRST, 1.1) == []
    assert code_of(asked.expire(1.0 + PATIENCE)) == dns.REFUSED


def test_only_an_answer_to_the_question_counts() -> None:
    """Another source, port, number, name or type, a question, a short packet: dropped."""
    asked = forwarder(FIRST[0])
    sent = asked.ask(query("deb.debian.org"), CLIENT, 0.0)[0]
    good = reply(sent)
    other = asked.ask(query("evil.example.org"), CLIENT, 0.0)[0]
    bad = [
        (good, ("192.0.2.9", 53)),
        (good, (FIRST[0], 5353)),
        (b"\x99\x99" + good[2:], FIRST),
        (good[:2] + reply(other)[2:], FIRST),
        (sent.packet, FIRST),
        (good[:11], FIRST),
        (b"", FIRST),
    ]
    assert [asked.hear(packet, source, 0.1) for packet, source in bad] == [[]] * len(bad)
    assert code_of(asked.hear(good, FIRST, 0.2)) == dns.NOERROR


def test_a_name_that_nobody_answers_waits_once() -> None:
    """The first to ask waits for PATIENCE; then it is refused at once for a while; others are not touched."""
    asked = forwarder(FIRST[0])
    asked.hear(reply(asked.ask(query("good.example.org"), CLIENT, 0.0)[0]), FIRST, 0.0)
    assert asked.ask(query("slow.example.org"), CLIENT, 1.0)[0].outside
    assert asked.next_deadline() == 1.0 + PATIENCE
    assert asked.expire(1.0 + PATIENCE / 2) == []
    assert code_of(asked.expire(1.0 + PATIENCE)) == dns.SERVFAIL
    assert code_of(asked.ask(query("slow.example.org"), CLIENT, 3.0)) == dns.SERVFAIL
    assert asked.ask(query("good.example.org"), CLIENT, 3.0)[0].outside
    assert asked.ask(query("slow.example.org"), CLIENT, 2.0 + GRUDGE)[0].outside


def test_where_nobody_answers_no_boot_waits() -> None:
    """The daemon's own first try finds that out, so every host's question is refused at once."""
    asked = silent()
    for number in range(50):
        at = PATIENCE + number * 0.01
        assert code_of(asked.ask(query(f"{number}.example.org"), CLIENT, at)) == dns.SERVFAIL
    assert asked.next_deadline() is None


def test_in_silence_one_question_now_and_then_goes_out() -> None:
    """It waits for a glance only; its late answer still ends the silence."""
    asked = silent()
    sends = asked.ask(query("a.example.org"), CLIENT, RETRY)
    assert sends[0].outside
    assert code_of(asked.ask(query("b.example.org"), CLIENT, RETRY)) == dns.SERVFAIL
    assert code_of(asked.expire(RETRY + GLANCE)) == dns.SERVFAIL
    assert asked.hear(reply(sends[0]), FIRST, RETRY + 0.5) == []
    assert asked.ask(query("b.example.org"), CLIENT, RETRY + 0.6)[0].outside


def test_after_a_silence_an_answer_within_the_glance_is_used() -> None:
    """The first question after the network is back is answered."""
    asked = silent()
    sends = asked.ask(query("a.example.org"), CLIENT, RETRY)
    assert code_of(asked.hear(reply(sends[0]), FIRST, RETRY + 0.05)) == dns.NOERROR


def test_silence_goes_on_when_a_try_is_not_answered() -> None:
    """And a try is not repeated before its time."""
    asked = silent()
    asked.ask(query("a.example.org"), CLIENT, RETRY)
    asked.expire(RETRY + GLANCE)
    assert asked.expire(RETRY + PATIENCE) == []
    assert code_of(asked.ask(query("a.example.org"), CLIENT, RETRY + PATIENCE)) == dns.SERVFAIL
    assert asked.ask(query("a.example.org"), CLIENT, 2 * RETRY)[0].outside


def test_without_resolvers_all_is_refused_at_once() -> None:
    """A machine that has none is no reason to wait; one that gets some is served."""
    addresses: list[str] = []
    asked = Forwarder(lambda: addresses)
    assert asked.try_out(0.0) == []
    assert code_of(asked.ask(query("deb.debian.org"), CLIENT, 0.0)) == dns.SERVFAIL
    addresses.append(FIRST[0])
    assert asked.ask(query("deb.debian.org"), CLIENT, 0.1)[0].address == FIRST


def test_a_flood_is_bounded() -> None:
    """More questions than MOST under way are refused; numbers are never used twice at once."""
    asked = Forwarder(lambda: [FIRST[0]], lambda: 7)
    sends = [asked.ask(query(f"{number}.example.org"), CLIENT, 0.0)[0] for number in range(MOST)]
    assert len({one.packet[:2] for one in sends}) == MOST
    assert code_of(asked.ask(query("more.example.org"), CLIENT, 0.0)) == dns.SERVFAIL


@given(st.lists(st.tuples(st.binary(max_size=80), st.sampled_from([FIRST, SECOND, ("10.91.0.11", 53)]))))
def test_random_packets_from_outside_never_crash(packets: list[tuple[bytes, tuple[str, int]]]) -> None:
    """What is no answer changes nothing: the real one still arrives."""
    asked = forwarder(FIRST[0])
    sent = asked.ask(query("deb.debian.org"), CLIENT, 0.0)[0]
    for packet, source in packets:
        assert asked.hear(packet, source, 0.1) == []
        assert asked.hear(sent.packet[:2] + packet, source, 0.1) == []
    assert code_of(asked.hear(reply(sent), FIRST, 0.2)) == dns.NOERROR


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", []),
        ("# x\nnameserver 10.0.0.1\noptions edns0\nnameserver\n nameserver ::1 # y\n", ["10.0.0.1", "::1"]),
        (
            "nameserver 1.1.1.1\nnameserver fe80::1%eth0\nnameserver 3.3.3.3\nnameserver 4.4.4.4\n",
            ["1.1.1.1", "3.3.3.3"],
        ),
    ],
)
def test_resolvers_of_a_resolv_conf(text: str, found: list[str]) -> None:
    """The first three, without those that only make sense on one interface."""
    assert resolvers(text) == found
