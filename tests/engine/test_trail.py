from __future__ import annotations

import pytest

from bootstrap.engine.session import Session
from bootstrap.errors import BootstrapError
from bootstrap.providers.base import LockInfo
from tests.engine.formed import formed
from tests.fakes.clock import FakeClock
from tests.fakes.cluster import cluster
from tests.fakes.provider import FakeProvider, World

KEYS = {"time", "who", "what", "node", "epoch", "outcome", "detail", "id"}


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
