"""A first manager whose second never came, in the control object: FORMED -> RECOVERING -> FORMED without a person.

The only published manager marks itself `alone` when its swarm has no leader. From then on nobody takes a seat, and
those who hold one that was never filled give it back: each says so itself that it is in no swarm. With no seat left
besides its own, that manager holds the only copy of the swarm, and begins anew with it. As in control.py every function
gives a new control object, and an equal one when its work is done already.
"""

from __future__ import annotations

from collections.abc import Set

from .control import FORMED, RECOVERING, alone
from .errors import Refused
from .store import Control


def is_only(control: Control, instance: str, node_id: str) -> bool:
    """True where no other manager was published, and no other machine says that it joined as one."""
    published = [(one["instance"], one["node_id"]) for one in control.get("managers", [])]
    filled = [key for key, seat in control.get("seats", {}).items() if seat["node_id"] and key != instance]
    return bool(node_id) and published == [(instance, node_id)] and not filled


def seats_of_others(control: Control, instance: str) -> list[str]:
    """The instances that may have joined as managers, and did not say so, nor that they did not."""
    return sorted(set(control["seats"]) - {instance})


def mark(control: Control, instance: str, node_id: str) -> Control:
    """I am the only manager and have no leader. The caller has seen that for long enough."""
    _must_be_only(control, instance, node_id)
    return {**control, "alone": {"instance": instance, "node_id": node_id}}


def unmark(control: Control, instance: str) -> Control:
    """A leader answers me, or another manager is there: all goes on as before."""
    mine = control["phase"] == FORMED and (control.get("alone") or {}).get("instance") == instance
    return _without_mark(control) if mine else control


def give_back(control: Control, instance: str) -> Control:
    """I am in no swarm. Only a seat that was never filled goes, and only while the first manager asks for it."""
    seat, mark = control["seats"].get(instance), alone(control)
    if control["phase"] != FORMED or not mark or mark["instance"] == instance or not seat or seat["node_id"]:
        return control
    return {**control, "seats": {key: one for key, one in control["seats"].items() if key != instance}}


def begin(control: Control, instance: str, node_id: str, gone: Set[str]) -> Control:
    """FORMED -> RECOVERING(epoch + 1), by the manager that is marked. `gone`: instances that the cloud does not know."""
    if is_beginning(control, instance):
        return control
    _must_be_only(control, instance, node_id)
    if (alone(control) or {}).get("instance") != instance:
        raise Refused("the others were not asked for their seats")
    left = [one for one in seats_of_others(control, instance) if one not in gone]
    if left:
        raise Refused(f"{', '.join(left)} may have joined")
    epoch, member = control["epoch"] + 1, control["managers"][0]
    seats = {instance: {"address": member["address"], "node_id": node_id}}
    mark = {"instance": instance, "node_id": node_id, "epoch": epoch}
    return {**control, "phase": RECOVERING, "epoch": epoch, "seats": seats, "alone": mark}


def is_beginning(control: Control, instance: str) -> bool:
    """True in a RECOVERING that this manager has begun itself: a person's is another."""
    mark = alone(control) or {}
    mine = mark.get("instance") == instance and mark.get("epoch") == control["epoch"]
    return bool(control["phase"] == RECOVERING and mine)


def end(control: Control, instance: str, epoch: int) -> Control:
    """RECOVERING -> FORMED in the same epoch: the swarm has a leader again, who is this manager."""
    if (control["phase"], control["epoch"]) == (FORMED, epoch):
        return control
    if not is_beginning(control, instance) or control["epoch"] != epoch:
        raise Refused("it is no longer mine to begin anew")
    return {**_without_mark(control), "phase": FORMED}


def _without_mark(control: Control) -> Control:
    return {key: value for key, value in control.items() if key != "alone"}


def _must_be_only(control: Control, instance: str, node_id: str) -> None:
    if control["phase"] != FORMED or not is_only(control, instance, node_id):
        raise Refused("this is not the only manager")
