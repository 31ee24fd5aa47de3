from __future__ import annotations

import errno
import itertools
import os
import re
import threading
from collections.abc import Iterable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bootstrap import checkpoint
from bootstrap.engine.apply import apply
from bootstrap.engine.diff import diff
from bootstrap.engine.events import ChangeDone, ChangeFailed, ChangeSkipped, ChangeStarted, Event
from bootstrap.errors import BootstrapError, FailedTogether, InterruptedRun
from bootstrap.model.resource import Plan
from tests.fakes.world import Thing, World, refusal, world_of

NAMES = "abcdefgh"


@st.composite
def graphs(draw: st.DrawFn) -> list[Thing]:
    """Things in random layers: each needs only things of smaller names in a random naming."""
    names = draw(st.permutations(NAMES))[: draw(st.integers(0, len(NAMES)))]
    things = []
    for place, name in enumerate(names):
        needs = tuple(sorted(draw(st.sets(st.sampled_from(names[:place]))))) if place else ()
        things.append(Thing(name, draw(st.integers(1, 2)), draw(st.sampled_from(["red", "blue"])), needs))
    return things


@st.composite
def changes_of_one_order(draw: st.DrawFn) -> tuple[list[Thing], list[Thing]]:
    """Two graphs over one naming, as two versions of an inventory are: what exists and what is wanted."""
    names = draw(st.permutations(NAMES))

    def some() -> list[Thing]:
        kept = [name for name in names if draw(st.booleans())]
        return [
            Thing(name, draw(st.integers(1, 2)), draw(st.sampled_from(["red", "blue"])), tuple(kept[:place][-2:]))
            for place, name in enumerate(kept)
        ]

    return some(), some()


def plan_of(world: World, wanted: Iterable[Thing]) -> Plan:
    """What turns the world into `wanted`."""
    bound = [Thing(one.name, one.size, one.colour, one.needs, world=world) for one in wanted]
    return diff("prod", bound, world.existing())


def run(plan: Plan, parallel: int = 4) -> tuple[list[Event], BootstrapError | None]:
    """Every event, and what was raised at the end."""
    events: list[Event] = []
    ticks = itertools.count()
    try:
        for event in apply(plan, parallel=parallel, clock=lambda: float(next(ticks))):
            events.append(event)  # noqa: PERF402 - what came before an error must be kept
    except BootstrapError as error:
        return events, error
    return events, None


def keys(events: Sequence[Event], kind: type[ChangeStarted | ChangeDone | ChangeFailed | ChangeSkipped]) -> list[str]:
    """The keys of the events of one kind, in order."""
    return [event.change.resource.key for event in events if isinstance(event, kind)]


@given(graphs(), st.integers(1, 8))
def test_everything_is_made_once_and_after_what_it_needs(wanted: list[Thing], parallel: int) -> None:
    """From nothing, any graph is built in its order; then it is taken down in the reverse one."""
    world = World()

    events, error = run(plan_of(world, wanted), parallel)

    assert error is None
    assert sorted(world.log) == sorted(("make", one.key) for one in wanted)
    place = {key: number for number, (_, key) in enumerate(world.log)}
    assert all(place[need] < place[one.key] for one in wanted for need in one.after)
    assert sorted(keys(events, ChangeDone)) == sorted(one.key for one in wanted)
    world.log.clear()

    run(plan_of(world, []), parallel)

    assert world.things == {}
    place = {key: number for number, (_, key) in enumerate(world.log)}
    assert all(place[need] > place[one.key] for one in wanted for need in one.after)


@given(changes_of_one_order(), st.integers(1, 8))
def test_any_world_becomes_any_other(pair: tuple[list[Thing], list[Thing]], parallel: int) -> None:
    """Creates, updates, replaces and deletes together end with an empty plan, each step once, nothing used while gone."""
    found, wanted = pair
    world = world_of(found)

    events, error = run(plan_of(world, wanted), parallel)

    assert error is None
    assert not plan_of(world, wanted)
    assert len(set(world.log)) == len(world.log)
    assert sorted(keys(events, ChangeStarted)) == sorted({key for _, key in world.log})
    for number, (verb, key) in enumerate(world.log):
        if verb == "make":
            later = {one for what, one in world.log[number + 1 :] if what == "delete"}
            assert key not in later
            assert not later & {f"thing/{need}" for need in world.things[key].needs}


@given(changes_of_one_order(), st.sets(st.sampled_from(NAMES), min_size=1), st.integers(1, 8))
def test_a_failure_stops_and_a_new_plan_finishes(
    pair: tuple[list[Thing], list[Thing]], broken: set[str], parallel: int
) -> None:
    """Nothing that depends on a failure is touched, each failure is reported, and running again goes on to the end."""
    found, wanted = pair
    world = world_of(found)
    plan = plan_of(world, wanted)
    world.failing = {f"thing/{name}": refusal(name) for name in broken}

    events, error = run(plan, parallel)

    planned = {change.resource.key for change in plan.changes}
    failed = keys(events, ChangeFailed)
    assert bool(failed) == bool(planned & set(world.failing))
    if failed:
        assert isinstance(error, FailedTogether)
        assert set(error.errors) == {world.failing[key] for key in failed}
        assert sorted(failed + keys(events, ChangeDone) + keys(events, ChangeSkipped)) == sorted(planned)
        made = {key for verb, key in world.log if verb == "make"}
        assert not any(one.key in made and set(one.after) & set(failed) & planned for one in wanted)

    world.failing = {}
    _, again = run(plan_of(world, wanted), parallel)

    assert again is None
    assert not plan_of(world, wanted)


def test_a_replace_deletes_its_dependents_first_and_makes_them_last() -> None:
    """Replacing a network takes the hosts on it down before and brings them up after."""
    world = world_of([Thing("net"), Thing("host", needs=("net",))])

    events, _ = run(plan_of(world, [Thing("net", 1, "blue"), Thing("host", 1, "blue", ("net",))]))

    assert world.log == [
        ("delete", "thing/host"),
        ("delete", "thing/net"),
        ("make", "thing/net"),
        ("make", "thing/host"),
    ]
    assert keys(events, ChangeStarted) == ["thing/host", "thing/net"]
    assert keys(events, ChangeDone) == ["thing/net", "thing/host"]


def test_a_delete_waits_for_the_update_of_what_it_needed() -> None:
    """A group is told its new size before the host that is one too many goes."""
    world = world_of([Thing("group", 2), Thing("host", needs=("group",))])

    run(plan_of(world, [Thing("group", 1)]))

    assert world.log == [("make", "thing/group"), ("delete", "thing/host")]


def test_a_thing_is_let_go_before_it_is_removed() -> None:
    """A group changes to its new template before the old template is deleted."""
    world = world_of([Thing("old"), Thing("group", needs=("old",))])

    run(plan_of(world, [Thing("new"), Thing("group", needs=("new",))]))

    assert world.log == [("make", "thing/new"), ("make", "thing/group"), ("delete", "thing/old")]


def test_independent_failures_are_all_reported() -> None:
    """Two changes that run at the same time and both fail are both in the error."""
    together = threading.Barrier(2, timeout=10)

    class Twin(Thing):
        def create(self) -> None:
            together.wait()
            raise refusal(self.name)

    events, error = run(diff("prod", [Twin("a"), Twin("b")], []), parallel=2)

    assert isinstance(error, FailedTogether)
    assert sorted(str(one) for one in error.errors) == ["a", "b"]
    assert sorted(keys(events, ChangeFailed)) == ["thing/a", "thing/b"]


def test_what_runs_at_a_failure_is_let_end() -> None:
    """A change that began before the failure is done, not cut off."""
    failed = threading.Event()

    class Fails(Thing):
        def create(self) -> None:
            failed.set()
            raise refusal()

    class Slow(Thing):
        def create(self) -> None:
            assert failed.wait(10)

    events, error = run(diff("prod", [Fails("a"), Slow("b"), Thing("c", needs=("b",))], []), parallel=2)

    assert isinstance(error, FailedTogether)
    assert keys(events, ChangeDone) == ["thing/b"]
    assert keys(events, ChangeSkipped) == ["thing/c"]


def test_an_unexpected_exception_is_told_as_a_bug() -> None:
    """The user sees its type and where it happened, and it is no traceback."""
    world = World()
    world.failing = {"thing/a": ZeroDivisionError("by nothing")}

    events, error = run(plan_of(world, [Thing("a")]))

    (failed,) = (event for event in events if isinstance(event, ChangeFailed))
    assert failed.error.code == "bug"
    assert str(failed.error) == "thing/a: bug: ZeroDivisionError: by nothing"
    assert isinstance(failed.error.__cause__, ZeroDivisionError)
    assert error is not None
    assert error.code == "bug"


def test_an_interruption_starts_nothing_new_and_tells_what_is_left() -> None:
    """Ctrl-C while the first of two runs: it ends, the second is skipped, and the run ends as interrupted."""
    world = World()
    work = apply(plan_of(world, [Thing("a"), Thing("b", needs=("a",))]), parallel=1)
    assert isinstance(next(work), ChangeStarted)

    events = [work.throw(KeyboardInterrupt)]
    with pytest.raises(InterruptedRun) as caught:
        events.extend(work)

    assert caught.value.exit_code == 130
    assert keys(events, ChangeDone) == ["thing/a"]
    assert keys(events, ChangeSkipped) == ["thing/b"]
    assert next(one for one in events if isinstance(one, ChangeSkipped)).because == "interrupted"
    assert list(world.things) == ["thing/a"]


def test_a_replace_that_is_interrupted_half_way_says_so() -> None:
    """The reader of the last lines knows that the thing is gone and comes back with the next run."""
    world = world_of([Thing("a")])
    plan = plan_of(world, [Thing("a", 1, "blue")])

    class Once(KeyboardInterrupt):
        pass

    work = apply(plan, parallel=1)
    next(work)
    events = [work.throw(Once)]
    with pytest.raises(InterruptedRun):
        events.extend(work)

    (skipped,) = events
    assert isinstance(skipped, ChangeSkipped)
    assert skipped.because == "deleted but not yet made again: interrupted"
    assert run(plan_of(world, [Thing("a", 1, "blue")]))[1] is None


def test_a_failure_is_not_hidden_by_an_interruption() -> None:
    """Whoever pressed Ctrl-C because of an error still reads the error; who goes on after errors knows that it was asked."""
    world = World()
    world.failing = {"thing/a": refusal("quota")}
    work = apply(plan_of(world, [Thing("a")]))
    next(work)

    assert isinstance(work.throw(KeyboardInterrupt), ChangeFailed)
    with pytest.raises(FailedTogether) as caught:
        list(work)
    assert isinstance(caught.value.__cause__, InterruptedRun)


def test_elapsed_is_counted_from_the_start_of_each_change() -> None:
    """Seconds come from the injected clock."""
    times = iter([10.0, 12.5])

    events = list(apply(plan_of(World(), [Thing("a")]), clock=lambda: next(times)))

    assert [event.elapsed for event in events if isinstance(event, ChangeDone)] == [2.5]


def test_an_empty_plan_does_nothing() -> None:
    """No events, no error."""
    assert run(Plan("prod")) == ([], None)


@pytest.mark.parametrize("parallel", [1, 2, 5])
def test_no_more_than_parallel_run_at_once(parallel: int) -> None:
    """`--parallel N` is a promise to the cloud's rate limit."""
    lock = threading.Lock()
    now: list[str] = []
    most = 0

    class Counted(Thing):
        def create(self) -> None:
            nonlocal most
            with lock:
                now.append(self.name)
                most = max(most, len(now))
            with lock:
                now.remove(self.name)

    _, error = run(diff("prod", [Counted(str(number)) for number in range(20)], []), parallel)

    assert error is None
    assert 1 <= most <= parallel


@pytest.mark.parametrize(
    ("number", "code", "fix"),
    [(errno.ENOSPC, "cannot_write", "^make room"), (errno.EACCES, "no_access", "^(?!.*report)")],
)
def test_what_the_machine_refuses_is_no_bug(number: int, code: str, fix: str) -> None:
    """A full disk or a closed folder is told with its place and what to do; nobody is asked for a report."""
    world = World()
    world.failing["thing/a"] = OSError(number, os.strerror(number), "/here")

    with pytest.raises(FailedTogether) as caught:
        list(apply(diff("prod", [Thing("a", world=world)], [])))

    (error,) = caught.value.errors
    assert (error.code, error.where) == (code, "/here")
    assert re.search(fix, error.fix)


def test_a_barred_call_that_names_no_file_is_a_bug() -> None:
    """Nobody is sent to look at a file's mode: it is told as a fault of ours, with the step it happened in."""
    world = World()
    world.failing["thing/a"] = PermissionError(errno.EPERM, "Operation not permitted")

    with pytest.raises(FailedTogether) as caught:
        list(apply(diff("prod", [Thing("a", world=world)], [])))

    (error,) = caught.value.errors
    assert (error.code, error.where) == ("bug", "thing/a")
    assert "report" in error.fix


@pytest.mark.parametrize("number", [errno.EIO, errno.EROFS, errno.EDQUOT])
def test_a_disk_that_fails_is_no_bug_either(number: int) -> None:
    """Where the system names no file, the resource is told; the mend is not to make room where that would not help."""
    world = World()
    world.failing["thing/a"] = OSError(number, "x")

    with pytest.raises(FailedTogether) as caught:
        list(apply(diff("prod", [Thing("a", world=world)], [])))

    (error,) = caught.value.errors
    assert (error.code, error.where, error.exit_code) == ("cannot_write", "thing/a", 1)
    assert error.fix.startswith("make room" if number == errno.EDQUOT else "see `dmesg`")


def test_every_verb_has_its_checkpoints() -> None:
    """Before and after each verb of each kind a test can stop the run."""
    world = world_of([Thing("b"), Thing("c", colour="red"), Thing("d")])
    seen: list[str] = []
    wanted = [Thing("a", world=world), Thing("b", size=2, world=world), Thing("c", colour="blue", world=world)]
    checkpoint.watch(seen.append)
    try:
        list(apply(diff("prod", wanted, world.existing()), parallel=1))
    finally:
        checkpoint.watch(None)

    verbs = ("create", "update", "delete")
    assert set(seen) == {f"apply.thing.{verb}.{end}" for verb in verbs for end in ("begin", "end")}
