from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bootstrap.lab.metadata import Request, Response
from bootstrap.lab.webserver import body_length, head_of, parse


def test_a_head_becomes_a_request() -> None:
    """Method, path, query and headers are told apart; header names lose their case."""
    head = b"GET /bootstrap/v1/identity?a=b HTTP/1.1\r\nHost: x\r\nX-Bootstrap-Metadata:1 \r\n\r\n"
    assert parse(head, "10.91.0.11") == Request(
        "GET", "/bootstrap/v1/identity", "10.91.0.11", "a=b", {"host": "x", "x-bootstrap-metadata": "1"}
    )


def test_a_request_without_headers() -> None:
    """HTTP/1.0 needs none."""
    assert parse(b"GET / HTTP/1.0\r\n\r\n", "10.91.0.11") == Request("GET", "/", "10.91.0.11")


@pytest.mark.parametrize(
    "head",
    [
        b"",
        b"\r\n",
        b"GET /\r\n\r\n",
        b"GET http://x/ HTTP/1.1\r\n\r\n",
        b"GET / HTTP/2\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\n",
        b"GET / HTTP/1.1\r\nHost: x",
        b"GET / HTTP/1.1\r\nno colon\r\n\r\n",
        b"GET / HTTP/1.1\r\nA: b\r\n folded: c\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01",
    ],
)
def test_what_is_no_whole_request_is_none(head: bytes) -> None:
    """Cut short, another protocol, or a header that two readers could read in two ways."""
    assert parse(head, "10.91.0.11") is None


@given(st.binary(max_size=300))
def test_random_bytes_never_crash(data: bytes) -> None:
    """Whatever comes over the wire is a request or is none."""
    for head in (data, b"GET / HTTP/1.1\r\n" + data + b"\r\n\r\n"):
        request = parse(head, "10.91.0.11")
        assert request is None or request.path.startswith("/")


@pytest.mark.parametrize(
    ("headers", "length"),
    [
        ({}, 0),
        ({"content-length": "12"}, 12),
        ({"content-length": "65536"}, 65536),
        ({"content-length": "65537"}, None),
        ({"content-length": "-1"}, None),
        ({"content-length": "٣"}, None),
        ({"content-length": "9" * 5000}, None),
        ({"content-length": ""}, None),
        ({"transfer-encoding": "chunked"}, None),
    ],
)
def test_the_length_of_a_body(headers: dict[str, str], length: int | None) -> None:
    """Only a plain and moderate number is read."""
    assert body_length(headers) == length


def test_a_response_says_how_long_it_is() -> None:
    """The head is complete, with the headers that a tree adds."""
    head = head_of(Response(403, b"no\n", "text/plain", (("Metadata-Flavor", "Google"),)))
    assert head == (
        b"HTTP/1.1 403 Forbidden\r\nContent-Type: text/plain\r\nContent-Length: 3\r\n"
        b"Connection: close\r\nMetadata-Flavor: Google\r\n\r\n"
    )
