"""The first manager whose second never came heals itself: it asks for the seats, and begins anew with its own raft log.

A manager that joins is a member of raft before it can know it. If it dies in that moment, or its engine throws the new
identity away, the first manager waits for ever for a second that never was, and nobody can join: that needs a leader.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Callable

from . import audit, form, identity, join, nodes, pulse, sole
from . import control as rules
from .checkpoint import reach
from .context import Context
from .engine_api import EngineError
from .errors import Refused, log
from .join import Step
from .local import Local, remembers
from .metadata import GONE, Machine, list_machines
from .store import Control

# What a node can do next, besides the steps of join.py.
MARK, UNMARK, GIVE_BACK = "ask for seats", "need no seats", "give back seat"
BEGIN, FORCE, END = "wait for seats", "begin anew", "publish anew"
ANEW = "begin anew"  # in the audit trail
Sighted = tuple[Control, Local, Machine]


def next_step(control: Control, local: Local, me: Machine, stuck: bool = False) -> Step | None:
    """What comes before all of join.py, None where nothing does. Pure. `stuck`: without a leader for `takeover`."""
    if me.state in GONE or me.role != "manager" or control.get("uid") != me.uid:
        return None
    if sole.is_beginning(control, me.instance):
        return _beginning(control, local)
    mark = rules.alone(control)
    if control["phase"] != rules.FORMED or not (mark or stuck):
        return None
    if not mark:
        return Step(MARK, "the only manager has no leader: one that died while it joined may be what it waits for")
    if mark["instance"] == me.instance:
        return _marked(control, local, me)
    return _asked(control, local, me)


def is_leaderless(control: Control, local: Local, me: Machine) -> bool:
    """True for the only published manager while nobody leads: its engine runs and does not tell the swarm's id.

    Not in an autolocked swarm, as measured: the engine loses its key when it begins anew, and is locked out for good.
    """
    mine = control.get("phase") == rules.FORMED and sole.is_only(control, me.instance, local.node_id)
    fit = local.address in ("", me.address) and "unlock" not in control["secrets"]
    return mine and fit and _runs(local) and not local.swarm_id


def _runs(local: Local) -> bool:
    """After a start without a quorum an engine says pending, and is a manager nevertheless."""
    return local.state in ("active", "pending") and local.control_available


def _marked(control: Control, local: Local, me: Machine) -> Step | None:
    if not _runs(local):
        return None
    if not sole.is_only(control, me.instance, local.node_id):
        return Step(UNMARK, "another manager is there")
    if local.swarm_id:
        return Step(UNMARK, "a leader answers again")
    if not is_leaderless(control, local, me):
        return None
    left = " and ".join(sole.seats_of_others(control, me.instance))
    if not left:
        return Step(BEGIN, "no leader, and no other machine holds the seat of a manager")
    fix = f"switch on {left}; a machine that is gone for good: terminate it"
    return Step(BEGIN, f"no leader; waits until {left} gave back the seat of a manager, or is terminated", fix)


def _asked(control: Control, local: Local, me: Machine) -> Step | None:
    """A machine that is no manager says so; a full one fills its seat, which ends the case."""
    seat = control["seats"].get(me.instance)
    if seat and seat["node_id"]:
        return None
    if local.state == "inactive":
        if seat:
            return Step(GIVE_BACK, "the first manager begins anew, and this machine is in no swarm")
        return Step(join.WAIT, "the first manager begins anew")
    if local.control_available or remembers(control, local):
        return None
    if local.state == "pending":
        return Step(join.WIPE, "a join that cannot end: the first manager has no leader")
    return Step(join.PENDING, "a member, but no manager") if local.state == "active" else None


def _beginning(control: Control, local: Local) -> Step:
    if local.state == "locked":
        return Step(join.UNLOCK, "the engine is locked")
    if not _runs(local) or local.node_id != control["alone"]["node_id"]:
        fix = "look at the engine's log; if it stays, restart the engine"
        return Step(join.WAIT, f"this manager begins anew, and its engine's swarm is {local.state}: {local.error}", fix)
    if local.swarm_id:
        return Step(END, "the swarm has a leader again")
    return Step(FORCE, "no other machine holds this swarm")


class Anew:
    """The deeds of these steps, and how long the only manager has had no leader."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._leaderless: tuple[str, float] | None = None  # which node, since when

    def is_stuck(self, control: Control, local: Local, me: Machine) -> bool:
        """Told of every look: True when all of them in the last `takeover` seconds found no leader."""
        if not is_leaderless(control, local, me):
            self._leaderless = None
            return False
        now = self._context.clock.now()
        if self._leaderless is None or self._leaderless[0] != local.node_id:
            self._leaderless = (local.node_id, now)
        return now - self._leaderless[1] >= rules.timer(control, "takeover")

    def deeds(self) -> Mapping[str, Callable[[Sighted], None]]:
        """By step."""
        return {
            MARK: self._mark, UNMARK: self._unmark, GIVE_BACK: self._give_back,
            BEGIN: self._begin, FORCE: self._force, END: self._end,
        }  # fmt: skip

    def _mark(self, sight: Sighted) -> None:
        _, local, me = sight
        if self._has_to_wait():
            return
        reach("anew.mark")
        self._swap(lambda now: sole.mark(now, me.instance, local.node_id), me)
        log("this manager asks the others for their seats: none of them may be what its swarm waits for")
        reach("anew.marked")

    def _unmark(self, sight: Sighted) -> None:
        _, _, me = sight
        reach("anew.unmark")
        self._swap(lambda now: sole.unmark(now, me.instance), me)
        reach("anew.unmarked")

    def _give_back(self, sight: Sighted) -> None:
        _, _, me = sight
        reach("anew.give_back")
        self._swap(lambda now: sole.give_back(now, me.instance), me)
        reach("anew.given_back")

    def _begin(self, sight: Sighted) -> None:
        """With no seat left but those of machines that are gone: from now on only this manager makes the next step."""
        control, local, me = sight
        others = set(sole.seats_of_others(control, me.instance))
        machines = list_machines(self._context.metadata) if others else {}
        gone = others - set(machines) if machines is not None else set()
        if others - gone or self._has_to_wait():
            return
        # The gate at the next boot knows by this that the raft log is the one that goes on.
        identity.remember(self._context, uid=control["uid"], swarm_id=control["swarm_id"], node_id=local.node_id)
        reach("anew.begin")
        now, _ = self._swap(lambda now: sole.begin(now, me.instance, local.node_id, gone), me)
        detail = "every seat is given back" if not gone else f"the machines of the other seats are gone: {sorted(gone)}"
        audit.record(self._context, ANEW, node=me.hostname, epoch=now["epoch"], outcome=audit.BEGAN, detail=detail)
        reach("anew.begun")

    def _force(self, sight: Sighted) -> None:
        control, _, me = sight
        if self._has_to_wait():
            return
        log(f"the swarm {control['swarm_id']} begins anew with this manager alone")
        reach("anew.force")
        now, _ = self._context.store.read()
        if now != control:
            raise Refused("the control object changed meanwhile")
        form.force(self._context, me)
        reach("anew.forced")

    def _end(self, sight: Sighted) -> None:
        """Tokens and CA are as they were published, or the leader's next round publishes them."""
        control, _, me = sight
        swarm = self._context.engine.swarm()
        if swarm.get("ID") != control["swarm_id"]:
            raise Refused(f"the engine is in the swarm {swarm.get('ID')}, which is not the published one")
        reach("anew.end")
        self._swap(lambda now: sole.end(now, me.instance, control["epoch"]), me)
        audit.record(self._context, ANEW, node=me.hostname, epoch=control["epoch"], detail=f"swarm {swarm['ID']}")
        log(f"the swarm {swarm['ID']} goes on in epoch {control['epoch']}")
        reach("anew.ended")

    def _swap(self, change: rules.Change, me: Machine) -> tuple[Control, object]:
        return rules.swap(self._context.store, change, me.instance)

    def _has_to_wait(self) -> bool:
        """A leader answers after all, or a full disk is why none does. Asked once more before each deed."""
        if pulse.is_full(*pulse.disk(self._context.swarm_dir)):  # raft goes on by itself when there is room again
            return True
        try:
            nodes.read(self._context.engine)
        except EngineError as error:
            if error.kind != "no_quorum":
                raise
            return False
        return True
