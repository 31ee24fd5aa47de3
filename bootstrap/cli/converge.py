"""The road that `up` and `scale --write` share: plan, show, ask, apply, wait, tell."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from bootstrap.checkpoint import reach
from bootstrap.cli.run import Run, Session
from bootstrap.cli.show import plan as plans
from bootstrap.cli.show import status
from bootstrap.cli.show.progress import Progress
from bootstrap.cli.show.tables import width
from bootstrap.engine.member import wait_in_service
from bootstrap.engine.progress import in_words
from bootstrap.engine.ready import POLL
from bootstrap.engine.remove import seen
from bootstrap.errors import BootstrapError
from bootstrap.model.naming import LABEL_POOL
from bootstrap.model.resource import Action, Plan
from bootstrap.providers.base import Instance

SETTLING = 15.0  # seconds for what follows from new nodes by itself, as the tasks of a stack
_TAKING = frozenset({Action.DELETE, Action.REPLACE})


@dataclass(frozen=True)
class Part:
    """What a `scale` is about, and waits for: its pool, and what it changed. All else may be ill, and is only told."""

    pool: str
    plan: Plan

    def late(self, machines: Sequence[Instance], nodes: Sequence[Mapping[str, Any]]) -> list[str]:
        """Its machines that this run made or switched on, and those of the pool that never served: a killed run's."""
        touched = {one.resource.name for one in self.plan.changes if one.resource.kind == "host"}
        served = {node["instance"] for node in nodes if LABEL_POOL in node["labels"]}
        stay = (one for one in machines if one.state != "terminating")
        return [
            one.hostname for one in stay if one.hostname in touched or (one.pool == self.pool and one.id not in served)
        ]


def agree(run: Run, session: Session, *, allowed: Callable[[Plan], Plan] = lambda plan: plan) -> tuple[Plan, bool]:
    """The plan, shown, and agreed to if it changes anything; and whether anybody had to agree.

    `allowed` raises what speaks against it before anybody is asked, or gives a better one.
    """
    plan = session.plan_up()
    reach("up.planned")
    plan = allowed(plan)
    show(run, plan)
    if plan:
        run.confirm("apply this plan?")
    reach("up.agreed")
    return plan, bool(plan)


def show(run: Run, plan: Plan) -> None:
    """The plan on stderr; who is asked about it sees it even with -q."""
    run.say(plans.text(plan, every=bool(run.verbose)), level="info" if run.yes or not plan else "question")


def carry_out(run: Run, session: Session, plan: Plan, *, asked: bool, wait: bool, pool: str | None = None) -> None:
    """Make the cluster as its file says and print its status; with a `pool`, that one's size is what counts."""
    progress = Progress(run)
    with progress:
        progress.follow(session.apply(plan, parallel=run.parallel), finish=True)
        reach("up.applied")
        if plan.unknown:
            progress.follow(session.wait_formed(_boot_timeout(session)))
            reach("up.formed")
    if plan.unknown:
        _inside(run, session, progress, asked=asked)
    with progress:
        progress.follow(session.end_surge(parallel=run.parallel), finish=True)
    settle(run, session, progress, wait=wait, part=None if pool is None else Part(pool, plan))


def _inside(run: Run, session: Session, progress: Progress, *, asked: bool) -> None:
    """What lives inside the swarm, now that a manager answers. What is new was announced; what goes was not.

    So it is asked about as well, and so is everything where nobody was asked before.
    """
    plan = _seeing(session, progress)
    reach("up.planned_inside")
    if not plan:
        return
    show(run, plan)
    if not asked or any(one.action in _TAKING for one in plan.changes):
        run.confirm("apply this plan?", kept="nothing more was changed" if asked else "nothing was changed")
    with progress:
        progress.follow(session.apply(plan, parallel=run.parallel), finish=True)
    reach("up.applied_inside")


def _seeing(session: Session, progress: Progress) -> Plan:
    """A plan that a manager answered for: those that joined may elect just now, and a blind one would leave all undone."""
    patience = session.patience(_boot_timeout(session))
    begun = patience.begin()
    while (plan := session.plan_up()).unknown:
        if patience.over(begun):
            seen(plan, session.cluster.name)
        with progress:
            progress.follow(session.wait_formed(patience.timeout - begun.waited))
        patience.clock.sleep(POLL)
    return plan


def settle(run: Run, session: Session, progress: Progress, *, wait: bool, part: Part | None = None) -> None:
    """Wait if asked to, until all or the `part` is well, and print the status; people get it also where that fails."""
    looks = [session.status()]
    reach("up.looked")
    progress.know(looks[0]["nodes"])
    if wait and not looks[0]["healthy"]:
        try:
            with progress:
                _wait(run, session, progress, looks, part)
        except BootstrapError:
            if not run.json:
                with suppress(BootstrapError):
                    _print(run, session.status())
            raise
    reach("up.settled")
    progress.finish()
    _print(run, looks[-1])  # what ended the wait: another look may see another moment


def _wait(run: Run, session: Session, progress: Progress, looks: list[dict[str, Any]], part: Part | None) -> None:
    limit = _healthy_timeout(session)
    if part is None:
        progress.follow(session.wait_healthy(limit, looks.append))
        return
    patience = session.patience(limit)
    begun = patience.begin()
    while not looks[-1]["nodes"] and not patience.over(begun):  # in an election nobody knows who never served
        patience.clock.sleep(POLL)
        session.ask()
        looks.append(session.status())
    names = part.late(session.instances(), looks[-1]["nodes"])
    progress.follow(wait_in_service(session.status, session.instances, names, patience, session.switch))
    try:
        progress.follow(session.wait_healthy(SETTLING, looks.append, mend=False))
    except BootstrapError as error:
        if error.code != "unhealthy":
            raise
        others = f"pool {part.pool} is scaled; what else is not well: {in_words(looks[-1]['problems'])}"
        run.say(others, level="warning")


def _print(run: Run, document: dict[str, Any]) -> None:
    run.emit(document, lambda: status.text(document, width()))


def _boot_timeout(session: Session) -> float:
    return float(session.cluster.managers.timeouts.boot)


def _healthy_timeout(session: Session) -> float:
    """The longest that any pool is given."""
    return float(max(pool.timeouts.healthy for pool in session.cluster.groups))
