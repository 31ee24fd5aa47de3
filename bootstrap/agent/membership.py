"""The node's own membership: looks, decides with `join.next_step`, does one thing, and looks again."""

from __future__ import annotations

import contextlib
from typing import Callable, NamedTuple

from . import audit, daemon, enter, form, hooks, identity, join
from . import control as rules
from .checkpoint import reach
from .context import Context, alone
from .engine_api import EngineError
from .errors import HEALS, Refused, explain, log
from .local import Local, observe
from .metadata import GONE, Machine, list_machines
from .store import Control
from .unlock import unlock
from .watchdog import Watchdog

_POLL = 1.0
_GLANCE = 0.2  # seconds between two looks at a store that is on this machine: whoever waits goes on when it changes
_FIRST, _CAP = 2.0, 60.0  # seconds of jitter after a refused join
_ALARM = 900.0


class Sight(NamedTuple):
    """What a node decides from."""

    control: Control
    local: Local
    me: Machine


class Turn(NamedTuple):
    """The step taken, what it was decided from, and how many seconds to wait before the next look.

    `step` and `sight` are None when nothing could be seen.
    """

    step: join.Step | None
    pause: float
    sight: Sight | None = None

    @property
    def ended(self) -> bool:
        """Joined, or not wanted any more."""
        return self.step is not None and self.step.action in (join.DONE, join.IDLE)


class Membership:
    """Brings this node into the published swarm and keeps it there. Never gives up, never falls back to init."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._refused = 0
        self._claim_seen: tuple[object, float] = (None, 0.0)
        self._pending_since: float | None = None
        self._hooked = False
        self._watchdog = Watchdog(context)
        self._waiting_since = context.clock.now()
        self._said = ""

    def run(self) -> str:
        """Turn until the node is a member or is not wanted any more; the last action."""
        while True:
            turn = self.turn()
            if turn.ended and turn.step:
                return turn.step.action
            self._rest(turn)

    def _rest(self, turn: Turn) -> None:
        """Wait; where a look at the store costs next to nothing, only as long as the control object stays the same."""
        clock, store = self._context.clock, self._context.store
        if turn.sight is None or not getattr(store, "near", False):
            clock.sleep(turn.pause)
            return
        end = clock.now() + turn.pause
        while clock.now() < end:
            clock.sleep(min(_GLANCE, end - clock.now()))
            with contextlib.suppress(*HEALS):
                if store.read()[0] != turn.sight.control:
                    return

    def turn(self) -> Turn:
        """One look and one step. Raises nothing that time can heal."""
        try:
            with alone(self._context):
                return self._turn()
        except enter.Refusal as error:
            return Turn(None, self._after_refusal(error))
        except HEALS as error:
            if isinstance(error, EngineError) and error.kind == "down":
                self._watchdog.silent()
            self._say(explain(error))
            return Turn(None, self._context.random.uniform(1, 4))

    def _turn(self) -> Turn:
        sight = self._look()
        step = join.next_step(*sight, claim_is_stale=self._claim_is_stale(sight))
        if step.action != join.PENDING:
            self._pending_since = None
        self._say(f"{step.action}: {step.why}")
        deed = self._deeds().get(step.action)
        if deed:
            deed(sight)
        if step.action in (join.DONE, join.IDLE):
            self._refused, self._waiting_since = 0, self._context.clock.now()
        polls = deed is None or step.action in (join.PENDING, join.UNLOCK, join.WIPE)
        return Turn(step, _POLL if polls else 0.0, sight)

    def _look(self) -> Sight:
        me = self._context.metadata.identity()
        control, _ = self._context.store.read()
        local = observe(self._context)
        self._watchdog.answered()
        return Sight(control, local, me)

    def _deeds(self) -> dict[str, Callable[[Sight], None]]:
        return {
            join.CLAIM: self._claim,
            join.TAKE_OVER: self._take_over,
            join.INIT: self._init,
            join.PUBLISH: lambda sight: form.publish(self._context, sight.control, sight.me, sight.local),
            join.TAKE_SEAT: self._take_seat,
            join.LOSE_SEAT: self._lose_seat,
            join.JOIN: self._join,
            join.WIPE: lambda _: self._context.engine.leave(),
            join.PENDING: self._pending,
            join.UNLOCK: lambda sight: unlock(self._context, sight.control),
            join.DONE: self._done,
        }

    def _swap(self, change: rules.Change, me: Machine) -> None:
        rules.swap(self._context.store, change, me.instance)

    def _claim(self, sight: Sight) -> None:
        boot = identity.boot_id(self._context)
        reach("join.claim")
        self._swap(lambda now: rules.claim(now, sight.me.instance, boot), sight.me)
        audit.record(self._context, join.CLAIM, node=sight.me.hostname, epoch=sight.control["epoch"] + 1)
        reach("join.claimed")

    def _take_over(self, sight: Sight) -> None:
        boot, epoch = identity.boot_id(self._context), sight.control["epoch"]
        reach("join.take_over")
        self._swap(lambda now: rules.take_over(now, sight.me.instance, boot, epoch), sight.me)
        audit.record(self._context, join.TAKE_OVER, node=sight.me.hostname, epoch=epoch + 1)
        reach("join.taken_over")

    def _init(self, sight: Sight) -> None:
        self._before_joining(sight.me)
        reach("join.init")
        form.init(self._context, sight.control, sight.me)
        reach("join.inited")

    def _take_seat(self, sight: Sight) -> None:
        self._must_be_wanted()
        reach("join.take_seat")
        self._swap(lambda now: rules.take_seat(now, sight.me.instance, sight.me.address), sight.me)
        reach("join.seated")

    def _lose_seat(self, sight: Sight) -> None:
        node_id = sight.control["seats"][sight.me.instance]["node_id"]
        reach("join.lose_seat")
        self._swap(lambda now: rules.lose_seat(now, sight.me.instance, node_id), sight.me)
        reach("join.unseated")

    def _join(self, sight: Sight) -> None:
        self._must_be_wanted()
        self._before_joining(sight.me)
        reach("join.join")
        enter.attempt(self._context, sight.control, sight.me)
        reach("join.joined")

    def _must_be_wanted(self) -> None:
        if identity.stays_out(self._context):
            raise Refused("this node was made to leave: `join` brings it back")

    def _before_joining(self, me: Machine) -> None:
        identity.progress(self._context, identity.JOINING)
        if not self._hooked:
            hooks.run(self._context, hooks.PRE_JOIN, me)
            self._hooked = True

    def _pending(self, _: Sight) -> None:
        now = self._context.clock.now()
        self._pending_since = now if self._pending_since is None else self._pending_since
        if now - self._pending_since >= enter.PENDING_LIMIT:
            self._context.engine.leave()

    def _done(self, sight: Sight) -> None:
        control, local, me = sight
        seat = control["seats"].get(me.instance)
        mine = seat is not None and seat["node_id"] == local.node_id and not seat.get("lost")
        if local.control_available and me.role == "manager" and not mine:
            reach("join.fill_seat")
            self._swap(lambda now: rules.fill_seat(now, me.instance, local.node_id, me.address), me)
            reach("join.filled")
        known = {"uid": control["uid"], "swarm_id": control["swarm_id"], "node_id": local.node_id}
        reach("join.remember")
        identity.remember(self._context, epoch=control["epoch"], **known)
        reach("join.remembered")
        identity.progress(self._context, identity.JOINED)
        daemon.keep(self._context, me.instance)
        if identity.recall(self._context).get("hooked") != local.node_id:
            try:  # a script that fails is not repeated, one that a crash kept from running is
                hooks.run(self._context, hooks.POST_JOIN, me)
            finally:
                reach("join.hooked")
                identity.remember(self._context, hooked=local.node_id)
                reach("join.done")

    def _claim_is_stale(self, sight: Sight) -> bool:
        """The holder is gone by the cloud's word, or its claim did not change for long on this machine's own clock."""
        control, _, me = sight
        if control.get("phase") != rules.CLAIMED or rules.held_by(control, me.instance):
            return False
        claim, now = (control["epoch"], control["holder"]["instance"]), self._context.clock.now()
        if claim != self._claim_seen[0]:
            self._claim_seen = (claim, now)
        if now - self._claim_seen[1] >= rules.timer(control, "takeover"):
            return True
        machines = list_machines(self._context.metadata) if me.role == "manager" else None
        return machines is not None and (claim[1] not in machines or machines[claim[1]].state in GONE)

    def _after_refusal(self, error: enter.Refusal) -> float:
        self._say(f"refused: {error.what}")
        self._refused += 1
        if error.fresh and self._refused == 1:
            return 0.0  # the token was rotated meanwhile: one immediate second look
        ceiling = min(_CAP, _FIRST * 2 ** min(self._refused, 10))  # refusals go on for ever, a float does not
        return max(error.floor, self._context.random.uniform(_FIRST, ceiling))

    def _say(self, text: str) -> None:
        """Each new state once; every quarter of an hour without membership, an alarm."""
        if text != self._said:
            log(text)
            self._said = text
        if self._context.clock.now() - self._waiting_since >= _ALARM:
            self._waiting_since = self._context.clock.now()
            log(f"ALARM: still not a member of the swarm after {int(_ALARM / 60)} more minutes: {text}")
