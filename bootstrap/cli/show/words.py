"""Events in words: one line each."""

from __future__ import annotations

from typing import Any

from bootstrap.engine.events import ChangeDone, ChangeFailed, ChangeSkipped, ChangeStarted, Event, NodeProgress, Note
from bootstrap.model.resource import Action, Change

STOPPING = "stopping; what runs will end (once more: at once)"
DONE = {
    Action.CREATE: "created",
    Action.UPDATE: "updated",
    Action.REPLACE: "replaced",
    Action.DELETE: "deleted",
}


def line(event: Event) -> str:
    """`prod-web-1: engine (2.1 s)`, `group prod-pool-web: created (0.4 s)`."""
    match event:
        case NodeProgress():
            return f"{event.hostname}: {event.step} ({event.elapsed:.1f} s)"
        case ChangeStarted():
            return f"{what(event.change)}: {event.change.action.value} begins"
        case ChangeDone():
            return f"{what(event.change)}: {DONE[event.change.action]} ({event.elapsed:.1f} s)"
        case ChangeFailed():
            return f"{what(event.change)}: failed: {event.error.what}"
        case ChangeSkipped():
            return f"{what(event.change)}: not done: {event.because}"
        case Note():
            return event.text


def facts(event: Event) -> dict[str, Any]:
    """The event for `--log-format json`."""
    match event:
        case NodeProgress():
            return {"event": "node", "node": event.hostname, "step": event.step, "elapsed": round(event.elapsed, 3)}
        case Note():
            return {"event": "note"}
        case ChangeDone():
            return {**_of(event.change), "result": "done", "elapsed": round(event.elapsed, 3)}
        case ChangeFailed():
            return {**_of(event.change), "result": "failed", "code": event.error.code}
        case ChangeSkipped():
            return {**_of(event.change), "result": "skipped"}
        case ChangeStarted():
            return {**_of(event.change), "result": "started"}


def what(change: Change) -> str:
    """Kind and name."""
    return f"{change.resource.kind} {change.resource.name}"


def _of(change: Change) -> dict[str, Any]:
    resource = change.resource
    return {"event": "change", "action": change.action.value, "kind": resource.kind, "name": resource.name}
