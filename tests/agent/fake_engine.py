"""Docker engines that remember, behaving as real ones were measured to: they share a `World` of swarms."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

from bootstrap.agent.engine_api import EngineError
from tests.agent.fake_manager import FakeManager
from tests.agent.fake_swarm import Swarm, World, copy_of


class FakeEngine(FakeManager):
    """One engine. `up`, `linked` (to the others), `dials_back`, `black_hole`, `leaderless`, `init_dies`: the faults."""

    def __init__(self, world: World, address: str, instance: str) -> None:
        super().__init__("/nowhere")
        self.world, self.address, self.instance = world, address, instance
        self.up = self.linked = self.dials_back = True
        self.init_dies = ""  # "" | "spec": dies before the spec is applied | "key": before the CA key is kept | "raft": before raft has a member | "reply": its answer is lost
        self.black_hole: set[str] = set()
        self.leaderless: set[str] = set()
        self.state, self.node_id, self.error = "inactive", "", ""
        self.labels: list[str] = []
        self.hollow = False  # its raft log has no member: nobody will ever lead
        self.advertised = ""  # the address that it joined with
        self.home: Swarm | None = None
        self.ca_file: Path | None = None
        world.engines.append(self)

    @property
    def reachable(self) -> bool:
        return self.up and self.linked

    def request(self, method: str, path: str, body: Any = None, **query: Any) -> Any:
        if not self.up or self.node_id in self.world.panicking:
            raise EngineError("the engine does not answer", kind="down")
        name, parts = _route(f"{method} {path}")
        handler: Callable[..., Any] = getattr(self, f"_{name}")
        return copy_of(handler(*parts, body=copy_of(body), query=query))

    # -- this node

    def _info(self, **_: Any) -> Any:
        manager = self.home is not None and self.node_id in self.home.raft and self.state == "active"
        block: dict[str, Any] = {
            "LocalNodeState": self.state,
            "NodeID": "" if self.state in ("error", "locked") else self.node_id,  # as measured
            "ControlAvailable": manager,
            "Error": self.error,
            "NodeAddr": self.advertised,
        }
        if manager and self.home:
            block["Cluster"] = {"ID": self.home.id, "TLSInfo": {"TrustRoot": self.home.pem}}
        return {"Swarm": block, "Labels": self.labels}

    def _init(self, body: dict[str, Any], **_: Any) -> Any:
        self._must_be_out()
        self.world.log.append(("init", self.instance))
        swarm = self.world.make(body, default=self.init_dies == "spec")
        self._enter(swarm, "manager", body["Availability"])
        swarm.has_key = self.init_dies != "key"
        if self.init_dies == "raft":
            self.state, self.hollow, swarm.raft = "pending", True, []
        if self.init_dies:
            self.init_dies = ""
            raise EngineError("the engine does not answer: killed", kind="down")
        return self.node_id

    def _join(self, body: dict[str, Any], **_: Any) -> Any:
        self._must_be_out()
        address = body["RemoteAddrs"][0]
        if address in self.black_hole:
            self.state, self.node_id = "pending", self.world.word()
            raise EngineError(
                "Timeout was reached before node was joined. The attempt will continue in the background."
            )
        if address in self.leaderless:
            raise EngineError("rpc error: code = Unknown desc = The swarm does not have a leader")
        peer = self.world.at(address) if self.linked else None
        if peer is None or peer.home is None or peer.node_id not in peer.home.raft:
            raise EngineError(f"rpc error: code = Unavailable desc = connection refused {address}")
        if not peer.home.has_key:
            raise EngineError("Timeout was reached before node was joined.")
        role = next((key.lower() for key, value in peer.home.tokens.items() if value == body["JoinToken"]), "")
        if not role:
            raise EngineError(
                "rpc error: code = InvalidArgument desc = A valid join token is necessary to join this cluster"
            )
        if not self.world.quorate(peer.home):
            raise EngineError("rpc error: The swarm does not have a leader")
        self.world.log.append(("join", self.instance, role))
        if role == "manager" and not self.dials_back:
            self._record(peer.home, role, body["Availability"], self.world.word())
            raise EngineError("could not connect to prospective new cluster member using its advertised address")
        self._enter(peer.home, role, body["Availability"])
        return None

    def _leave(self, **_: Any) -> Any:
        if self.state == "inactive":
            raise EngineError("This node is not part of a swarm", status=503)
        self.world.log.append(("leave", self.instance))
        if self.ca_file:
            self.ca_file.unlink(missing_ok=True)
        self.forget()

    def forget(self) -> None:
        """In no swarm."""
        self.state, self.node_id, self.home, self.error, self.hollow = "inactive", "", None, "", False

    def start(self) -> None:
        """The engine comes up again, with the swarm of its directory if that still is there."""
        self.up = True
        if (self.state == "pending" and not self.hollow) or (self.ca_file and not self.ca_file.exists()):
            self.forget()

    def _must_be_out(self) -> None:
        if self.state != "inactive":
            raise EngineError(
                'This node is already part of a swarm. Use "docker swarm leave" to leave this swarm', status=503
            )

    def _enter(self, swarm: Swarm, role: str, availability: str) -> None:
        self.home, self.state, self.node_id = swarm, "active", self.world.word()
        self.advertised = self.address
        self._record(swarm, role, availability, self.node_id)
        if role == "manager":
            swarm.raft.append(self.node_id)
        self.trust(swarm.pem)

    def trust(self, pem: str) -> None:
        """What the engine writes where `docker info` tells nothing: on workers."""
        if self.ca_file:
            self.ca_file.parent.mkdir(parents=True, exist_ok=True)
            self.ca_file.write_text(pem)

    def description(self) -> dict[str, Any]:
        """What it tells a manager of itself when it opens a session."""
        labels = dict(one.partition("=")[::2] for one in self.labels)
        return {
            "Hostname": self.instance,
            "Engine": {"EngineVersion": "26.1.5", "Labels": {**labels, "bootstrap.instance": self.instance}},
            "Platform": {"Architecture": "x86_64"},
        }

    def relabel(self, labels: list[str]) -> None:
        """Other labels are something new to tell: a session is opened for them."""
        if labels != self.labels:
            self.labels = labels
            if self.home and self.node_id in self.home.nodes:
                self.home.nodes[self.node_id]["Description"] = self.description()

    def _record(self, swarm: Swarm, role: str, availability: str, node_id: str) -> None:
        number = self.world.number()
        swarm.nodes[node_id] = {
            "ID": node_id,
            "Version": {"Index": number},
            "CreatedAt": f"2026-01-01T00:00:00.{number:09d}Z",
            "Spec": {"Role": role, "Availability": availability, "Labels": {}},
            "Description": self.description(),
            "Status": {"Addr": self.address},
        }


@lru_cache(maxsize=512)
def _route(call: str) -> tuple[str, tuple[str, ...]]:
    for pattern, name in _ROUTES:
        found = re.fullmatch(pattern, call)
        if found:
            return name, found.groups()
    raise AssertionError(f"the fake knows no {call}")


_ROUTES = (
    (r"GET /info", "info"),
    (r"POST /swarm/init", "init"),
    (r"POST /swarm/join", "join"),
    (r"POST /swarm/leave", "leave"),
    (r"GET /swarm", "swarm"),
    (r"GET /swarm/unlockkey", "unlock_key"),
    (r"POST /swarm/update", "swarm_update"),
    (r"GET /nodes", "nodes"),
    (r"GET /nodes/(\w+)", "node"),
    (r"POST /nodes/(\w+)/update", "node_update"),
    (r"DELETE /nodes/(\w+)", "node_remove"),
    (r"GET /tasks", "tasks"),
    (r"GET /(configs|services|networks|secrets)", "labelled"),
    (r"POST /configs/create", "config_create"),
    (r"POST /configs/(\w+)/update", "config_update"),
    (r"POST /networks/create", "network_create"),
    (r"DELETE /(configs|services|networks)/(\w+)", "delete"),
)
