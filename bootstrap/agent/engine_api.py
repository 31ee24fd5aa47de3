"""Docker's Engine API over its unix socket: version negotiated, a deadline on every call, errors typed."""

from __future__ import annotations

import base64
import http.client
import json
import socket
import time
from typing import Any
from urllib.parse import quote, urlencode

from .errors import AgentError

SOCKET = "/var/run/docker.sock"
NEWEST = "1.52"  # of the versions of the API that this was tried with
DEADLINE = 25.0  # seconds; the longest answer that swarm itself gives takes 20

# The engine's own words, exactly as measured, and what they mean to us. The first match wins.
KINDS = (
    ("A valid join token is necessary", "stale_token"),
    ("remote CA does not match fingerprint", "wrong_ca"),
    ("invalid join token", "bad_token"),
    ("reachable external CA corresponding to the current CA certificate", "no_ca_key"),
    ("Timeout was reached before node", "pending"),
    ("already part of a swarm", "in_swarm"),
    ("could not connect to prospective new cluster member", "dial_back"),
    ("result in a loss of quorum", "quorum_guard"),
    ("must be demoted to worker before removal", "demote_first"),
    ("is not down and can't be removed", "not_down"),
    ("update out of sequence", "out_of_sequence"),
    ("no space left on device", "disk"),
    ("Swarm is encrypted and needs to be unlocked", "locked"),
    ("certificate has expired or is not yet valid", "clock"),
    ("certificates have expired", "expired"),
    ("does not have a leader", "no_quorum"),
    ("DeadlineExceeded", "no_quorum"),
    ("context deadline exceeded", "no_quorum"),
    ("not part of a swarm", "not_in_swarm"),
    ("not a swarm manager", "not_manager"),
    ("connection refused", "unreachable"),
    ("no route to host", "unreachable"),
    ("Unavailable", "unreachable"),
)
_FIXES = {
    "dial_back": "let the managers reach TCP 2377 of this machine, and check its advertised address",
    "wrong_ca": "the store may belong to another cluster, or somebody stands between: compare ca_digest",
    "bad_token": "the join token in the store is damaged: rotate it",
    "disk": "free disk space",
    "clock": "set the clock of this machine",
    "no_quorum": "bring back a majority of the managers",
}

# A connection or an answer that took too long; before Python 3.10 the socket's is no TimeoutError.
_LATE = (TimeoutError, socket.timeout)


class EngineError(AgentError):
    """The engine refused, failed or did not answer. `kind` says which; `status` is the HTTP status or 0.

    One that did not answer in time is "down" as one that is off: whoever acts on it cannot tell. Its code tells people.
    """

    def __init__(self, message: str, *, status: int = 0, kind: str = "", where: str = "docker", code: str = "") -> None:
        self.kind = kind or classify(message, status)
        self.status = status
        super().__init__(message, where=where, fix=_FIXES.get(self.kind, ""), code=code or f"engine_{self.kind}")


def classify(message: str, status: int = 0) -> str:
    """The kind of an engine's message."""
    found = next((kind for text, kind in KINDS if text in message), "")
    return found or ("not_found" if status == 404 else "unknown")


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: str, timeout: float) -> None:
        super().__init__("docker", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


class Engine:
    """One engine. Every method raises EngineError; bodies and answers are the API's own JSON."""

    def __init__(self, path: str = SOCKET, deadline: float = DEADLINE) -> None:
        self._path = path
        self.deadline = deadline
        self._version = ""

    def request(self, method: str, path: str, body: Any = None, **query: Any) -> Any:
        """The decoded JSON answer, or None when it is empty. `query` values that are None are left out."""
        if not self._version:
            self._version = _negotiated(self._send("GET", "/_ping", None)[1])
        text = urlencode({key: value for key, value in query.items() if value is not None})
        raw, _ = self._send(method, f"/v{self._version}{path}" + (f"?{text}" if text else ""), body)
        try:
            return json.loads(raw) if raw.strip() else None
        except ValueError:
            raise EngineError("the answer is no JSON", kind="down") from None

    def _send(self, method: str, url: str, body: Any) -> tuple[bytes, str]:
        connection = self._connection()
        until = time.monotonic() + self.deadline
        try:
            payload = None if body is None else json.dumps(body)
            connection.request(method, url, payload, {"Content-Type": "application/json"} if payload else {})
            response = connection.getresponse()
            raw = _read(connection, response, until)
        except (OSError, http.client.HTTPException) as error:
            self._version = ""  # it may come back as another version
            raise _unanswered(error, self.deadline) from None
        finally:
            connection.close()
        if response.status >= 400:
            raise EngineError(_message(raw), status=response.status)
        return raw, response.getheader("Api-Version") or ""

    def _connection(self) -> http.client.HTTPConnection:
        return _UnixConnection(self._path, self.deadline)

    def info(self) -> dict[str, Any]:
        """GET /info."""
        return _dict(self.request("GET", "/info"))

    def swarm(self) -> dict[str, Any]:
        """GET /swarm: only on managers, only with a quorum. Holds the live join tokens."""
        return _dict(self.request("GET", "/swarm"))

    def leave(self) -> None:
        """Leave the swarm, whatever this node is in it; in none already is success."""
        try:
            self.request("POST", "/swarm/leave", force="1")
        except EngineError as error:
            if error.kind != "not_in_swarm":
                raise

    def nodes(self) -> list[dict[str, Any]]:
        """GET /nodes."""
        return list(self.request("GET", "/nodes") or [])

    def labelled(self, kind: str, label: str, **query: Any) -> list[dict[str, Any]]:
        """Objects of a kind (services, networks, configs, secrets) that carry `label` (`key` or `key=value`)."""
        return list(self.request("GET", f"/{kind}", filters=json.dumps({"label": [label]}), **query) or [])

    def tasks(self, node_id: str) -> list[dict[str, Any]]:
        """The tasks that swarm has placed on a node, finished ones included."""
        return list(self.request("GET", "/tasks", filters=json.dumps({"node": [node_id]})) or [])

    def delete(self, kind: str, name: str, **query: Any) -> None:
        """Delete one object; already gone is success."""
        try:
            self.request("DELETE", f"/{kind}/{quote(name, safe='')}", **query)
        except EngineError as error:
            if error.status != 404:
                raise


def encode(data: str) -> str:
    """Text as the API wants the data of configs."""
    return base64.b64encode(data.encode()).decode()


def _unanswered(error: Exception, deadline: float) -> EngineError:
    if isinstance(error, _LATE):
        return EngineError(f"the engine does not answer within {deadline:g} s", kind="down", code="engine_slow")
    reason = getattr(error, "strerror", None) or type(error).__name__
    return EngineError(f"the engine does not answer: {reason}", kind="down")


def _read(connection: http.client.HTTPConnection, response: http.client.HTTPResponse, until: float) -> bytes:
    parts: list[bytes] = []
    while True:
        left = until - time.monotonic()
        if left <= 0:
            raise TimeoutError("deadline")
        if connection.sock is not None:
            connection.sock.settimeout(left)
        part = response.read1(65536)
        if not part:
            return b"".join(parts)
        parts.append(part)


def _negotiated(theirs: str) -> str:
    """The newest that both know: a later engine still answers in the form that this was written for."""
    return min(theirs or "1.41", NEWEST, key=lambda version: [int(part) for part in version.split(".")])


def _message(raw: bytes) -> str:
    text = raw.decode("utf-8", "replace").strip()
    try:
        found: str | None = json.loads(text).get("message")
    except (ValueError, AttributeError):
        found = None
    return found or text or "no message"


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
