from __future__ import annotations

from contextlib import suppress

import pytest

from bootstrap.engine.session import Session
from bootstrap.errors import BootstrapError
from bootstrap.providers.base import LockInfo
from tests.engine.formed import formed
from tests.fakes.clock import FakeClock
from tests.fakes.cluster import cluster
from tests.fakes.provider import FakeProvider, World

KEYS = {"time", "who", "what", "node", "epoch", "outcome", "detail", "id", "run"}


def test_a_run_leaves_its_beginning_and_its_end() -> None:
    """Who did what with which node, in which epoch, and that it ended well."""
    one, world = formed()

    with one.locked("drain prod-web-1", 0.0, "prod-web-1"):
        pass

    assert [(event["what"], event["node"], event["outcome"]) for event in one.events()] == [
        ("drain prod-web-1", "prod-web-1", "began"),
        ("drain prod-web-1", "prod-web-1", "done"),
    ]
    assert all(set(event) == KEYS and event["epoch"] == 1 and event["who"] == "me@here" for event in world.trail)
    assert len({event["id"] for event in world.trail}) == 2


@pytest.mark.parametrize(
    ("error", "outcome", "detail"),
    [
        (BootstrapError("the disk is full", where="prod"), "failed", "prod: the disk is full"),
        (BootstrapError("quorum could be lost", code="guard"), "refused", "quorum could be lost"),
        (KeyboardInterrupt(), "failed", "interrupted"),
        (ValueError("x"), "failed", "ValueError"),
    ],
)
def test_a_run_that_did_not_end_well_says_why(error: BaseException, outcome: str, detail: str) -> None:
    """Failed, refused or interrupted, in one short sentence; the error itself goes on its way."""
    one, world = formed()

    with pytest.raises(type(error)), one.locked("up", 0.0):
        raise error

    assert (world.trail[-1]["outcome"], world.trail[-1]["detail"]) == (outcome, detail)


def test_no_secret_gets_into_the_trail() -> None:
    """A token in an error's words is cut out, and a long error is shortened."""
    one, world = formed()

    with pytest.raises(BootstrapError), one.locked("up", 0.0):
        raise BootstrapError(f"join with SWMTKN-1-{'a' * 50}-{'b' * 25} failed {'x' * 999}")

    assert "SWMTKN" not in world.trail[-1]["detail"]
    assert len(world.trail[-1]["detail"]) == 300


def test_what_cannot_be_written_yet_is_kept_until_it_can() -> None:
    """The first `up` begins before there is a store: its beginning stands there once there is one."""
    one, world = formed()
    world.store = False

    with one.locked("up", 0.0):
        assert world.trail == []
        world.store = True

    assert [event["outcome"] for event in world.trail] == ["began", "done"]


def test_the_beginning_of_a_first_up_is_there_as_soon_as_it_can_be() -> None:
    """A run that is killed later has no end in the trail: its beginning stands there since its store was made."""
    made = cluster()
    world = World(store=False)
    one = Session(made, FakeProvider(made, world), FakeClock())

    with one.locked("up", 0.0):
        events = one.apply(one.plan_up())
        next(events)
        assert world.trail == []
        world.store = True
        list(events)
        assert [(event["what"], event["outcome"]) for event in world.trail] == [("up", "began")]

    assert [event["outcome"] for event in world.trail] == ["began", "done"]


def test_a_trail_that_cannot_be_written_stops_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk under the trail is no reason to fail a run that goes well."""
    one, _ = formed()

    def broken(event: object) -> bool:
        raise BootstrapError("no space left on device")

    monkeypatch.setattr(type(one.provider), "record", lambda self, event: broken(event))

    with one.locked("up", 0.0) as lock:
        assert lock.what == "up"


def killed(one: Session, world: World, what: str = "up") -> None:
    """A run begins and nothing of it comes after that: as after kill -9, whoever looks is another process."""
    with one.locked(what, 0.0):
        began = list(world.trail)
    world.trail[:] = began


def outcomes(one: Session) -> list[str]:
    return [str(event["outcome"]) for event in one.events()]


def test_a_run_that_was_killed_is_told_as_such() -> None:
    """Its lock is nobody's and it has no end; what stands in the trail stays as it is, and a later run is its own."""
    one, world = formed()
    killed(one, world)
    kept = [dict(event) for event in world.trail]

    assert outcomes(one) == ["killed"]
    assert one.events()[0]["detail"]
    assert world.trail == kept
    world.lock = None
    with one.locked("scale web=2", 0.0):
        world.trail[-1]["run"] = "another"
    world.trail[-1]["run"] = "another"
    assert outcomes(one) == ["killed", "began", "done"]


def test_a_run_under_way_was_not_killed() -> None:
    """Neither another one, as long as it holds the lock, nor the one that looks."""
    one, world = formed()
    with one.locked("dump", 0.0):
        assert outcomes(one) == ["began"]
    killed(one, world, "up")
    run = world.trail[-1]["run"]
    world.lock = LockInfo("ann@there", "up", "2026-01-01T00:00:00Z", run)

    assert outcomes(one)[-1] == "began"


def test_a_run_that_ends_during_the_look_was_not_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its end is written before its lock is free: the trail is read once more after the lock."""
    one, world = formed()
    killed(one, world)

    def holder(_: FakeProvider) -> None:
        world.trail.append({**world.trail[0], "outcome": "done", "id": "e"})
        world.trail.append({**world.trail[0], "run": "new", "id": "n"})

    monkeypatch.setattr(FakeProvider, "holder", holder)

    assert outcomes(one) == ["began", "done", "began"]


def test_what_an_agent_began_stays_as_it_is() -> None:
    """An agent has no lock by which anybody could tell that it is gone."""
    one, world = formed()
    world.trail.append({"who": "agent:prod-managers-a-1", "what": "rotate", "outcome": "began", "id": "a"})

    assert outcomes(one) == ["began"]


@pytest.mark.parametrize(
    ("error", "outcome"),
    [(None, "done"), (BootstrapError("no leader"), "failed"), (BootstrapError("not now", code="guard"), "refused")],
)
def test_a_step_beside_the_lock_leaves_its_end(error: BootstrapError | None, outcome: str) -> None:
    """One event with the person's name, while another run holds the lock; nothing to do leaves none."""
    one, world = formed()
    world.lock = LockInfo("ann@there", "up", "2026-01-01T00:00:00Z", "abcd1234")

    with suppress(BootstrapError), one.noted("reconcile off"):
        if error is not None:
            raise error
    with one.noted("rotate-tokens") as step:
        step.idle = True

    assert [(event["who"], event["what"], event["outcome"]) for event in world.trail] == [
        (LockInfo.mine("").who, "reconcile off", outcome)
    ]


def test_status_tells_that_another_run_is_under_way() -> None:
    """Who, what, since when and the lock's id; the run itself does not see its own lock, also where it opens anew."""
    one, world = formed()
    assert one.status()["running"] is None
    with one.locked("scale web=2", 0.0):
        assert one.status()["running"] is None
        assert Session(one.cluster, one.provider, one.clock).status()["running"] is None

    world.lock = LockInfo("ann@there", "scale web=4", "2026-01-01T00:00:00Z", "abcd1234")

    assert one.status()["running"] == {
        "who": "ann@there", "what": "scale web=4", "since": "2026-01-01T00:00:00Z", "id": "abcd1234",
    }  # fmt: skip
