"""From what is to the next step: `docker swarm join` over the Engine API, or the first manager's `swarm init`."""

from __future__ import annotations

from typing import NamedTuple

from . import control as rules
from .local import Local, is_ours, remembers
from .metadata import GONE, Machine
from .store import Control

# What a node can do next. WAIT changes nothing; IDLE is for good; DONE is where it should be.
WAIT, IDLE, DONE = "wait", "idle", "done"
CLAIM, TAKE_OVER, INIT, PUBLISH = "claim", "take over", "init", "publish"
TAKE_SEAT, LOSE_SEAT, JOIN, WIPE, PENDING, UNLOCK = "take seat", "lose seat", "join", "wipe", "pending", "unlock"


_HEAL = "they may be electing: ask again in half a minute; if it stays, bring back a majority of the managers and see the engine's log"


class Step(NamedTuple):
    """What to do next and, in plain words, why; what a person can do about it where the node can only wait."""

    action: str
    why: str
    fix: str = ""


def next_step(control: Control, local: Local, me: Machine, claim_is_stale: bool = False) -> Step:
    """Decide. Pure; nothing is inferred from silence, and a node never inits where a swarm was published."""
    phase = control.get("phase")
    if me.state in GONE and local.state in ("inactive", "pending", "error"):
        return Step(IDLE, "this machine is being terminated")
    if not phase:
        return Step(WAIT, "there is no control object")
    if control["uid"] != me.uid:
        return Step(WAIT, "the control object is another cluster's")
    if phase == rules.FORMED:
        return _formed(control, local, me)
    if phase not in (rules.CLAIMED, rules.EMPTY):
        return Step(WAIT, f"the cluster is {phase}")
    if local.joined[0] == me.uid:
        return Step(WAIT, "this machine was in the published swarm, of which the control object knows nothing")
    if phase == rules.CLAIMED and rules.held_by(control, me.instance):
        return _claimed_by_me(local)
    return _unformed(control, local, me, claim_is_stale)


def _claimed_by_me(local: Local) -> Step:
    if local.state == "inactive":
        return Step(INIT, "the claim is ours")
    if local.state == "active":
        usable = local.control_available
        return Step(PUBLISH, "our swarm is made") if usable else Step(WIPE, "it is a worker of some other swarm")
    if local.state in ("error", "locked"):
        return Step(WIPE, f"a swarm that nobody else knows is {local.state}: it is made anew")
    if local.state == "pending":  # whatever keeps it from leading: nobody else knows it, it can be made anew
        return Step(PENDING, "our swarm has no leader yet")
    return Step(WAIT, f"the engine's swarm is {local.state}: {local.error}")


def _unformed(control: Control, local: Local, me: Machine, claim_is_stale: bool) -> Step:
    if local.state != "inactive":
        return Step(WIPE, "an orphan swarm: it was never published")
    if me.role != "manager":
        return Step(WAIT, "the swarm is not published yet")
    if control["phase"] == rules.EMPTY:
        return Step(CLAIM, "nobody has begun")
    if claim_is_stale:
        return Step(TAKE_OVER, "the holder of the claim is gone or does not move")
    return Step(WAIT, f"{control['holder']['instance']} makes the swarm")


def _formed(control: Control, local: Local, me: Machine) -> Step:
    if local.state == "inactive":
        return _enter(control, me)
    removed = _removed(control, local)
    if removed:
        return Step(WIPE, removed)
    if local.state == "active":
        return _member(control, local, me)
    known = _known(control, local, me)
    if local.state == "pending":
        return Step(WAIT, "no manager answers yet") if known else Step(PENDING, "the join is under way")
    if not known:
        return Step(WIPE, f"a join that never ended well: {local.error}")
    if local.state == "locked":
        return Step(UNLOCK, "the engine is locked")
    if _moved(local, me):
        return _at_new_address(control, local, me)
    # A worker, whose swarm holds no data, leaves after a while and joins anew. A manager is replaced by the leader, who
    # sees it dead; where all are broken the engines have to be restarted once the cause is gone.
    why = f"the engine's swarm is in {local.state}: {local.error}"
    return Step(PENDING, why) if me.role == "worker" else Step(WAIT, why, _HEAL)


def _member(control: Control, local: Local, me: Machine) -> Step:
    if not is_ours(control, local):
        if not (local.swarm_id or local.digests):
            return Step(WAIT, "the engine does not say yet which swarm this is")
        return Step(WIPE, "this is not the published swarm")
    if _moved(local, me) and (me.role == "worker" or _others(control, local)):
        return _at_new_address(control, local, me)
    if me.role == "manager" and not local.control_available:
        return Step(WAIT, "a member, but not yet a manager")
    return Step(DONE, "a member of the published swarm")


def _moved(local: Local, me: Machine) -> bool:
    """True when the machine has another address than it joined with: what others send to it does not arrive."""
    return bool(local.address) and local.address != me.address


def _at_new_address(control: Control, local: Local, me: Machine) -> Step:
    """A node never changes its address: it joins anew. A manager only once the others have committed that it is out."""
    why = f"the address of this machine changed from {local.address} to {me.address}"
    if me.role == "worker":
        return Step(WIPE, why)
    if not _others(control, local):
        fix = f"give the machine its address {local.address} back: it holds the only copy of the swarm"
        return Step(WAIT, f"{why}, and it is the only manager", fix)
    seat = control["seats"].get(me.instance) or {}
    if seat.get("node_id") and not seat.get("lost"):
        return Step(LOSE_SEAT, why)
    return Step(WAIT, f"{why}: the leader has to clear our old seat", f"give it {local.address} back, or {_HEAL}")


def _others(control: Control, local: Local) -> bool:
    """True when the cluster has managers besides this one."""
    return bool({one["node_id"] for one in control["managers"]} - {local.node_id or local.joined_as})


def _known(control: Control, local: Local, me: Machine) -> bool:
    """True for a full member, whose data must not be thrown away only because nobody answers it."""
    if not local.node_id and (control["seats"].get(me.instance) or {}).get("node_id"):
        return True
    return remembers(control, local) or local.node_id in {one["node_id"] for one in control["managers"]}


def _enter(control: Control, me: Machine) -> Step:
    if me.role != "manager":
        return Step(JOIN, "the swarm is published")
    seat = control["seats"].get(me.instance)
    if seat is None:
        if len(control["seats"]) < control["managers_target"]:
            return Step(TAKE_SEAT, "a manager seat is free")
        return Step(WAIT, f"all {control['managers_target']} manager seats are taken")
    if seat["node_id"] is None:
        return Step(JOIN, "a manager seat is reserved")
    if not seat.get("lost"):
        return Step(LOSE_SEAT, "this machine was a manager and has lost its swarm")
    return Step(WAIT, "the leader has to clear our old seat", _HEAL)


def _removed(control: Control, local: Local) -> str | None:
    """Why this node's identity is void, from what the cluster committed: never from silence."""
    if (local.node_id or local.joined_as) in control.get("removed", []):
        return "this node was removed from the swarm"
    known = {one["node_id"] for one in control["managers"]}
    if local.control_available and 0 < local.epoch < control["epoch"] and local.node_id not in known:
        return "the cluster was recovered without this manager"
    return None
