"""The Engine API over a real unix socket in the test's own folder."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from bootstrap.agent.engine_api import Engine, EngineError, classify
from bootstrap.agent.errors import redact

TOKEN = "SWMTKN-1-3pu6hszjas19xyp7ghgosyx9k8atbfcr8p2is99znpy26u2lkl-7p73s1dx5in4tatdymyhg9hu2"


class Server:
    """Answers each connection with the next of `answers`, and keeps what it was asked."""

    def __init__(self, path: str) -> None:
        self.asked: list[str] = []
        self.answers: list[bytes] = []
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.bind(path)
        self._socket.listen(8)
        threading.Thread(target=self._serve, daemon=True).start()

    def say(self, status: int, body: object, *headers: str) -> None:
        text = json.dumps(body).encode()
        head = "\r\n".join((f"HTTP/1.1 {status} X", f"Content-Length: {len(text)}", *headers))
        self.answers.append(head.encode() + b"\r\n\r\n" + text)

    def close(self) -> None:
        self._socket.close()

    def _serve(self) -> None:
        while True:
            try:
                peer, _ = self._socket.accept()
            except OSError:
                return
            with peer:
                self.asked.append(_whole(peer))
                if self.answers:
                    peer.sendall(self.answers.pop(0))


def _whole(peer: socket.socket) -> str:
    """One request with its body, which comes in a packet of its own."""
    text = ""
    while True:
        head, end, body = text.partition("\r\n\r\n")
        length = int(head.partition("Content-Length: ")[2].partition("\r")[0] or 0)
        if end and len(body) >= length:
            return text
        text += peer.recv(65536).decode()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    one = Server(str(tmp_path / "docker.sock"))
    yield one
    one.close()


@pytest.fixture
def engine(server: Server, tmp_path: Path) -> Engine:
    return Engine(str(tmp_path / "docker.sock"), deadline=2)


def test_version_is_the_engines_own(server: Server, engine: Engine) -> None:
    """The version of /_ping stands in every later path, and is asked once."""
    server.say(200, "OK", "Api-Version: 1.52")
    server.say(200, {"Swarm": {"LocalNodeState": "active"}})
    server.say(200, {})
    assert engine.info()["Swarm"]["LocalNodeState"] == "active"
    engine.info()
    assert [text.split(" HTTP")[0] for text in server.asked] == ["GET /_ping", "GET /v1.52/info", "GET /v1.52/info"]


def test_body_and_query(server: Server, engine: Engine) -> None:
    """A body goes as JSON, a query encoded, and None is left out."""
    server.say(200, "OK", "Api-Version: 1.41")
    server.say(200, None)
    engine.request("POST", "/nodes/x/update", {"Role": "worker"}, version=7, force=None)
    head, _, body = server.asked[1].partition("\r\n\r\n")
    assert head.startswith("POST /v1.41/nodes/x/update?version=7 HTTP/1.1")
    assert json.loads(body) == {"Role": "worker"}


def test_chunked_answers_are_read_whole(server: Server, engine: Engine) -> None:
    """Docker sends long lists in chunks."""
    server.say(200, "OK", "Api-Version: 1.41")
    server.answers.append(b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\n[{"a\r\n6\r\n":1}] \r\n0\r\n\r\n')
    assert engine.nodes() == [{"a": 1}]


def test_refusal_carries_its_kind_and_no_token(server: Server, engine: Engine) -> None:
    """The engine's message decides the kind; a token in it is not repeated."""
    server.say(200, "OK", "Api-Version: 1.41")
    server.say(400, {"message": f"invalid join token {TOKEN}"})
    with pytest.raises(EngineError) as caught:
        engine.request("POST", "/swarm/join", {})
    assert (caught.value.kind, caught.value.status) == ("bad_token", 400)
    assert "SWMTKN" not in str(caught.value) + repr(caught.value) + caught.value.what


def test_silence_ends_at_the_deadline(server: Server, tmp_path: Path) -> None:
    """A socket that accepts and hangs up, and one that is not there, are an engine that is down."""
    for path in ("docker.sock", "none.sock"):
        with pytest.raises(EngineError) as caught:
            Engine(str(tmp_path / path), deadline=0.2).info()
        assert caught.value.kind == "down"


def test_hanging_engine_ends_at_the_deadline(tmp_path: Path) -> None:
    """A socket that accepts and never answers costs one deadline."""
    silent = socket.socket(socket.AF_UNIX)
    silent.bind(str(tmp_path / "s"))
    silent.listen(1)
    with pytest.raises(EngineError, match="does not answer"):
        Engine(str(tmp_path / "s"), deadline=0.1).info()
    silent.close()


def test_leaving_twice_is_success(server: Server, engine: Engine) -> None:
    """Not being in a swarm is what leaving wants."""
    server.say(200, "OK", "Api-Version: 1.41")
    server.say(503, {"message": "This node is not part of a swarm"})
    engine.leave()
    assert server.asked[1].startswith("POST /v1.41/swarm/leave?force=1")


@pytest.mark.parametrize(
    ("message", "kind"),
    [
        ("rpc error: code = InvalidArgument desc = A valid join token is necessary to join this cluster", "stale_token"),
        ("error while validating Root CA Certificate: remote CA does not match fingerprint. Expected: ab", "wrong_ca"),
        ("invalid join token", "bad_token"),
        ('rpc error: code = Unavailable desc = all SubConns: "dial tcp 1.2.3.4:2377: connection refused"', "unreachable"),
        ("Timeout was reached before node joined. The attempt to join will continue in the background.", "pending"),
        ("This node is already part of a swarm. Use leave to leave this swarm and join another one.", "in_swarm"),
        ("could not connect to prospective new cluster member using its advertised address", "dial_back"),
        ("rpc error: code = Unknown desc = The swarm does not have a leader. It's possible", "no_quorum"),
        ("rpc error: code = DeadlineExceeded desc = context deadline exceeded", "no_quorum"),
        ("can't remove member from the raft: this would result in a loss of quorum", "quorum_guard"),
        ("node x is a cluster manager and is a member of the raft cluster. It must be demoted to worker before removal", "demote_first"),
        ("rpc error: code = Unknown desc = update out of sequence", "out_of_sequence"),
        ("write /var/lib/docker/swarm: no space left on device", "disk"),
        ("x509: certificate has expired or is not yet valid", "clock"),
        ("Swarm is encrypted and needs to be unlocked before it can be used.", "locked"),
        ("the moon is full", "unknown"),
    ],
)  # fmt: skip
def test_every_known_message_has_its_kind(message: str, kind: str) -> None:
    """The table of measured messages."""
    assert classify(message) == kind


@pytest.mark.parametrize(
    "secret", [TOKEN, "SWMKEY-1-abcDEF/+", "-----BEGIN RSA PRIVATE KEY-----\nMII\n-----END RSA PRIVATE KEY-----"]
)
def test_redact(secret: str) -> None:
    """Tokens, unlock keys and PEM blocks never pass."""
    assert redact(f"a {secret} b") == "a <redacted> b"


@pytest.mark.parametrize(
    ("theirs", "used"), [("1.41", "1.41"), ("1.9", "1.9"), ("1.52", "1.52"), ("1.60", "1.52"), ("2.0", "1.52")]
)
def test_version_is_the_newest_that_both_know(server: Server, engine: Engine, theirs: str, used: str) -> None:
    """A later engine is asked in the form that this was written for."""
    server.say(200, "OK", f"Api-Version: {theirs}")
    server.say(200, {})
    engine.info()
    assert server.asked[1].startswith(f"GET /v{used}/info ")


def test_too_late_is_told_apart_from_off(tmp_path: Path) -> None:
    """Both are down to whoever acts on it; a person reads which of them does not answer in time."""
    silent, left = socket.socket(socket.AF_UNIX), socket.socket(socket.AF_UNIX)
    silent.bind(str(tmp_path / "slow"))
    silent.listen(1)
    left.bind(str(tmp_path / "refused"))
    left.close()
    told = []
    for name in ("slow", "refused", "none"):
        with pytest.raises(EngineError) as caught:
            Engine(str(tmp_path / name), deadline=0.1).info()
        told.append((caught.value.kind, caught.value.code))
    silent.close()
    assert told == [("down", "engine_slow"), ("down", "engine_down"), ("down", "engine_down")]
