"""Make the join tokens anew: lease, barrier, rotate in the swarm, then publish what the swarm says it has now.

Swarm has no time of grace: from its update to the new pointer a joiner is refused, asks again and gets the new token.
Killed anywhere in between, the leader's reconciler publishes what is live. Two rotations at once do no harm, since the
pointer only moves from what was read; the lease only keeps them from rotating twice where once is enough.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

from . import audit, duties, nodes
from . import control as rules
from . import publish as publishing
from .checkpoint import reach
from .context import Context
from .engine_api import EngineError
from .errors import HEALS, AgentError, Refused, explain, log
from .local import Local, fingerprint, observe
from .metadata import list_machines
from .store import Control

ROLES = ("worker", "manager")
PATIENCE = 10.0  # seconds until the lease of another that does not move is taken: a rotation takes one or two
_TRIES = 5
_SKEW = 300.0  # seconds that two clocks may differ


class Wish(NamedTuple):
    """What to rotate: `roles`, only those whose token is older than `older_than` seconds.

    `scheduled`: the timer asks. Then only the leader acts, by the inventory's period, and not while upkeep is paused.
    """

    roles: Sequence[str] = ROLES
    older_than: float = 0.0
    scheduled: bool = False


def rotate(context: Context, wish: Wish) -> dict[str, Any]:
    """Rotate on any manager; {"rotated": roles, "published_version": highest version of the roles that were asked for}.

    Raises Refused where there is no published swarm, AgentError where no quorum or no store answers. No token is told.
    """
    local, (control, _) = observe(context), context.store.read()
    if wish.scheduled:
        wish = _by_schedule(context, wish, control, local)
    elif not local.control_available or control.get("swarm_id") != local.swarm_id or not local.swarm_id:
        raise Refused("this node is no manager of the published swarm", fix="ask another manager", code="not_manager")
    rotated = _old(context, wish, control) if wish.roles else []
    if rotated:
        rotated = _leased(context, wish, local.node_id)
    return _report(context.store.read()[0], wish.roles, rotated)


def _by_schedule(context: Context, wish: Wish, control: Control, local: Local) -> Wish:
    every = float(control.get("rotate_every") or 0)
    due = every and control.get("reconcile", True) and control.get("phase") == rules.FORMED
    if not due or not local.control_available or local.swarm_id != control["swarm_id"]:
        return wish._replace(roles=())
    own = nodes.find(nodes.read(context.engine), local.node_id)
    return wish._replace(older_than=every) if own and own.leader else wish._replace(roles=())


def _old(context: Context, wish: Wish, control: Control) -> list[str]:
    if not wish.older_than:
        return list(wish.roles)
    swarm, now = context.engine.swarm(), context.clock.wall()
    return [role for role in wish.roles if age(control, role, swarm, now) >= wish.older_than]


def _leased(context: Context, wish: Wish, mine: str) -> list[str]:
    lease = {"id": os.urandom(8).hex(), "instance": context.metadata.identity().instance}
    _take(context, lease)
    reach("rotate.leased")
    try:
        control = context.store.read()[0]
        roles = _old(context, wish, control)  # another may have rotated while we waited
        if roles:
            _rotate(context, roles, mine, int(control["epoch"]))
    except HEALS:
        _give_back(context, lease, mine)
        raise
    _give_back(context, lease, mine)
    return roles


def _give_back(context: Context, lease: dict[str, str], mine: str) -> None:
    try:
        rules.swap(context.store, lambda now: rules.end_rotation(now, lease["id"]), mine)
    except HEALS as error:
        log(f"the lease of this rotation stays, the next one takes it: {explain(error)}")


def _take(context: Context, lease: dict[str, str]) -> None:
    """Wait for the lease. One that stays the same for long belongs to somebody who is dead."""
    seen, since = "", context.clock.now()
    while True:
        held = (context.store.read()[0].get("rotation") or {}).get("id", "")
        if held != seen:
            seen, since = held, context.clock.now()
        if not held or context.clock.now() - since >= PATIENCE:
            try:
                rules.swap(
                    context.store, partial(rules.begin_rotation, lease=lease, instead_of=seen), lease["instance"]
                )
            except Refused:
                continue  # somebody else was faster
            return
        context.clock.sleep(context.random.uniform(0.3, 0.7))


def _rotate(context: Context, roles: list[str], mine: str, epoch: int) -> None:
    detail = ", ".join(roles)
    audit.record(context, "rotate", epoch=epoch, outcome=audit.BEGAN, detail=detail)
    try:
        nodes.barrier(context.engine, mine)
        _in_swarm(context, roles)
        reach("rotate.rotated")
        _publish(context, mine)
    except AgentError as error:
        audit.record(context, "rotate", epoch=epoch, outcome=audit.FAILED, detail=f"{detail}: {error.what}")
        raise
    audit.record(context, "rotate", epoch=epoch, detail=detail)
    log(f"rotated the tokens of: {detail}")


def _in_swarm(context: Context, roles: list[str]) -> None:
    """Until the live tokens are others than before: no answer is trusted, neither of success nor of failure."""
    before = _fingerprints(context.engine.swarm())
    last: AgentError = AgentError("the swarm does not take the rotation")
    for _ in range(_TRIES):
        swarm = context.engine.swarm()
        left = [role for role in roles if _fingerprints(swarm)[role] == before[role]]
        if not left:
            return
        flags = {f"rotate{role.title()}Token": "true" for role in left}
        reach("rotate.update")
        try:
            context.engine.request("POST", "/swarm/update", swarm["Spec"], version=swarm["Version"]["Index"], **flags)
        except EngineError as error:
            last = error
    if any(_fingerprints(context.engine.swarm())[role] == before[role] for role in roles):
        raise last


def _publish(context: Context, mine: str) -> None:
    """Publish, and look whether it is what is live: a CA rotation that ends now changes both tokens once more."""
    machines = list_machines(context.metadata)
    for _ in range(_TRIES):
        publishing.publish(context, mine, machines)
        reach("rotate.published")
        if duties.tokens_are_live(context.store.read()[0], context.engine.swarm()):
            return
    raise AgentError("the tokens change faster than they can be published", code="unpublished",
                     fix="nothing is to be done: the leader publishes what is live")  # fmt: skip


def _fingerprints(swarm: dict[str, Any]) -> dict[str, str]:
    return {role: fingerprint(swarm["JoinTokens"][role.title()]) for role in ROLES}


def _report(control: Control, roles: Sequence[str], rotated: list[str]) -> dict[str, Any]:
    versions = [(control.get("secrets") or {}).get(role) or {} for role in roles or ROLES]
    numbers = [int(one["version"]) for one in versions if str(one.get("version", "")).isdigit()]
    return {"rotated": rotated, "published_version": max(numbers, default=None)}


def age(control: Control, role: str, swarm: dict[str, Any], now: float) -> float:
    """For how many seconds the token of a role is the published one; `now` in seconds since 1970.

    Each pointer has its own time; else that of the last rotation, else the birth of the swarm counts. A time in the
    future was written by a clock that was wrong: nobody knows how old that token is, so it counts as old.
    """
    pointer = control["secrets"].get(role) or {}
    since = _seconds(pointer.get("at") or control.get("rotated_at") or swarm.get("CreatedAt"))
    return now - since if since is not None and since <= now + _SKEW else float("inf")


def _seconds(stamp: Any) -> float | None:
    from calendar import timegm

    try:
        return float(timegm(time.strptime(str(stamp)[:19], "%Y-%m-%dT%H:%M:%S")))
    except ValueError:
        return None
