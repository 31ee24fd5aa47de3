"""What is live in the swarm goes into the control object, so that whoever boots finds it: tokens, CA, managers."""

from __future__ import annotations

from typing import Any

from . import audit, duties, form, nodes
from . import control as rules
from .checkpoint import reach
from .context import Context
from .errors import AgentError, log
from .owner import Machines, identify
from .store import Control

_TRIES = 5
_TOKENS = {"worker", "manager"}


class _Moved(AgentError):  # noqa: N818 - reads as what it is
    """Somebody published meanwhile: what was read before is no longer worth writing."""


def publish(context: Context, mine: str, machines: Machines) -> dict[str, Any]:
    """Publish what is live; the pointers that changed, by role. `mine` is this manager's node id.

    The answer of a rotation is never used: what counts is what the swarm says now, after a committed write. A pointer
    that another has moved since it was read is never moved back.
    """
    for _ in range(_TRIES):
        try:
            return _publish(context, mine, machines)
        except _Moved as error:  # noqa: PERF203 - look again: perhaps there is nothing left to do
            last = error
    raise last


def _publish(context: Context, mine: str, machines: Machines) -> dict[str, Any]:
    nodes.barrier(context.engine, mine)  # a leader that was cut off must not publish what it remembers
    control, _ = context.store.read()
    swarm, found = context.engine.swarm(), nodes.read(context.engine)
    if swarm.get("ID") != control.get("swarm_id"):
        raise AgentError("this manager is not in the published swarm", code="other_swarm")
    reach("publish.secrets")
    pointers = form.write_secrets(context, swarm, control["secrets"])
    stale = duties.stale_seats(control, found, machines)
    rotated = {"rotated_at": rules.stamp(context.clock.wall())} if _TOKENS & set(pointers) else {}

    def change(now: Control) -> Control:
        _must_not_have_moved(now, control, pointers)
        facts = {**duties.facts(now, found, swarm), "secrets": pointers, **rotated}
        seen = duties.managers(identify(now, found, machines))
        return rules.refresh(rules.drop_seats(now, stale), seen, facts)

    reach("publish.pointer")
    after, _ = rules.swap(context.store, change, mine)
    if after != control:  # else another has published it just now
        _tell(context, control, pointers)
    return pointers


def _must_not_have_moved(now: Control, before: Control, pointers: dict[str, Any]) -> None:
    for key, pointer in pointers.items():
        if now["secrets"].get(key) not in (before["secrets"].get(key), pointer):
            raise _Moved(f"the {key} token was published by another", code="moved")


def _tell(context: Context, control: Control, pointers: dict[str, Any]) -> None:
    what = ", ".join(f"{key} version {pointer['version']} ({pointer['fp']})" for key, pointer in pointers.items())
    log("published " + (what or "the managers"))
    audit.record(context, "publish", epoch=control["epoch"], detail=what or "the managers")
