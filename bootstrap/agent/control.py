"""The control object: its phases, who may change what, as pure functions; and compare-and-swap with read-back.

EMPTY -> CLAIMED(epoch, holder) -> FORMED(swarm, ca, managers, secrets) -> RECOVERING -> FORMED(epoch + 1); DESTROYED is
a tombstone. Every function takes a control object and returns a new one, and gives back an equal one when its work
is done already: so an unknown answer is settled by reading again and asking the same function once more.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Iterable, Mapping
from typing import Any, Callable

from .errors import Refused
from .store import Control, Generation, StaleWrite, Store, StoreUnavailable

SCHEMA = 1
EMPTY, CLAIMED, FORMED, RECOVERING, DESTROYED = "EMPTY", "CLAIMED", "FORMED", "RECOVERING", "DESTROYED"
TIMERS = {"stable": 60, "dead": 300, "settle": 120, "takeover": 180}  # seconds
_REMEMBERED = 200  # how many removed node ids are kept
_NEXT = {
    EMPTY: {EMPTY, CLAIMED, DESTROYED},
    CLAIMED: {CLAIMED, FORMED, DESTROYED},
    FORMED: {FORMED, RECOVERING, DESTROYED, EMPTY},
    RECOVERING: {RECOVERING, FORMED, DESTROYED},
    DESTROYED: {DESTROYED, EMPTY},
}
Change = Callable[[Control], Control]


def new(uid: str, name: str, *, managers_target: int, pools: Mapping[str, Any], timers: Mapping[str, int]) -> Control:
    """A cluster that has no swarm yet. Only the CLI writes it."""
    return {
        "schema": SCHEMA, "uid": uid, "name": name, "phase": EMPTY, "epoch": 0, "holder": None,
        "swarm_id": None, "ca_digest": None, "managers": [], "established": False, "secrets": {},
        "managers_target": managers_target, "seats": {}, "pools": dict(pools), "timers": {**TIMERS, **timers},
        "rotate_every": None, "rotated_at": None, "rotation": None, "reconcile": True, "removed": [], "change": None,
        "surge": None, "updated_by": "", "updated_at": "",
    }  # fmt: skip


def stamp(seconds: float) -> str:
    """Seconds since 1970 in ISO 8601, UTC: for people, and for what happens once in hours. No step waits for it."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


def timer(control: Control, name: str) -> float:
    """Seconds of a timer, the default where the object has none."""
    return float(control.get("timers", {}).get(name, TIMERS[name]))


def held_by(control: Control, instance: str) -> bool:
    """True when the claim is this instance's, from this boot or an earlier one."""
    return bool(control.get("holder")) and control["holder"]["instance"] == instance


def claim(control: Control, instance: str, boot: str) -> Control:
    """EMPTY -> CLAIMED by me."""
    if control["phase"] == CLAIMED and held_by(control, instance):
        return control
    if control["phase"] != EMPTY:
        raise Refused(f"cannot claim: the cluster is {control['phase']}")
    return _claimed(control, instance, boot)


def take_over(control: Control, instance: str, boot: str, epoch: int) -> Control:
    """CLAIMED by another in `epoch` -> CLAIMED by me. The caller has watched that claim for long enough."""
    if control["phase"] == CLAIMED and held_by(control, instance):
        return control
    if control["phase"] != CLAIMED or control["epoch"] != epoch:
        raise Refused("the claim changed meanwhile")
    return _claimed(control, instance, boot)


def _claimed(control: Control, instance: str, boot: str) -> Control:
    holder = {"instance": instance, "boot": boot}
    return {**control, "phase": CLAIMED, "epoch": control["epoch"] + 1, "holder": holder}


def publish(control: Control, member: Mapping[str, str], swarm: Mapping[str, Any], epoch: int) -> Control:
    """CLAIMED by me in `epoch` -> FORMED: only now the swarm counts.

    `member` is {"instance", "node_id", "address"}; `swarm` is {"swarm_id", "ca_digest", "secrets"}.
    """
    if control["phase"] == FORMED and control["swarm_id"] == swarm["swarm_id"]:
        return control
    if control["phase"] != CLAIMED or control["epoch"] != epoch or not held_by(control, member["instance"]):
        raise Refused("the claim is no longer mine")
    seat = {"address": member["address"], "node_id": member["node_id"]}
    seats = {member["instance"]: seat}
    return {**control, **swarm, "phase": FORMED, "managers": [dict(member)], "seats": seats, "established": False}


def take_seat(control: Control, instance: str, address: str) -> Control:
    """Reserve the right to join as a manager, as long as fewer seats are taken than managers are wanted."""
    _must_be_formed(control)
    seats = control["seats"]
    if instance in seats:
        return control
    if len(seats) >= control["managers_target"]:
        raise Refused(f"all {control['managers_target']} manager seats are taken")
    return {**control, "seats": {**seats, instance: {"address": address, "node_id": None}}}


def fill_seat(control: Control, instance: str, node_id: str, address: str) -> Control:
    """I joined: my seat is this node's, unless that was removed meanwhile."""
    _must_be_formed(control)
    if node_id in control.get("removed", []):
        return control
    return {**control, "seats": {**control["seats"], instance: {"address": address, "node_id": node_id}}}


def lose_seat(control: Control, instance: str, node_id: str) -> Control:
    """The host itself says that it is in no swarm any more: its old member may be removed without waiting."""
    seat = control["seats"].get(instance)
    if not seat or seat["node_id"] != node_id:
        return control
    return {**control, "seats": {**control["seats"], instance: {**seat, "lost": True}}}


def forget(control: Control, node_id: str) -> Control:
    """A node was removed: its seat is free, and if it ever comes back it can read here that it must join anew."""
    seats = {key: seat for key, seat in control["seats"].items() if seat["node_id"] != node_id}
    removed = [one for one in control.get("removed", []) if one != node_id] + [node_id]
    return {**control, "seats": seats, "removed": removed[-_REMEMBERED:]}


def drop_seats(control: Control, stale: Mapping[str, Any]) -> Control:
    """Free the seats named by `stale` (instance -> node id or None), unless they changed meanwhile."""
    seats = control["seats"]
    keep = {key: seat for key, seat in seats.items() if key not in stale or seat["node_id"] != stale[key]}
    return {**control, "seats": keep}


def refresh(control: Control, managers: Iterable[Mapping[str, str]], facts: Mapping[str, Any]) -> Control:
    """What the leader sees: the managers, and any of `ca_digest`, `secrets`, `established`, `rotated_at`.

    It makes no seat: only an instance takes its own. One that joined and died before it could say so is filled.
    """
    _must_be_formed(control)
    known = sorted((dict(one) for one in managers), key=lambda one: one["node_id"])
    seats = dict(control["seats"])
    for one in known:
        seat = seats.get(one["instance"])
        if seat and seat["node_id"] is None and seat["address"] == one["address"]:
            seats[one["instance"]] = {"address": one["address"], "node_id": one["node_id"]}
    secrets = {**control["secrets"], **facts.get("secrets", {})}
    return {**control, **facts, "secrets": secrets, "managers": known, "seats": seats}


def begin_change(control: Control, lease: Mapping[str, Any]) -> Control:
    """Take the lease that keeps membership changes apart. `lease` is {"id", "instance", "node_id"}."""
    held = control.get("change")
    if not held:
        return {**control, "change": dict(lease)}
    if held["id"] != lease["id"]:
        raise Refused("another membership change is under way", code="change_in_flight")
    must_hold(control, held["id"])
    return control


def must_hold(control: Control, lease_id: str) -> Mapping[str, Any]:
    """The lease of that id. Raises Refused when it is broken or gone."""
    held: Mapping[str, Any] = control.get("change") or {}
    if held.get("id") != lease_id or held.get("broken"):
        raise Refused("this took so long that its lease was ended", fix="run it again", code="lease_lost")
    return held


def renew_change(control: Control, lease_id: str) -> Control:
    """Show that the holder of a lease lives. Not repeatable: each time it is another lease to whoever watches it."""
    held = must_hold(control, lease_id)
    return {**control, "change": {**held, "renewed": held.get("renewed", 0) + 1}}


def break_change(control: Control, lease: Any, lease_id: str) -> Control:
    """Mark a lease, if it is still as `lease`: its holder may do nothing any more, nor may others before it ends."""
    held = control.get("change")
    if not held or held != lease or held["id"] != lease_id:
        return control
    return {**control, "change": {**held, "broken": True}}


def end_change(control: Control, lease_id: str) -> Control:
    """Give the lease back, if it is still that one."""
    held = control.get("change")
    return {**control, "change": None} if held and held["id"] == lease_id else control


def end_broken(control: Control, lease_id: str) -> Control:
    """Free the lease of another, if it still is that one and marked as broken."""
    return end_change(control, lease_id) if (control.get("change") or {}).get("broken") else control


def begin_rotation(control: Control, lease: Mapping[str, str], instead_of: str = "") -> Control:
    """Take the lease {"id", "instance"} of a rotation, free or held as `instead_of`. It bars no other change."""
    _must_be_formed(control)
    held = (control.get("rotation") or {}).get("id", "")
    if held not in (instead_of, lease["id"], ""):
        raise Refused("another rotation is under way", code="rotation_in_flight")
    return {**control, "rotation": dict(lease)}


def end_rotation(control: Control, lease_id: str) -> Control:
    """Give the lease of a rotation back, if it is still that one."""
    held = control.get("rotation")
    return {**control, "rotation": None} if held and held["id"] == lease_id else control


def swap(store: Store, change: Change, by: str, attempts: int = 20) -> tuple[Control, Generation]:
    """Apply `change` to the stored object; the object and its generation as they are now.

    A lost race or an unknown answer is settled by reading again, never by inference.
    """
    for _ in range(attempts):
        control, generation = store.read()
        wanted = change(copy.deepcopy(control))
        if wanted == control:
            return control, generation
        check(control, wanted)
        wanted = {**wanted, "updated_by": by, "updated_at": stamp(time.time())}
        try:
            return wanted, store.swap(wanted, generation)
        except (StaleWrite, StoreUnavailable):
            continue
    raise StoreUnavailable("the control object could not be changed")


def check(old: Control, wanted: Control) -> None:
    """Refuse a step that no rule allows: the second wall behind the functions above."""
    reborn = old.get("phase") == DESTROYED and wanted["phase"] == EMPTY
    if wanted["phase"] not in _NEXT.get(old.get("phase", ""), set()):
        raise Refused(f"no step leads from {old.get('phase', 'nothing')} to {wanted['phase']}")
    if not reborn and (wanted["uid"] != old["uid"] or wanted["epoch"] < old["epoch"]):
        raise Refused("the uid is fixed and the epoch never falls")
    if old["phase"] == FORMED == wanted["phase"] and wanted["swarm_id"] != old["swarm_id"]:
        raise Refused("a published swarm is never replaced")
    if (
        wanted["holder"] != old["holder"]
        and not reborn
        and wanted["phase"] == CLAIMED
        and wanted["epoch"] <= old["epoch"]
    ):
        raise Refused("a new holder needs a new epoch")


def _must_be_formed(control: Control) -> None:
    if control.get("phase") != FORMED:
        raise Refused(f"the cluster is {control.get('phase', 'absent')}")
