"""The models' mutants, put into the real code: what the state machines have to catch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from bootstrap.agent import boot, duties, enter, form, guard, join
from bootstrap.agent import control as rules
from bootstrap.agent.errors import Refused
from bootstrap.agent.health import History
from bootstrap.agent.local import Local, fingerprint, root_digest
from bootstrap.agent.membership import Membership, Sight
from bootstrap.agent.pulse import Pulses
from bootstrap.agent.reconcile import Reconciler
from bootstrap.agent.store import Control, StaleWrite, StoreUnavailable
from bootstrap.agent.watch import Watch
from tests.agent.oracle import AFTER

AFTER_RELEASE = {**AFTER, "CLAIMED": {*AFTER["CLAIMED"], "EMPTY"}}  # what the judge allows `release_others_lock`


def _edit_steps(patch: pytest.MonkeyPatch, edit: Callable[..., join.Step]) -> None:
    """`edit(step, control, local, me)` has the last word on what a node does next."""
    real = join.next_step

    def edited(control: Control, local: Local, me: Any, claim_is_stale: bool = False) -> join.Step:
        return edit(real(control, local, me, claim_is_stale), control, local, me)

    patch.setattr(join, "next_step", edited)


def _unchecked(patch: pytest.MonkeyPatch) -> None:
    """The second wall behind the rules is what would stop these mutants, so it goes too."""
    patch.setattr(rules, "check", lambda old, wanted: None)


def publish_no_cas(patch: pytest.MonkeyPatch) -> None:
    """The claim is not compared when the swarm is published."""
    _unchecked(patch)
    patch.setattr(rules, "publish", lambda now, member, swarm, epoch: _published(now, member, swarm, now["epoch"]))


def _published(now: Control, member: Any, swarm: Any, epoch: int) -> Control:
    seats = {member["instance"]: {"address": member["address"], "node_id": member["node_id"]}}
    formed = {"phase": rules.FORMED, "epoch": epoch, "managers": [dict(member)], "seats": seats}
    return {**now, **swarm, **formed, "established": False}


def no_readback(patch: pytest.MonkeyPatch) -> None:
    """An unknown answer to a claim is believed to be a loss: wait for somebody else, for ever."""
    real = Membership._turn

    def claim(self: Membership, sight: Sight) -> None:
        control, generation = self._context.store.read()
        wanted = rules.claim(control, sight.me.instance, "boot")
        try:
            self._context.store.swap(wanted, generation)
        except (StoreUnavailable, StaleWrite):
            self.lost = True  # type: ignore[attr-defined]

    def turn(self: Membership) -> Any:
        if getattr(self, "lost", False) and self._context.store.read()[0]["phase"] != rules.FORMED:
            raise Refused("mutant: the race is lost")
        return real(self)

    patch.setattr(Membership, "_claim", claim)
    patch.setattr(Membership, "_turn", turn)


def publish_orphan_on_reboot(patch: pytest.MonkeyPatch) -> None:
    """A manager that finds a swarm of its own at its start publishes it, whoever holds the claim."""
    _unchecked(patch)
    publish_in_next_epoch(patch)

    def edit(step: join.Step, control: Control, local: Local, me: Any) -> join.Step:
        orphan = step.action == join.WIPE and local.control_available and local.swarm_id != control["swarm_id"]
        return join.Step(join.PUBLISH, "mutant") if orphan else step

    _edit_steps(patch, edit)


def publish_in_next_epoch(patch: pytest.MonkeyPatch) -> None:
    """What is published without a claim at least looks like a proper step."""
    real = rules.publish

    def publish(now: Control, member: Any, swarm: Any, epoch: int) -> Control:
        try:
            return real(now, member, swarm, epoch)
        except Refused:
            holder = {"instance": member["instance"], "boot": "mutant"}
            return {**_published(now, member, swarm, now["epoch"] + 1), "holder": holder}

    patch.setattr(rules, "publish", publish)


def release_others_lock(patch: pytest.MonkeyPatch) -> None:
    """Whoever does not hold the claim gives it free. Harmless: publishing still compares the epoch."""
    _unchecked(patch)
    real = rules.claim

    def edit(step: join.Step, control: Control, local: Local, me: Any) -> join.Step:
        mine = me.role == "manager" and step.action == join.WAIT and control.get("phase") == rules.CLAIMED
        return join.Step(join.CLAIM, "mutant") if mine and local.state == "inactive" else step

    def claim(now: Control, instance: str, boot_id: str) -> Control:
        if now["phase"] == rules.CLAIMED and not rules.held_by(now, instance):
            return {**now, "phase": rules.EMPTY, "holder": None}
        return real(now, instance, boot_id)

    _edit_steps(patch, edit)
    patch.setattr(rules, "claim", claim)


def init_when_unreachable(patch: pytest.MonkeyPatch) -> None:
    """A manager whom no published manager answers begins a swarm of its own."""
    _unchecked(patch)
    publish_in_next_epoch(patch)
    real = enter.attempt

    def attempt(context: Any, control: Control, me: Any) -> None:
        try:
            real(context, control, me)
        except enter.Refusal as error:
            if me.role != "manager" or error.kind != "unreachable":
                raise
            form.init(context, control, me)
            swarm = context.engine.swarm()
            secrets = form.write_secrets(context, swarm, {})
            facts = {"swarm_id": swarm["ID"], "ca_digest": root_digest(swarm), "secrets": secrets}
            node_id = context.engine.info()["Swarm"]["NodeID"]
            member = {"instance": me.instance, "node_id": node_id, "address": me.address}
            rules.swap(context.store, lambda now: rules.publish(now, member, facts, control["epoch"]), me.instance)

    patch.setattr(enter, "attempt", attempt)


def recover_no_fence(patch: pytest.MonkeyPatch) -> None:
    """The boot lets the raft log of an earlier epoch serve again."""
    patch.setattr(boot, "fenced", lambda control, context, me: False)


def no_wipe(patch: pytest.MonkeyPatch) -> None:
    """An orphan swarm stays."""

    def edit(step: join.Step, control: Control, local: Local, me: Any) -> join.Step:
        return join.Step(join.WAIT, "mutant") if step.action == join.WIPE else step

    _edit_steps(patch, edit)


def no_reconcile(patch: pytest.MonkeyPatch) -> None:
    """The leader publishes nothing."""
    patch.setattr(Reconciler, "_publish", lambda *_: None)


def no_refetch(patch: pytest.MonkeyPatch) -> None:
    """A joiner goes on with the token that it read first."""
    real = enter._token

    def token(context: Any, control: Control, role: str) -> str:
        kept: dict[Any, str] = context.config.setdefault("mutant", {})
        return kept.setdefault(role, real(context, control, role) if role not in kept else "")

    patch.setattr(enter, "_token", token)


def pub_blind(patch: pytest.MonkeyPatch) -> None:
    """A rotation does not look whether what it published still is what is live. Harmless: the leader does."""
    patch.setattr(duties, "tokens_are_live", lambda control, swarm: True)


def unverified(patch: pytest.MonkeyPatch) -> None:
    """A damaged secret is published: its fingerprint is taken from what was meant to be written."""
    real = form.write_secrets

    def write(context: Any, swarm: Any, published: Any) -> Any:
        pointers = real(context, swarm, published)
        return {key: {**one, "fp": fingerprint(one["fp"])} for key, one in pointers.items()}

    patch.setattr(form, "write_secrets", write)


def no_majority(patch: pytest.MonkeyPatch) -> None:
    """The guard does not count who is well before it lets a dead manager go."""

    def refuse(view: guard.View, member: str) -> str | None:
        return None if member in view.dead and not view.in_flight else "mutant: it lives"

    patch.setattr(guard, "refuse_dead", refuse)


def no_window(patch: pytest.MonkeyPatch) -> None:
    """The guard believes the last sample, and no window of them."""
    patch.setattr(History, "stable", lambda self, now: self._samples[-1][1] if self._samples else frozenset())


def no_life(patch: pytest.MonkeyPatch) -> None:
    """The upkeep believes what swarm shows of a manager that is coming back."""
    patch.setattr(Watch, "shows_life", lambda *_: False)
    patch.setattr(Pulses, "has_leader", lambda *_: False)


def no_difference(patch: pytest.MonkeyPatch) -> None:
    """The upkeep takes out by the rule for live managers too whoever is away for a moment."""
    real = guard.refuse_dead
    patch.setattr(guard, "refuse_dead", lambda view, member: real(view, member) and guard.refuse_live(view, member))
