"""The part of a fake engine that only managers have: the swarm, its nodes, its networks and configs."""

from __future__ import annotations

import json
from typing import Any

from bootstrap.agent.engine_api import Engine, EngineError
from tests.agent.fake_swarm import Swarm, World

# As measured on 26.1, in answer to every change of the spec.
NO_KEY = (
    "rpc error: code = InvalidArgument desc = there must be at least one valid, reachable external CA corresponding "
    "to the current CA certificate"
)


class FakeManager(Engine):
    """Answers as the swarm's managers do, as long as a quorum of them can be reached."""

    world: World
    home: Swarm | None
    state: str
    node_id: str
    linked: bool
    refuses_labels = False

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

    def _unlock_key(self, **_: Any) -> Any:
        return {"UnlockKey": self._managed().unlock_key}

    def _swarm_update(self, body: dict[str, Any], query: dict[str, Any]) -> Any:
        swarm = self._managed()
        if int(query["version"]) != swarm.version:
            raise EngineError("rpc error: code = Unknown desc = update out of sequence")
        if not swarm.has_key:
            raise EngineError(NO_KEY)
        swarm.spec, swarm.version = body, swarm.version + 1
        for role in swarm.tokens:
            if _is_true(query.get(f"rotate{role}Token")):
                self.world.rotate(swarm, role)
        if _is_true(query.get("rotateManagerUnlockKey")):
            swarm.unlock_key = f"SWMKEY-1-{self.world.word(43)}"

    def _nodes(self, **_: Any) -> Any:
        swarm = self._managed()
        leader = self.world.leader(swarm)
        listed = [self._seen(swarm, node_id, leader) for node_id in swarm.nodes]
        for node_id in list(swarm.demoting):  # a demotion is asynchronous: it shows only after this answer
            swarm.demoting.discard(node_id)
            swarm.raft.remove(node_id)
        return listed

    def _seen(self, swarm: Swarm, node_id: str, leader: str) -> dict[str, Any]:
        raw = dict(swarm.nodes[node_id])
        alive = self.world.alive(swarm, node_id) and (node_id not in self.world.late or node_id == leader)
        shown = (alive or node_id in self.world.lingering) and node_id not in self.world.grey
        raw["Status"] = {**raw["Status"], "State": "ready" if shown else "down"}
        if node_id in swarm.raft:
            address = f"{raw['Status']['Addr']}:2377"
            reach = "reachable" if alive or node_id in self.world.panicking else "unreachable"
            raw["ManagerStatus"] = {"Addr": address, "Reachability": reach}
            if leader == node_id:
                raw["ManagerStatus"]["Leader"] = True
        return raw

    def _node(self, node_id: str, **_: Any) -> Any:
        swarm = self._managed()
        if node_id not in swarm.nodes:
            raise EngineError(f"node {node_id} not found", status=404)
        return self._seen(swarm, node_id, self.world.leader(swarm))

    def _node_update(self, node_id: str, body: dict[str, Any], query: dict[str, Any]) -> Any:
        swarm = self._managed()
        node = swarm.nodes[node_id]
        if int(query["version"]) != node["Version"]["Index"]:
            raise EngineError("rpc error: code = Unknown desc = update out of sequence")
        if self.refuses_labels and body["Labels"] != node["Spec"]["Labels"]:
            raise EngineError("rpc error: code = InvalidArgument desc = no such label", status=400)
        if body["Role"] == "worker" and node_id in swarm.raft:
            rest = [one for one in swarm.raft if one != node_id]
            if sum(self.world.alive(swarm, one) for one in rest) < len(rest) // 2 + 1:
                raise EngineError("can't remove member from the raft: this would result in a loss of quorum")
            swarm.demoting.add(node_id)
            self.world.log.append(("demote", node_id))
        if body["Role"] == "manager" and node_id not in swarm.raft and self.world.alive(swarm, node_id):
            swarm.raft.append(node_id)
            self.world.log.append(("promote", node_id))
        node["Spec"] = body
        node["Version"] = {"Index": self.world.number() + 1000}

    def _node_remove(self, node_id: str, query: dict[str, Any], **_: Any) -> Any:
        swarm = self._managed()
        if node_id not in swarm.nodes:
            raise EngineError(f"node {node_id} not found", status=404)
        if node_id in swarm.raft:
            raise EngineError(f"node {node_id} is a cluster manager and must be demoted to worker before removal")
        if (self.world.alive(swarm, node_id) or node_id in self.world.lingering) and not query.get("force"):
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


def _is_true(value: Any) -> bool:
    """As Docker reads a boolean of a query."""
    return str(value or "").lower() not in ("", "0", "no", "false", "none")


def _carries(one: dict[str, Any], label: str) -> bool:
    key, _, value = label.partition("=")
    labels = (one.get("Spec") or one).get("Labels") or {}
    return key in labels and (not value or labels[key] == value)
