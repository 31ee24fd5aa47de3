"""The metadata service on the wire: HTTP on 169.254.169.254:80, in front of the pure `metadata.respond`.

Not http.server: that brings ssl and email along, and doubles the memory of a process that stands in every fabric.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Mapping
from dataclasses import replace
from http import HTTPStatus
from socketserver import StreamRequestHandler, ThreadingTCPServer
from typing import Any

from bootstrap.lab.metadata import TREES, Request, Response, plain, respond
from bootstrap.lab.roster import Roster
from bootstrap.lab.wire import log

ADDRESS = ("169.254.169.254", 80)
PATIENCE = 10.0  # seconds for the next bytes: a frozen host must not hold a thread for ever
LARGEST_HEAD, LARGEST_BODY = 16 * 1024, 64 * 1024  # bytes
MOST = 256  # threads: a container gone wild must not take the machine's memory
REMEMBERED = 4096  # outcomes


class MetadataServer(ThreadingTCPServer):
    """One thread and one request for each connection."""

    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, roster: Roster, address: tuple[str, int] = ADDRESS) -> None:
        self.roster = roster
        self.trees = TREES
        self._outcomes: dict[tuple[str, str], int] = {}
        super().__init__(address, Handler)

    def verify_request(self, *_: Any) -> bool:
        """Too many at once: the connection is closed, and whoever is in earnest comes again."""
        return threading.active_count() < MOST

    def handle_error(self, _request: Any, client_address: Any) -> None:
        """One line instead of a traceback; that a client went away is not even that."""
        error = sys.exc_info()[1]
        if not isinstance(error, OSError):
            log(f"metadata: {client_address[0]}: {error!r}")

    def note(self, request: Request, status: int) -> None:
        """Log an outcome when it is another than the last time: agents ask every few seconds for years."""
        key = (request.source, f"{request.method} {request.path}")
        if self._outcomes.get(key) == status:
            return
        if len(self._outcomes) >= REMEMBERED:
            self._outcomes.clear()
        self._outcomes[key] = status
        log(f"metadata: {request.source} {key[1]!r} {status}")


class Handler(StreamRequestHandler):
    """Reads one request, writes one response, and closes: nobody here asks often enough to keep connections."""

    server: MetadataServer
    timeout = PATIENCE
    wbufsize = -1  # head and body in one packet

    def handle(self) -> None:
        """Serve the connection."""
        request = parse(self._head(), self.client_address[0])
        if request is None:
            return self._write(plain(400, "this is no HTTP/1 request"), "GET")
        length = body_length(request.headers)
        if length is None:
            response = plain(413, "the body is too large, or does not say how large it is")
        else:
            whole = replace(request, body=self.rfile.read(length))
            response = respond(whole, self.server.roster, self.server.trees)
        self.server.note(request, response.status)
        return self._write(response, request.method)

    def _head(self) -> bytes:
        """Up to and with the empty line, or as much of it as there is and may be."""
        head = b""
        while len(head) < LARGEST_HEAD:
            line = self.rfile.readline(LARGEST_HEAD)
            head += line
            if line in {b"\r\n", b"\n", b""}:
                break
        return head

    def _write(self, response: Response, method: str) -> None:
        self.wfile.write(head_of(response) + (b"" if method == "HEAD" else response.body))


def parse(head: bytes, source: str) -> Request | None:
    """The request without its body, from its first line to the empty one; None when it is no whole HTTP/1 head."""
    lines = head.decode("latin-1").replace("\r\n", "\n").split("\n")
    words = lines[0].split(" ")
    if len(words) != 3 or not words[1].startswith("/") or not words[2].startswith("HTTP/1."):
        return None
    if lines[-2:] != ["", ""]:
        return None  # cut short
    headers: dict[str, str] = {}
    for line in lines[1:-2]:
        name, colon, value = line.partition(":")
        if not colon or not name or name != name.strip():
            return None
        headers[name.lower()] = value.strip()
    path, _, query = words[1].partition("?")
    return Request(words[0], path, source, query, headers)


def body_length(headers: Mapping[str, str]) -> int | None:
    """How many bytes of body follow; None when that is not said plainly, or is too much."""
    length = headers.get("content-length", "0")
    plainly = length.isascii() and length.isdigit() and len(length) < 10 and "transfer-encoding" not in headers
    return int(length) if plainly and int(length) <= LARGEST_BODY else None


def head_of(response: Response) -> bytes:
    """The first line and the headers, with the empty line."""
    headers = (
        ("Content-Type", response.content_type),
        ("Content-Length", str(len(response.body))),
        ("Connection", "close"),
        *response.headers,
    )
    lines = (f"{name}: {value}\r\n" for name, value in headers)
    return f"HTTP/1.1 {response.status} {HTTPStatus(response.status).phrase}\r\n{''.join(lines)}\r\n".encode("latin-1")
