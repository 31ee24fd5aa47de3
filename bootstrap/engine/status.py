"""The status document that scripts read (docs/output.md), put together from what the provider, the store and one manager say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bootstrap.engine.health import Facts, problems
from bootstrap.model import naming
from bootstrap.model.cluster import MANAGERS, Cluster
from bootstrap.model.resource import Outdated, Plan
from bootstrap.providers.base import Instance
from bootstrap.swarm.view import Silence, View


def status_document(
    cluster: Cluster,
    *,
    instances: Sequence[Instance],
    sizes: Mapping[str, int],
    control: Mapping[str, Any] | None,
    view: View | Silence,
    outdated: Sequence[Outdated],
    drift: Plan,
) -> dict[str, Any]:
    """The whole document; without a manager that answers, `nodes` is empty and `problems` says so."""
    answered = view if isinstance(view, View) else None
    nodes = [_node(raw, instances) for raw in answered.nodes] if answered else []
    nodes.sort(key=lambda node: (node["role"], node["hostname"], node["id"]))
    joined = {node["instance"] for node in nodes}
    document: dict[str, Any] = {
        "cluster": cluster.name,
        "provider": cluster.provider,
        "swarm_id": (control or {}).get("swarm_id"),
        "epoch": (control or {}).get("epoch"),
        "healthy": False,
        "problems": [],
        "quorum": _quorum(nodes) if answered else _lost_quorum(control),
        "zones": _zones(cluster, nodes),
        "nodes": nodes,
        "unjoined": [
            _unjoined(one) for one in instances if one.id not in joined and (answered or one.step != "joined")
        ],
        "outdated": [{"name": one.name, "why": one.why} for one in outdated],
        "tokens": _tokens(control, answered),
        "last_backup": None,
    }
    stopped = tuple(one.hostname for one in instances if one.state == "stopped")
    facts = Facts(
        cluster, document, dict(sizes), dict(control) if control else None, view, drift, stopped, len(instances)
    )
    found = problems(facts)
    document["problems"] = [one.as_json() for one in found]
    document["healthy"] = not found
    return document


def _node(raw: Mapping[str, Any], instances: Sequence[Instance]) -> dict[str, Any]:
    """One node; what pool and zone it is in says the provider's instance, not the node."""
    labels = dict(raw.get("labels") or {})
    instance = _instance_of(raw, instances)
    manager = raw["role"] == "manager"
    return {
        "id": raw["id"],
        "hostname": raw["hostname"],
        "role": raw["role"],
        "pool": MANAGERS if manager else (instance.pool if instance else labels.get(naming.LABEL_POOL)),
        "zone": instance.zone if instance else labels.get(naming.LABEL_ZONE),
        "instance": instance.id if instance else None,
        "address": raw["address"],
        "state": raw["state"],
        "availability": raw["availability"],
        "leader": bool(raw["leader"]),
        "reachability": raw["reachability"],
        "engine": plain_version(raw["engine"]),
        "arch": raw["arch"],
        "labels": labels,
        "hold": naming.LABEL_HOLD in labels,
    }


def plain_version(version: str) -> str:
    """`26.1.5+dfsg1` is Debian's build of 26.1.5: scripts compare the latter."""
    return version.partition("+")[0]


def _instance_of(raw: Mapping[str, Any], instances: Sequence[Instance]) -> Instance | None:
    """By the engine's instance label; a node that says another machine's id or lost its machine has none."""
    return next((one for one in instances if one.id == raw.get("instance")), None)


def _quorum(nodes: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    managers = [node for node in nodes if node["role"] == "manager"]
    reachable = sum(node["reachability"] == "reachable" for node in managers)
    needed = len(managers) // 2 + 1
    return {
        "managers": len(managers),
        "reachable": reachable,
        "needed": needed,
        "can_lose": max(0, reachable - needed),
    }


def _lost_quorum(control: Mapping[str, Any] | None) -> dict[str, int]:
    """Nobody answers: how many managers there are is what the leader published last."""
    managers = len((control or {}).get("managers") or ())
    return {"managers": managers, "reachable": 0, "needed": managers // 2 + 1, "can_lose": 0}


def _zones(cluster: Cluster, nodes: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, int]]:
    zones = {zone: {"managers": 0, "workers": 0} for zone in cluster.zones}
    for node in nodes:
        if node["zone"] in zones:
            zones[node["zone"]]["managers" if node["role"] == "manager" else "workers"] += 1
    return zones


def _unjoined(one: Instance) -> dict[str, Any]:
    return {"instance": one.id, "pool": one.pool, "zone": one.zone, "state": one.state, "age_s": round(one.age)}


def _tokens(control: Mapping[str, Any] | None, view: View | None) -> dict[str, Any]:
    return {
        "rotated_at": (control or {}).get("rotated_at"),
        "published_is_live": view.document.get("published_is_live") if view else None,
    }
