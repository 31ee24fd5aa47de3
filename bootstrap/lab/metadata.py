"""The metadata service of a fabric: what a host may ask about itself and its cluster, as at 169.254.169.254 of a cloud.

Pure: a request in, a response out. Who asks is known by the source address alone. The service is a row of route tables
("trees"); one more kind of cloud is one more tree.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from bootstrap.errors import BootstrapError
from bootstrap.lab.records import HostRecord
from bootstrap.lab.roster import Roster

HEADER = "x-bootstrap-metadata"
JSON = "application/json"
READING = ("GET", "HEAD")


@dataclass(frozen=True)
class Request:
    """What was asked. Header names are in lower case; `source` is the asker's IPv4 address."""

    method: str
    path: str
    source: str
    query: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass(frozen=True)
class Response:
    """What is answered."""

    status: int
    body: bytes = b""
    content_type: str = "text/plain; charset=utf-8"
    headers: tuple[tuple[str, str], ...] = ()


class Tree(Protocol):
    """One route table. Trees are tried in order; the first that claims a request answers it."""

    def claims(self, request: Request) -> bool:
        """Whether this request is for this tree."""
        ...

    def answer(self, request: Request, host: HostRecord, roster: Roster) -> Response:
        """The response to `host`, which asks."""
        ...


class BootstrapTree:
    """`/bootstrap/v1/…`: what the agent asks. The header keeps out a program tricked into fetching a URL."""

    def claims(self, request: Request) -> bool:
        """Everything below /bootstrap/."""
        return request.path.startswith("/bootstrap/")

    def answer(self, request: Request, host: HostRecord, roster: Roster) -> Response:
        """JSON; 403 without the header, or for what the asker may not know."""
        if request.method not in READING:
            return plain(405, "only GET and HEAD")
        if request.headers.get(HEADER) != "1" or "x-forwarded-for" in request.headers:
            return plain(403, "the header X-Bootstrap-Metadata: 1 is required, and no proxy may stand between")
        if request.path == "/bootstrap/v1/identity":
            return document(_identity(host, roster))
        if request.path == "/bootstrap/v1/instances":
            return _instances(host, roster)
        return plain(404, "no such path")


class SeedTree:
    """`/cloud-init/…`: the seed of cloud-init's NoCloud source."""

    def claims(self, request: Request) -> bool:
        """Everything below /cloud-init/."""
        return request.path.startswith("/cloud-init/")

    def answer(self, request: Request, host: HostRecord, roster: Roster) -> Response:
        """One file of the seed. cloud-init asks ten times, a second apart, for a file that is 404, needed or not."""
        if request.method not in READING:
            return plain(405, "only GET and HEAD")
        match request.path.removeprefix("/cloud-init/"):
            case "meta-data":
                return document(_seed(host, roster))  # YAML is asked for; JSON is YAML
            case "user-data":
                text = roster.user_data(host)
                return plain(503, "not written yet") if text is None else Response(200, text)
            case "vendor-data":
                return Response(200)
            case "network-config":
                return document({"config": "disabled"})  # the fabric gave the address before the host was powered on
            case _:
                return plain(404, "no such path")


TREES: tuple[Tree, ...] = (BootstrapTree(), SeedTree())


def respond(request: Request, roster: Roster, trees: Sequence[Tree] = TREES) -> Response:
    """Answer one request: 404 to a stranger, 503 when the records cannot be read, which says nothing about anybody."""
    try:
        host = roster.at(request.source)
        if host is None:
            return plain(404, "this address is no host of the cluster")
        tree = next((one for one in trees if one.claims(request)), None)
        return plain(404, "no such path") if tree is None else tree.answer(request, host, roster)
    except (BootstrapError, OSError) as error:
        return plain(503, f"the records of the cluster cannot be read: {error}")


def document(content: object) -> Response:
    """A JSON answer."""
    return Response(200, (json.dumps(content, indent=1) + "\n").encode(), JSON)


def plain(status: int, text: str) -> Response:
    """An answer of one line of text."""
    return Response(status, f"{text}\n".encode())


def _identity(host: HostRecord, roster: Roster) -> dict[str, str]:
    # Whoever asks is running, whatever the file of its supervisor says.
    state = "terminating" if roster.state(host) == "terminating" else "running"
    return {"cluster": host.cluster, "uid": host.uid, **_shown(host), "state": state}


def _instances(host: HostRecord, roster: Roster) -> Response:
    if host.role != "manager":
        return plain(403, "only managers may ask for the others")
    return document({"instances": [{**_shown(one), "state": state} for one, state in roster.states()]})


def _shown(host: HostRecord) -> dict[str, str]:
    return {
        "instance": host.instance,
        "hostname": host.hostname,
        "role": host.role,
        "pool": host.pool,
        "zone": host.zone,
        "address": host.address,
    }


def _seed(host: HostRecord, roster: Roster) -> dict[str, Any]:
    return {"instance-id": host.instance, "local-hostname": host.hostname, "public-keys": roster.public_keys()}
