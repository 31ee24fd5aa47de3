"""Carry out a plan, as far as it goes. Yields what happens; prints and asks nothing."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from graphlib import TopologicalSorter
from typing import cast

from bootstrap.checkpoint import reach
from bootstrap.engine.events import ChangeDone, ChangeFailed, ChangeSkipped, ChangeStarted, Event
from bootstrap.engine.order import Part, Step, order, steps
from bootstrap.errors import BootstrapError, FailedTogether, InterruptedRun, outside
from bootstrap.model.resource import Action, Plan, Resource

Clock = Callable[[], float]


def apply(
    plan: Plan, *, parallel: int = 8, clock: Clock = time.monotonic, ended: Callable[[], None] = lambda: None
) -> Generator[Event, None, None]:
    """Carry out every change in its order, up to `parallel` at a time, and yield an event for each turn of each.

    After a failure or an interruption nothing new starts; what runs is let end. Then every change that was left is
    told as skipped, and FailedTogether (with every failure) or InterruptedRun is raised. A plan made anew goes on.
    `clock` counts seconds; `ended` is called after each step, before that is told.
    """
    if parallel < 1:
        raise ValueError("parallel is at least 1")
    work = _Work(plan, clock)
    with ThreadPoolExecutor(max_workers=parallel, thread_name_prefix="apply") as pool:
        yield from _carry_out(work, pool, parallel, ended)
    yield from work.left()
    work.judge()


def _carry_out(work: _Work, pool: ThreadPoolExecutor, parallel: int, noted: Callable[[], None]) -> Iterator[Event]:
    """Start what is ready and collect what has ended, until nothing runs and nothing may start."""
    running: dict[Future[None], Step] = {}
    while True:
        try:
            while len(running) < parallel and (step := work.take()) is not None:
                running[pool.submit(work.do, step)] = step
                yield from work.started(step)
            if not running:
                return
            ended, _ = wait(running, return_when=FIRST_COMPLETED)
            noted()
            for future in sorted(ended, key=lambda one: running[one]):
                yield from work.ended(running.pop(future), future.exception())
        except KeyboardInterrupt:
            if work.interrupted:  # asked twice: do not wait any longer than the pool itself does
                raise
            work.interrupted = True


class _Work:
    """How far a plan has been carried out. Used by the calling thread only, except `do`."""

    def __init__(self, plan: Plan, clock: Clock) -> None:
        self.interrupted = False
        self._clock = clock
        self._changes = {change.resource.key: change for change in plan.changes}
        self._errors: dict[str, BootstrapError] = {}
        self._began: dict[str, float] = {}
        self._done: set[str] = set()
        self._ready: list[Step] = []
        self._order = TopologicalSorter(order(plan))
        self._order.prepare()

    def take(self) -> Step | None:
        """The next step to start, or None when nothing may start now."""
        if self.interrupted or self._errors:
            return None
        self._ready = sorted([*self._ready, *self._order.get_ready()])
        return self._ready.pop(0) if self._ready else None

    def do(self, step: Step) -> None:
        """Call the resource's verb."""
        change = self._changes[step.key]
        verb = verb_of(change.action, step.part)
        place = f"apply.{change.resource.kind}.{verb}"
        reach(f"{place}.begin")
        if verb == "delete":
            (change.old or change.resource).delete()
        elif verb == "update":
            change.resource.update(cast("Resource", change.old))  # an update has an old one
        else:
            change.resource.create()
        reach(f"{place}.end")

    def started(self, step: Step) -> Iterator[Event]:
        """Note the beginning; the second step of a replace is no new beginning."""
        if step.key not in self._began:
            self._began[step.key] = self._clock()
            yield ChangeStarted(self._changes[step.key])

    def ended(self, step: Step, error: BaseException | None) -> Iterator[Event]:
        """Note how a step ended."""
        change = self._changes[step.key]
        if error is not None:
            self._errors[step.key] = _told(error, step.key)
            yield ChangeFailed(change, self._errors[step.key])
            return
        self._order.done(step)
        if step == steps(change)[-1]:
            self._done.add(step.key)
            yield ChangeDone(change, self._clock() - self._began[step.key])

    def left(self) -> Iterator[Event]:
        """Tell every change that was not carried out to its end."""
        because = "interrupted" if self.interrupted else f"{', '.join(sorted(self._errors))} failed"
        for key, change in self._changes.items():
            if key not in self._done and key not in self._errors:
                half = "deleted but not yet made again: " if key in self._began else ""
                yield ChangeSkipped(change, half + because)

    def judge(self) -> None:
        """Raise what the run deserves: failures first, since they must not be hidden by an interruption, their cause."""
        again = "run the same command again: it goes on from here"
        interruption = InterruptedRun("interrupted", fix=again, code="interrupted") if self.interrupted else None
        if self._errors:
            raise FailedTogether(tuple(self._errors.values())) from interruption
        if interruption is not None:
            raise interruption


def verb_of(action: Action, part: Part) -> str:
    """The verb of a resource that this part of a change calls: create, update or delete."""
    if part is Part.DELETE:
        return "delete"
    return "update" if action is Action.UPDATE else "create"


def _told(error: BaseException, where: str) -> BootstrapError:
    """The error as a person may see it: ours as it is, anything else as the bug that it is."""
    if isinstance(error, BootstrapError):
        return error
    if not isinstance(error, Exception):
        raise error
    if isinstance(error, OSError) and (known := outside(error, where)) is not None:
        return known
    bug = BootstrapError(
        f"bug: {type(error).__name__}: {error}",
        where=where,
        fix="this is a fault of bootstrap, please report it; `-v` shows where it happened",
        code="bug",
    )
    bug.__cause__ = error
    return bug
