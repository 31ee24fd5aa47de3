"""What this node knows, in one document; prompt even when much is broken."""

from __future__ import annotations

import os
import socket
from typing import Any

from . import duties, identity, nodes, stack, workload
from .context import Context
from .engine_api import EngineError
from .errors import AgentError
from .join import next_step
from .local import Local, observe
from .metadata import Machine
from .store import ABSENT, Control


def report(context: Context, version: str, local_only: bool = False) -> dict[str, Any]:
    """The status document. With `local_only` neither the store nor the managers are asked."""
    problems: list[dict[str, str]] = []
    local = _try(problems, lambda: observe(context)) or Local("error")
    control, generation = ({}, ABSENT) if local_only else _try(problems, context.store.read) or ({}, ABSENT)
    me = _try(problems, context.metadata.identity)
    if me and control and not local_only:
        _explain(problems, control, local, me)
    swarm, alive = None, None
    if local.control_available and not local_only:
        swarm, alive = _swarm(context, problems, control)
    own = next((one for one in (swarm or {}).get("nodes", []) if one["id"] == local.node_id), None)
    return {
        "agent": version,
        "instance": me.instance if me else identity.recall(context).get("instance"),
        "hostname": socket.gethostname(),
        "role": context.role,
        "state": local.state,
        "node_id": local.node_id or None,
        "leader": bool(own and own["leader"]),
        "control_available": local.control_available,
        "control": control or None,
        "generation": generation,
        "published_is_live": alive,
        "swarm": swarm,
        "disk": _disk(context.docker_root),
        "problems": problems,
    }


def _swarm(context: Context, problems: list[dict[str, str]], control: Control) -> tuple[Any, bool | None]:
    """The swarm as the managers agree on it; (None, None) when no quorum answers."""
    engine = context.engine
    try:
        found, swarm = nodes.read(engine), engine.swarm()
        document = {
            "id": swarm["ID"],
            "created_at": swarm.get("CreatedAt"),
            "nodes": [_node(one) for one in sorted(found, key=lambda one: one.hostname)],
            "networks": workload.networks(engine, context.config["cluster"]),
            "stacks": stack.stacks(engine),
        }
    except EngineError as error:
        problems.append(_problem(error))
        return None, None
    same = bool(control) and control.get("swarm_id") == swarm["ID"]
    return document, duties.tokens_are_live(control, swarm) if same else None


def _node(node: nodes.Node) -> dict[str, Any]:
    return {key: value for key, value in node._asdict().items() if key != "created"}


def _explain(problems: list[dict[str, str]], control: Control, local: Local, me: Machine) -> None:
    step = next_step(control, local, me)
    if step.action != "done":
        problems.append({"code": "not_joined", "what": f"{step.action}: {step.why}", "where": me.hostname, "fix": ""})


def _try(problems: list[dict[str, str]], look: Any) -> Any:
    try:
        return look()
    except AgentError as error:
        problems.append(_problem(error))
        return None


def _problem(error: AgentError) -> dict[str, str]:
    return {"code": error.code, "what": error.what, "where": error.where, "fix": error.fix}


def _disk(path: str) -> dict[str, int]:
    while not os.path.isdir(path):
        path = os.path.dirname(path)
    space = os.statvfs(path)
    return {"free_bytes": space.f_bavail * space.f_frsize, "total_bytes": space.f_blocks * space.f_frsize}
