"""Overlay networks that the cluster keeps. Stacks: see stack.py."""

from __future__ import annotations

from typing import Any

from .engine_api import Engine, EngineError
from .errors import AgentError

OURS = "bootstrap.network"


def networks(engine: Engine, cluster: str) -> list[dict[str, Any]]:
    """Every overlay network of the swarm but its own ingress."""
    found = engine.request("GET", "/networks", filters='{"driver":["overlay"]}') or []
    return [_shown(raw, cluster) for raw in found if raw.get("Scope") == "swarm" and not raw.get("Ingress")]


def create(engine: Engine, cluster: str, wanted: dict[str, Any]) -> dict[str, Any]:
    """Make the network, or find that it is there as wanted. {"created"}. Raises AgentError when it differs."""
    shape = {key: wanted.get(key) or (None if key == "subnet" else False) for key in _SHAPE}
    there = _named(engine, cluster, wanted["name"])
    if there is None:
        engine.request("POST", "/networks/create", _body(wanted["name"], cluster, shape))
        return {"created": True}
    if not there["ours"]:
        fix = "remove it, or choose another name"
        raise AgentError("a network of that name is not ours", where=wanted["name"], fix=fix, code="not_ours")
    if any(there[key] != shape[key] for key in _SHAPE if key != "subnet" or shape[key]):
        fix = "remove it first: a network cannot be changed"
        raise AgentError(
            "the network exists with other settings", where=wanted["name"], fix=fix, code="network_differs"
        )
    return {"created": False}


def remove(engine: Engine, cluster: str, name: str) -> dict[str, Any]:
    """Remove a network of ours. {"removed"}; already gone is success. Raises AgentError when it is in use."""
    there = _named(engine, cluster, name)
    if there is None:
        return {"removed": False}
    if not there["ours"]:
        raise AgentError("that network is not ours", where=name, fix="remove it by hand", code="not_ours")
    try:
        engine.delete("networks", there["id"])
    except EngineError as error:
        users = _users(engine, there)
        what = f"the network is used by {', '.join(users)}" if users else error.what
        fix = "remove what uses it first: " + (f"`docker service rm {' '.join(users)}`" if users else "containers")
        raise AgentError(what, where=name, fix=fix, code="network_in_use") from None
    return {"removed": True}


def _users(engine: Engine, network: dict[str, Any]) -> list[str]:
    """The names of the services that are attached to it; none when they cannot be asked for."""
    try:
        services = engine.request("GET", "/services") or []
    except EngineError:
        return []
    return sorted(one["Spec"]["Name"] for one in services if _targets(one["Spec"]) & {network["id"], network["name"]})


def _targets(spec: dict[str, Any]) -> set[str]:
    attached = [*((spec.get("TaskTemplate") or {}).get("Networks") or ()), *(spec.get("Networks") or ())]
    return {str(one.get("Target")) for one in attached}


_SHAPE = ("encrypted", "attachable", "internal", "subnet")


def _named(engine: Engine, cluster: str, name: str) -> dict[str, Any] | None:
    return next((one for one in networks(engine, cluster) if one["name"] == name), None)


def _shown(raw: dict[str, Any], cluster: str) -> dict[str, Any]:
    pools = (raw.get("IPAM") or {}).get("Config") or []
    return {
        "name": raw["Name"],
        "id": raw["Id"],
        "encrypted": "encrypted" in (raw.get("Options") or {}),
        "attachable": bool(raw.get("Attachable")),
        "internal": bool(raw.get("Internal")),
        "subnet": pools[0].get("Subnet") if pools else None,
        "ours": (raw.get("Labels") or {}).get(OURS) == cluster,
    }


def _body(name: str, cluster: str, shape: dict[str, Any]) -> dict[str, Any]:
    return {
        "Name": name,
        "Driver": "overlay",
        "Attachable": shape["attachable"],
        "Internal": shape["internal"],
        "Options": {"encrypted": ""} if shape["encrypted"] else {},
        "IPAM": {"Config": [{"Subnet": shape["subnet"]}]} if shape["subnet"] else {},
        "Labels": {OURS: cluster},
    }
