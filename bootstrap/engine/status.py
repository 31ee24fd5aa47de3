"""The status document that scripts read (docs/output.md), put together from what the provider, the store and one manager say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bootstrap.engine.health import Facts, notes, problems
from bootstrap.model import naming
from bootstrap.model.cluster import MANAGERS, Cluster
from bootstrap.model.resource import Outdated, Plan
from bootstrap.providers.base import Instance
from bootstrap.swarm.view import Silence, View, known_managers


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
    nodes = _nodes(answered.nodes, instances) if answered else []
    nodes.sort(key=lambda node: (node["role"], node["hostname"], node["id"]))
    joined = {node["instance"] for node in nodes}
    document: dict[str, Any] = {
        "cluster": cluster.name,
        "provider": cluster.provider,
        "swarm_id": (control or {}).get("swarm_id"),
        "epoch": (control or {}).get("epoch"),
        "healthy": False,
        "problems": [],
        "notes": [],
        "quorum": _quorum(nodes) if answered else _lost_quorum(control),
        "zones": _zones(cluster, nodes),
        "nodes": nodes,
        "unjoined": [_unjoined(one) for one in instances if one.id not in joined and (answered or _boots(one))],
        "outdated": [{"name": one.name, "why": one.why} for one in outdated],
        "tokens": _tokens(control, answered),
        "last_backup": None,
    }
    facts = Facts(cluster, document, dict(sizes), dict(control) if control else None, view, drift, instances)
    found = problems(facts)
    document["problems"] = [one.as_json() for one in found]
    document["notes"] = [one.as_json() for one in notes(facts)]
    document["healthy"] = not found
    return document


def _nodes(raws: Sequence[Mapping[str, Any]], instances: Sequence[Instance]) -> list[dict[str, Any]]:
    """Every node with its machine. Of several that say the same machine one is real: a wiped machine joins anew."""
    known = {one.id: one for one in instances}
    owners: dict[str, Mapping[str, Any]] = {}
    for raw in sorted(raws, key=lambda one: _likely(one, known.get(str(one.get("instance"))))):
        owners.setdefault(str(raw.get("instance")), raw)
    mine = {raw["id"]: known.get(instance) for instance, raw in owners.items()}
    return [_node(raw, mine.get(raw["id"])) for raw in raws]


def _likely(raw: Mapping[str, Any], said: Instance | None) -> tuple[bool, bool, bool]:
    """Smaller is likelier to be the machine that runs now, whose address the provider knows."""
    elsewhere = said is not None and raw["address"] != said.address
    return raw["state"] == "down", elsewhere, raw["state"] != "ready"


def _node(raw: Mapping[str, Any], instance: Instance | None) -> dict[str, Any]:
    """One node; its name, pool and zone are those of the provider's instance, whatever its entry in the swarm says."""
    labels = dict(raw.get("labels") or {})
    manager = raw["role"] == "manager"
    return {
        "id": raw["id"],
        "hostname": instance.hostname if instance else raw["hostname"],
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
        "machine": _machine(instance) if instance else None,
    }


def _machine(one: Instance) -> str:
    """What is known of a machine, whatever the swarm says of its node: it may notice half a minute later."""
    if one.state == "stopped":
        return "off"
    return one.fault.word if one.fault is not None else one.state


def plain_version(version: str) -> str:
    """`26.1.5+dfsg1` is Debian's build of 26.1.5: scripts compare the latter."""
    return version.partition("+")[0]


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
    """Nobody answers: how many managers there are is what the control object knows."""
    managers = len(known_managers(control))
    return {"managers": managers, "reachable": 0, "needed": managers // 2 + 1, "can_lose": 0}


def _zones(cluster: Cluster, nodes: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, int]]:
    zones = {zone: {"managers": 0, "workers": 0} for zone in cluster.zones}
    for node in nodes:
        if node["zone"] in zones:
            zones[node["zone"]]["managers" if node["role"] == "manager" else "workers"] += 1
    return zones


def _boots(one: Instance) -> bool:
    """Whether it can be no node yet, as far as anybody can tell while no manager answers."""
    return one.state in {"pending", "running"} and one.step != "joined"


def _unjoined(one: Instance) -> dict[str, Any]:
    told = {"instance": one.id, "pool": one.pool, "zone": one.zone, "state": one.state, "age_s": round(one.age)}
    return {**told, "machine": _machine(one)}


def _tokens(control: Mapping[str, Any] | None, view: View | None) -> dict[str, Any]:
    return {
        "rotated_at": (control or {}).get("rotated_at"),
        "published_is_live": view.document.get("published_is_live") if view else None,
    }
