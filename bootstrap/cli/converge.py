"""The road that `up` and `scale --write` share: plan, show, ask, apply, wait, tell."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

from bootstrap.checkpoint import reach
from bootstrap.cli.run import Run, Session
from bootstrap.cli.show import plan as plans
from bootstrap.cli.show import status
from bootstrap.cli.show.progress import Progress
from bootstrap.cli.show.tables import width
from bootstrap.errors import BootstrapError
from bootstrap.model.resource import Action, Plan

_TAKING = frozenset({Action.DELETE, Action.REPLACE})


def agree(run: Run, session: Session, *, allowed: Callable[[Plan], None] = lambda _: None) -> tuple[Plan, bool]:
    """The plan, shown, and agreed to if it changes anything; and whether anybody had to agree.

    `allowed` raises what speaks against it before anybody is asked.
    """
    plan = session.plan_up()
    reach("up.planned")
    allowed(plan)
    show(run, plan)
    if plan:
        run.confirm("apply this plan?")
    reach("up.agreed")
    return plan, bool(plan)


def show(run: Run, plan: Plan) -> None:
    """The plan on stderr; who is asked about it sees it even with -q."""
    run.say(plans.text(plan, every=bool(run.verbose)), level="info" if run.yes or not plan else "question")


def carry_out(run: Run, session: Session, plan: Plan, *, asked: bool, wait: bool) -> None:
    """Make the cluster as its file says and print its status."""
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
    settle(run, session, progress, wait=wait)


def _inside(run: Run, session: Session, progress: Progress, *, asked: bool) -> None:
    """What lives inside the swarm, now that a manager answers. What is new was announced; what goes was not.

    So it is asked about as well, and so is everything where nobody was asked before.
    """
    plan = session.plan_up()
    reach("up.planned_inside")
    if not plan:
        return
    show(run, plan)
    if not asked or any(one.action in _TAKING for one in plan.changes):
        run.confirm("apply this plan?", kept="nothing more was changed" if asked else "nothing was changed")
    with progress:
        progress.follow(session.apply(plan, parallel=run.parallel), finish=True)
    reach("up.applied_inside")


def settle(run: Run, session: Session, progress: Progress, *, wait: bool) -> None:
    """Wait until healthy if asked to, and print the status; where the wait fails, people get the table all the same."""
    looks = [session.status()]
    reach("up.looked")
    progress.know(looks[0]["nodes"])
    if wait and not looks[0]["healthy"]:
        try:
            with progress:
                progress.follow(session.wait_healthy(_healthy_timeout(session), looks.append))
        except BootstrapError:
            if not run.json:
                with suppress(BootstrapError):
                    _print(run, session.status())
            raise
    reach("up.settled")
    progress.finish()
    _print(run, looks[-1])  # what ended the wait: another look may see another moment


def _print(run: Run, document: dict[str, Any]) -> None:
    run.emit(document, lambda: status.text(document, width()))


def _boot_timeout(session: Session) -> float:
    return float(session.cluster.managers.timeouts.boot)


def _healthy_timeout(session: Session) -> float:
    """The longest that any pool is given."""
    return float(max(pool.timeouts.healthy for pool in session.cluster.groups))
