"""Which services do not run as many tasks as they want, and what the last task said."""

from __future__ import annotations

import json
from typing import Any

from .engine_api import Engine, EngineError
from .errors import redact

_BAD = ("failed", "rejected", "orphaned")
_LONGEST = 200  # characters of an error


def waiting(engine: Engine, services: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """[{"name", "running", "desired", "error"}] of those that want more tasks than run; jobs end, so they never do.

    `services` are the engine's own, with their ServiceStatus. `error` is "" where nothing went wrong so far.
    """
    late = []
    for service in services:
        status = service.get("ServiceStatus") or {}
        running, desired = int(status.get("RunningTasks") or 0), int(status.get("DesiredTasks") or 0)
        if running < desired and not any(mode.endswith("Job") for mode in service["Spec"].get("Mode") or {}):
            name = service["Spec"]["Name"]
            late.append({"name": name, "running": running, "desired": desired, "error": _last_error(engine, name)})
    return late


def _last_error(engine: Engine, service: str) -> str:
    """The newest task that failed, or that finds no node, in the engine's words."""
    try:
        found = engine.request("GET", "/tasks", filters=json.dumps({"service": [service]})) or []
    except EngineError:
        return ""
    for task in sorted(found, key=lambda one: (one.get("Status") or {}).get("Timestamp") or "", reverse=True):
        status = task.get("Status") or {}
        if status.get("State") in _BAD or (status.get("State") == "pending" and status.get("Err")):
            told = status.get("Err") or status.get("Message") or status["State"]
            return redact(" ".join(str(told).split()))[:_LONGEST]
    return ""
