"""What this node knows, in one document; prompt even when much is broken."""

from __future__ import annotations

import socket
from typing import Any

from . import duties, identity, nodes, stack, workload
from .context import Context
from .engine_api import EngineError
from .errors import AgentError
from .join import next_step
from .local import Local, observe
from .metadata import Machine, list_machines
from .owner import Machines, identify, is_foreign
from .pulse import disk, is_full
from .store import ABSENT, Control
from .watch import seen_lately

# Seconds for one call to the engine: in an election it says nothing for half a minute. One that has answered is only busy.
_FIRST, _LATER = 2.0, 5.0


def report(context: Context, version: str, local_only: bool = False) -> dict[str, Any]:
    """The status document. With `local_only` neither the store nor the managers are asked."""
    problems: list[dict[str, str]] = []
    context.engine.deadline = _FIRST
    seen = _try(problems, lambda: observe(context))
    context.engine.deadline = _LATER
    local = seen or Local("error")
    control, generation = ({}, ABSENT) if local_only else _try(problems, context.store.read) or ({}, ABSENT)
    me = _try(problems, context.metadata.identity)
    if seen and me and control and not local_only:  # of an engine that does not answer nothing is known
        _explain(problems, control, local, me)
    swarm, alive = None, None
    if local.control_available and not local_only:
        machines = list_machines(context.metadata) if me else None  # who does not know itself is asked nothing more
        swarm, alive = _swarm(context, problems, control, machines)
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
        "health": _health(context, problems, control, swarm) if control else {},
        "problems": problems,
    }


def _swarm(
    context: Context, problems: list[dict[str, str]], control: Control, machines: Machines
) -> tuple[Any, bool | None]:
    """The swarm as the managers agree on it; (None, None) when no quorum answers."""
    engine = context.engine
    try:
        found, swarm = identify(control, nodes.read(engine), machines), engine.swarm()
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


def _health(context: Context, problems: list[dict[str, str]], control: Control, swarm: Any) -> dict[str, Any]:
    """What each manager said last of itself, by instance; `ailing`: why it is not well ("" when it is, null: unknown).

    A word has no age here, since one look has no clock to judge it by: the reconciler of this node judges it.
    """
    said = _try(problems, context.store.beats) or {}
    seen, found = seen_lately(context), {}
    names = {one["instance"]: one["hostname"] for one in (swarm or {}).get("nodes", [])}
    for instance in sorted(one["instance"] for one in control.get("managers", []) if one["instance"] in said):
        facts, ailing = said[instance], seen["ailing"].get(instance, "") if seen else None
        found[instance] = {**facts, "ailing": ailing}
        free, total = int(facts.get("disk_free") or 0), int(facts.get("disk_total") or 0)
        if is_full(free, total) and "silent" not in (ailing or ""):
            problems.append(_full(names.get(instance, instance), free, total))
    return found


def _full(hostname: str, free: int, total: int) -> dict[str, str]:
    what = f"the disk is full: {free >> 20} of {total >> 20} MiB are free"
    fix = "make room: `docker system prune` on it, or look for what fills it; it heals by itself then"
    return {"code": "disk_full", "what": what, "where": hostname, "fix": fix}


def _node(node: nodes.Node) -> dict[str, Any]:
    kept = {key: value for key, value in node._asdict().items() if key not in ("created", "claim", "sure", "version")}
    return {**kept, "described_as": node.claim if is_foreign(node) else None}


def _explain(problems: list[dict[str, str]], control: Control, local: Local, me: Machine) -> None:
    step = next_step(control, local, me)
    if step.action != "done":
        problems.append(
            {"code": "not_joined", "what": f"{step.action}: {step.why}", "where": me.hostname, "fix": step.fix}
        )


def _try(problems: list[dict[str, str]], look: Any) -> Any:
    try:
        return look()
    except AgentError as error:
        problems.append(_problem(error))
        return None


def _problem(error: AgentError) -> dict[str, str]:
    return {"code": error.code, "what": error.what, "where": error.where, "fix": error.fix}


def _disk(path: str) -> dict[str, int]:
    free, total = disk(path)
    return {"free_bytes": free, "total_bytes": total}
