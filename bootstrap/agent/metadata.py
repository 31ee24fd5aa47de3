"""Who this machine is and which machines there are, as the cloud says it: never the node's own claim."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol

from .errors import AgentError, Unavailable

GONE = ("terminated", "terminating")
_LIMIT = 4 << 20  # bytes of an answer


class MetadataUnavailable(Unavailable):
    """The metadata service gave no usable answer: this is no information, above all not absence."""


class Machine(NamedTuple):
    """One instance. `state` is pending, running, stopped or terminating; `cluster` and `uid` only of oneself."""

    instance: str
    hostname: str
    role: str
    pool: str
    zone: str
    address: str
    state: str
    cluster: str = ""
    uid: str = ""


class Metadata(Protocol):
    """The metadata service of one cloud."""

    def identity(self) -> Machine:
        """This machine. Raises MetadataUnavailable."""
        ...

    def machines(self) -> dict[str, Machine]:
        """Every machine of the cluster by instance; one that is missing is terminated. Only managers may ask."""
        ...


def open_metadata(config: Mapping[str, Any]) -> Metadata:
    """The metadata service of `agent.json`: {"kind": "local", "url": …}. Other clouds add their kind here."""
    if config.get("kind") == "local":
        return LocalMetadata(config["url"])
    raise AgentError(f"no metadata service of kind {config.get('kind')!r}", where="agent.json", code="config")


def list_machines(metadata: Metadata) -> dict[str, Machine] | None:
    """Every machine by instance, or None when the cloud says nothing: a list without this very machine says nothing."""
    try:
        machines = metadata.machines()
        return machines if metadata.identity().instance in machines else None
    except Unavailable:
        return None


class LocalMetadata:
    """The metadata service of a `local` cluster."""

    def __init__(self, url: str, timeout: float = 5.0) -> None:
        self._host = url.split("//", 1)[-1].rstrip("/")
        self._timeout = timeout

    def identity(self) -> Machine:
        """See Metadata."""
        return _machine(self._get("identity"))

    def machines(self) -> dict[str, Machine]:
        """See Metadata."""
        found = self._get("instances").get("instances")
        if not isinstance(found, list):
            raise MetadataUnavailable("the list of instances is malformed", where=self._host)
        return {machine.instance: machine for machine in map(_machine, found)}

    def _get(self, path: str) -> dict[str, Any]:
        import http.client

        connection = http.client.HTTPConnection(self._host, timeout=self._timeout)
        try:
            connection.request("GET", f"/bootstrap/v1/{path}", headers={"X-Bootstrap-Metadata": "1"})
            response = connection.getresponse()
            document = json.loads(response.read(_LIMIT)) if response.status == 200 else None
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise MetadataUnavailable(f"no answer: {type(error).__name__}", where=self._host) from None
        finally:
            connection.close()
        if not isinstance(document, dict):
            raise MetadataUnavailable(f"{path}: HTTP {response.status}", where=self._host)
        return document


def _machine(raw: Any) -> Machine:
    if not isinstance(raw, dict) or not all(isinstance(raw.get(key), str) for key in Machine._fields[:7]):
        raise MetadataUnavailable("an identity is malformed")
    return Machine(**{key: str(raw.get(key, "")) for key in Machine._fields})
