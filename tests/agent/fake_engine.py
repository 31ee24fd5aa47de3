"""Docker engines that remember, behaving as real ones were measured to: they share a `World` of swarms."""

from __future__ import annotations

import base64
import itertools
import json
import random
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bootstrap.agent.engine_api import Engine, EngineError

DEFAULT_EXPIRY = 7776000000000000
_ALPHABET = "0123456789abcdefghijklmnopqrstuvwxyz"


@dataclass
class Swarm:
    id: str
    spec: dict[str, Any]
    pool: list[str]
    subnet_size: int
    port: int
    pem: str
    tokens: dict[str, str]
    nodes: dict[str, dict[str, Any]] = field(default_factory=dict)
    raft: list[str] = field(default_factory=list)  # node ids that hold a seat; the first that is reachable leads
    configs: dict[str, dict[str, Any]] = field(default_factory=dict)
    networks: dict[str, dict[str, Any]] = field(default_factory=dict)
    services: list[dict[str, Any]] = field(default_factory=list)
    tasks: list[dict[str, Any]] = field(default_factory=list)
    version: int = 10
    demoting: set[str] = field(default_factory=set)


class World:
    """All engines of a test, and what really happened: the oracle's own record."""

    def __init__(self, seed: int = 1) -> None:
        self.engines: list[FakeEngine] = []
        self.swarms: dict[str, Swarm] = {}
        self.log: list[tuple[str, ...]] = []
        self._random = random.Random(seed)
        self._count = itertools.count(1)

    def word(self, length: int = 25) -> str:
        return "".join(self._random.choice(_ALPHABET) for _ in range(length))

    def number(self) -> int:
        return next(self._count)

    def token(self) -> str:
        return f"SWMTKN-1-{self.word(50)}-{self.word(25)}"

    def pem(self) -> str:
        body = base64.b64encode(self.word(60).encode()).decode()
        return f"-----BEGIN CERTIFICATE-----\n{body}\n-----END CERTIFICATE-----\n"

    def make(self, body: dict[str, Any], default: bool) -> Swarm:
        spec = {"CAConfig": {"NodeCertExpiry": DEFAULT_EXPIRY}, "EncryptionConfig": {"AutoLockManagers": False}, "Name": "default"}
        swarm = Swarm(
            self.word(),
            spec if default else {**spec, **body["Spec"]},
            ["10.0.0.0/8"] if default else body["DefaultAddrPool"],
            24 if default else body["SubnetSize"],
            4789 if default else body["DataPathPort"],
            self.pem(),
            {"Worker": self.token(), "Manager": self.token()},
        )
        self.swarms[swarm.id] = swarm
        return swarm

    def at(self, address: str) -> FakeEngine | None:
        return next((one for one in self.engines if f"{one.address}:2377" == address and one.reachable), None)

    def engine_of(self, node_id: str) -> FakeEngine | None:
        return next((one for one in self.engines if one.node_id == node_id), None)

    def alive(self, swarm: Swarm, node_id: str) -> bool:
        engine = self.engine_of(node_id)
        return engine is not None and engine.reachable and engine.state == "active" and engine.home is swarm

    def quorate(self, swarm: Swarm) -> bool:
        return sum(self.alive(swarm, one) for one in swarm.raft) >= len(swarm.raft) // 2 + 1

    def leader(self, swarm: Swarm) -> str:
        return next((one for one in swarm.raft if self.alive(swarm, one)), "") if self.quorate(swarm) else ""


class FakeEngine(Engine):
    """One engine. `up`, `linked` (to the others), `dials_back`, `black_hole` and `init_dies` are the faults."""

    def __init__(self, world: World, address: str, instance: str) -> None:
        super().__init__("/nowhere")
        self.world, self.address, self.instance = world, address, instance
        self.up = self.linked = self.dials_back = True
        self.init_dies = ""  # "" | "spec": dies before the spec is applied | "reply": only the answer is lost
        self.black_hole: set[str] = set()
        self.state, self.node_id, self.error = "inactive", "", ""
        self.home: Swarm | None = None
        self.ca_file: Path | None = None
        world.engines.append(self)

    @property
    def reachable(self) -> bool:
        return self.up and self.linked

    def request(self, method: str, path: str, body: Any = None, **query: Any) -> Any:
        if not self.up:
            raise EngineError("the engine does not answer", kind="down")
        for pattern, name in _ROUTES:
            found = re.fullmatch(pattern, f"{method} {path}")
            if found:
                handler = getattr(self, f"_{name}")
                return json.loads(json.dumps(handler(*found.groups(), body=body, query=query)))
        raise AssertionError(f"the fake knows no {method} {path}")

    # -- this node

    def _info(self, **_: Any) -> Any:
        manager = self.home is not None and self.node_id in self.home.raft and self.state == "active"
        block: dict[str, Any] = {
            "LocalNodeState": self.state,
            "NodeID": self.node_id,
            "ControlAvailable": manager,
            "Error": self.error,
        }
        if manager and self.home:
            block["Cluster"] = {"ID": self.home.id, "TLSInfo": {"TrustRoot": self.home.pem}}
        return {"Swarm": block}

    def _init(self, body: dict[str, Any], **_: Any) -> Any:
        self._must_be_out()
        self.world.log.append(("init", self.instance))
        swarm = self.world.make(body, default=self.init_dies == "spec")
        self._enter(swarm, "manager", body["Availability"])
        if self.init_dies:
            self.init_dies = ""
            raise EngineError("the engine does not answer: killed", kind="down")
        return self.node_id

    def _join(self, body: dict[str, Any], **_: Any) -> Any:
        self._must_be_out()
        address = body["RemoteAddrs"][0]
        if address in self.black_hole:
            self.state, self.node_id = "pending", self.world.word()
            raise EngineError("Timeout was reached before node was joined. The attempt will continue in the background.")
        peer = self.world.at(address) if self.linked else None
        if peer is None or peer.home is None or peer.node_id not in peer.home.raft:
            raise EngineError(f"rpc error: code = Unavailable desc = connection refused {address}")
        role = next((key.lower() for key, value in peer.home.tokens.items() if value == body["JoinToken"]), "")
        if not role:
            raise EngineError("rpc error: code = InvalidArgument desc = A valid join token is necessary to join this cluster")
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
        self.state, self.node_id, self.home, self.error = "inactive", "", None, ""

    def _must_be_out(self) -> None:
        if self.state != "inactive":
            raise EngineError('This node is already part of a swarm. Use "docker swarm leave" to leave this swarm', status=503)

    def _enter(self, swarm: Swarm, role: str, availability: str) -> None:
        self.home, self.state, self.node_id = swarm, "active", self.world.word()
        self._record(swarm, role, availability, self.node_id)
        if role == "manager":
            swarm.raft.append(self.node_id)
        self.trust(swarm.pem)

    def trust(self, pem: str) -> None:
        """What the engine writes where `docker info` tells nothing: on workers."""
        if self.ca_file:
            self.ca_file.parent.mkdir(parents=True, exist_ok=True)
            self.ca_file.write_text(pem)

    def _record(self, swarm: Swarm, role: str, availability: str, node_id: str) -> None:
        number = self.world.number()
        swarm.nodes[node_id] = {
            "ID": node_id,
            "Version": {"Index": number},
            "CreatedAt": f"2026-01-01T00:00:00.{number:09d}Z",
            "Spec": {"Role": role, "Availability": availability, "Labels": {}},
            "Description": {
                "Hostname": self.instance,
                "Engine": {"EngineVersion": "26.1.5", "Labels": {"bootstrap.instance": self.instance}},
                "Platform": {"Architecture": "x86_64"},
            },
            "Status": {"Addr": self.address},
        }

    # -- the swarm, as a manager sees it

    def _managed(self) -> Swarm:
        if self.home is None or self.state != "active" or self.node_id not in self.home.raft:
            raise EngineError("This node is not a swarm manager.", status=503)
        if not self.linked or not self.world.quorate(self.home):
            raise EngineError("rpc error: code = Unknown desc = The swarm does not have a leader.", status=500)
        return self.home

    def _swarm(self, **_: Any) -> Any:
        swarm = self._managed()
        return {
            "ID": swarm.id,
            "CreatedAt": "2026-01-01T00:00:00Z",
            "Version": {"Index": swarm.version},
            "Spec": swarm.spec,
            "TLSInfo": {"TrustRoot": swarm.pem},
            "DefaultAddrPool": swarm.pool,
            "SubnetSize": swarm.subnet_size,
            "DataPathPort": swarm.port,
            "JoinTokens": swarm.tokens,
        }

    def _swarm_update(self, body: dict[str, Any], query: dict[str, Any]) -> Any:
        swarm = self._managed()
        if int(query["version"]) != swarm.version:
            raise EngineError("rpc error: code = Unknown desc = update out of sequence")
        swarm.spec, swarm.version = body, swarm.version + 1

    def _nodes(self, **_: Any) -> Any:
        swarm = self._managed()
        listed = [self._seen(swarm, node_id) for node_id in swarm.nodes]
        for node_id in list(swarm.demoting):  # a demotion is asynchronous: it shows only after this answer
            swarm.demoting.discard(node_id)
            swarm.raft.remove(node_id)
        return listed

    def _seen(self, swarm: Swarm, node_id: str) -> dict[str, Any]:
        raw = dict(swarm.nodes[node_id])
        alive = self.world.alive(swarm, node_id)
        raw["Status"] = {**raw["Status"], "State": "ready" if alive else "down"}
        if node_id in swarm.raft:
            address = f"{raw['Status']['Addr']}:2377"
            reach = "reachable" if alive else "unreachable"
            raw["ManagerStatus"] = {"Addr": address, "Reachability": reach}
            if self.world.leader(swarm) == node_id:
                raw["ManagerStatus"]["Leader"] = True
        return raw

    def _node(self, node_id: str, **_: Any) -> Any:
        swarm = self._managed()
        if node_id not in swarm.nodes:
            raise EngineError(f"node {node_id} not found", status=404)
        return self._seen(swarm, node_id)

    def _node_update(self, node_id: str, body: dict[str, Any], query: dict[str, Any]) -> Any:
        swarm = self._managed()
        node = swarm.nodes[node_id]
        if int(query["version"]) != node["Version"]["Index"]:
            raise EngineError("rpc error: code = Unknown desc = update out of sequence")
        if body["Role"] == "worker" and node_id in swarm.raft:
            rest = [one for one in swarm.raft if one != node_id]
            if sum(self.world.alive(swarm, one) for one in rest) < len(rest) // 2 + 1:
                raise EngineError("can't remove member from the raft: this would result in a loss of quorum")
            swarm.demoting.add(node_id)
            self.world.log.append(("demote", node_id))
        node["Spec"] = body
        node["Version"] = {"Index": self.world.number() + 1000}

    def _node_remove(self, node_id: str, query: dict[str, Any], **_: Any) -> Any:
        swarm = self._managed()
        if node_id not in swarm.nodes:
            raise EngineError(f"node {node_id} not found", status=404)
        if node_id in swarm.raft:
            raise EngineError(f"node {node_id} is a cluster manager and must be demoted to worker before removal")
        if self.world.alive(swarm, node_id) and not query.get("force"):
            raise EngineError(f"node {node_id} is not down and can't be removed", status=400)
        del swarm.nodes[node_id]
        self.world.log.append(("rm", node_id))

    def _tasks(self, query: dict[str, Any], **_: Any) -> Any:
        wanted = json.loads(query["filters"])["node"]
        return [one for one in self._managed().tasks if one["NodeID"] in wanted]

    # -- networks, services, configs

    def _labelled(self, kind: str, query: dict[str, Any], **_: Any) -> Any:
        swarm = self._managed()
        every: dict[str, list[Any]] = {
            "configs": list(swarm.configs.values()),
            "services": swarm.services,
            "networks": list(swarm.networks.values()),
            "secrets": [],
        }
        label = json.loads(query.get("filters") or "{}").get("label")
        return [one for one in every[kind] if not label or _carries(one, label[0])]

    def _config_create(self, body: dict[str, Any], **_: Any) -> Any:
        key = self.world.word()
        self._managed().configs[key] = {"ID": key, "Version": {"Index": 1}, "Spec": body}
        return {"ID": key}

    def _config_update(self, key: str, body: dict[str, Any], query: dict[str, Any]) -> Any:
        config = self._managed().configs[key]
        if int(query["version"]) != config["Version"]["Index"]:
            raise EngineError("update out of sequence")
        config["Spec"], config["Version"] = body, {"Index": config["Version"]["Index"] + 1}

    def _network_create(self, body: dict[str, Any], **_: Any) -> Any:
        key = self.world.word()
        self._managed().networks[key] = {**body, "Id": key, "Scope": "swarm"}
        return {"Id": key}

    def _delete(self, kind: str, key: str, **_: Any) -> Any:
        swarm = self._managed()
        if kind == "services":
            swarm.services[:] = [one for one in swarm.services if one["ID"] != key]
        elif getattr(swarm, kind).pop(key, None) is None:
            raise EngineError(f"{kind} {key} not found", status=404)


def _carries(one: dict[str, Any], label: str) -> bool:
    key, _, value = label.partition("=")
    labels = (one.get("Spec") or one).get("Labels") or {}
    return key in labels and (not value or labels[key] == value)


_ROUTES = (
    (r"GET /info", "info"),
    (r"POST /swarm/init", "init"),
    (r"POST /swarm/join", "join"),
    (r"POST /swarm/leave", "leave"),
    (r"GET /swarm", "swarm"),
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
