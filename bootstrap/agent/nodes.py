"""The nodes of the swarm as a manager sees them, and the changes made to one."""

from __future__ import annotations

import json
from typing import Any, Callable, NamedTuple

from .engine_api import Engine, EngineError

POOL, ZONE, INSTANCE, HOLD = "bootstrap.pool", "bootstrap.zone", "bootstrap.instance", "bootstrap.hold"
DAEMON = "bootstrap.daemon"  # a label of the engine, as INSTANCE is
APPLIED = "bootstrap.availability"  # the availability that the leader gave it last: who differs was changed by hand
POOL_KEYS = "bootstrap.pool-labels"  # which labels came from the pool, so that they can be taken away again
_TRIES = 5
_RUNNING = ("new", "allocated", "pending", "assigned", "accepted", "preparing", "ready", "starting", "running")


class Node(NamedTuple):
    """One node. `reachability` is None when it holds no raft seat; `claim` and `daemon` are the engine's own labels.

    Which machine it is, `instance`, is known once `owner.identify` has looked at more than the claim.
    """

    id: str
    hostname: str
    role: str
    state: str
    availability: str
    address: str
    leader: bool
    reachability: str | None
    engine: str
    arch: str
    labels: dict[str, str]
    created: str
    claim: str | None = None  # the instance that its description names, which may be another node's
    daemon: str | None = None  # the settings that its engine runs with, as JSON
    instance: str | None = None
    sure: bool = False  # more than one thing says so
    version: int = 0  # another one after each committed change, even one that changes nothing

    @property
    def member(self) -> bool:
        """True when it holds a raft seat."""
        return self.reachability is not None

    @property
    def well(self) -> bool:
        """A manager that answers the leader, or a worker that answers the managers."""
        return self.state == "ready" and self.reachability in (None, "reachable")


def parse(raw: dict[str, Any]) -> Node:
    """A node from the API's own form."""
    spec, described, status = raw.get("Spec") or {}, raw.get("Description") or {}, raw.get("Status") or {}
    seat, engine, platform = raw.get("ManagerStatus"), described.get("Engine") or {}, described.get("Platform") or {}
    address = (seat.get("Addr") or "").rpartition(":")[0] if seat else status.get("Addr") or ""
    return Node(
        id=raw["ID"],
        hostname=described.get("Hostname") or "",
        role=spec.get("Role") or "worker",
        state=(status.get("State") or "unknown").lower(),
        availability=(spec.get("Availability") or "active").lower(),
        address=address.strip("[]"),
        leader=bool(seat and seat.get("Leader")),
        reachability=(seat.get("Reachability") or "unknown") if seat else None,
        engine=engine.get("EngineVersion") or "",
        arch=platform.get("Architecture") or "",
        labels=dict(spec.get("Labels") or {}),
        created=raw.get("CreatedAt") or "",
        claim=(engine.get("Labels") or {}).get(INSTANCE) or None,
        daemon=(engine.get("Labels") or {}).get(DAEMON),
        version=int((raw.get("Version") or {}).get("Index") or 0),
    )


def read(engine: Engine) -> list[Node]:
    """Every node. From a leader that was cut off this may be some seconds old: commit a barrier before acting."""
    return [parse(raw) for raw in engine.nodes()]


def find(nodes: list[Node], node_id: str) -> Node | None:
    """The node of that id, or None."""
    return next((node for node in nodes if node.id == node_id), None)


def change(engine: Engine, node_id: str, edit: Callable[[dict[str, Any]], None], version: int | None = None) -> None:
    """Edit a node's spec in place and commit it; read again when somebody else was faster.

    `version`: only as the node was then. What was decided on that is not done to a node that changed since.
    """
    for attempt in range(_TRIES):
        raw = engine.request("GET", f"/nodes/{node_id}")
        spec = json.loads(json.dumps(raw["Spec"]))
        edit(spec)
        try:
            update(engine, node_id, version or raw["Version"]["Index"], spec)
        except EngineError as error:
            if error.kind != "out_of_sequence" or version or attempt == _TRIES - 1:
                raise
        else:
            return


def version_of(engine: Engine, node_id: str) -> int:
    """The version that a node has now."""
    return int(engine.request("GET", f"/nodes/{node_id}")["Version"]["Index"])


def update(engine: Engine, node_id: str, version: int, spec: dict[str, Any]) -> None:
    """Commit a whole spec, made from the one of that version."""
    engine.request("POST", f"/nodes/{node_id}/update", spec, version=version)


def barrier(engine: Engine, node_id: str) -> None:
    """A committed write that changes nothing: proof that a quorum listens, which no read can give."""
    change(engine, node_id, lambda _: None)


def set_availability(engine: Engine, node_id: str, availability: str, hold: bool | None = None) -> None:
    """active, pause or drain; `hold` sets or takes away the mark that keeps a drain by hand."""

    def edit(spec: dict[str, Any]) -> None:
        spec["Availability"] = availability
        labels = spec["Labels"] = dict(spec.get("Labels") or {})
        if hold:
            labels[HOLD] = "true"
        elif hold is False:
            labels.pop(HOLD, None)
            labels.pop(APPLIED, None)  # the leader gives it again what its pool wishes

    change(engine, node_id, edit)


def busy(engine: Engine, node_id: str) -> int:
    """How many tasks still run on a node or are stopping there. Tasks of global kind are gone too once it drains."""
    return sum(1 for task in engine.tasks(node_id) if (task.get("Status") or {}).get("State") in _RUNNING)
