from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from bootstrap.cli.commands.events import recent
from tests.cli.conftest import Invoke, document
from tests.cli.fake_session import World


def event(number: int, time: str = "2026-01-01T00:00:00.000000Z", **changed: Any) -> dict[str, Any]:
    return {"time": time, "who": "me@here", "what": "up", "node": None, "epoch": 1, "outcome": "done",
            "detail": "", "id": f"id{number}", **changed}  # fmt: skip


def test_the_trail_is_shown(invoke: Invoke, running: World, file: Path) -> None:
    """A row for each event, oldest first; as JSON the events as they are."""
    running.trail = [event(1), event(2, who="agent:prod-managers-1", what="demote", node="prod-managers-2")]

    header, first, second = invoke("events", file).stdout.splitlines()
    assert header.split()[:5] == ["TIME", "WHO", "WHAT", "NODE", "OUTCOME"]
    assert "me@here" in first
    assert second.split()[2:6] == ["agent:prod-managers-1", "demote", "prod-managers-2", "done"]
    found = document(invoke("events", file, "-o", "json"))
    assert (found["cluster"], found["events"]) == ("prod", running.trail)


def test_nothing_yet(invoke: Invoke, world: World, file: Path) -> None:
    """A cluster without a trail is no error."""
    result = invoke("events", file)

    assert (result.exit_code, result.stdout) == (0, "nothing is recorded yet\n")


def test_since() -> None:
    """--since keeps what is not older than that."""
    events = [event(1, "2026-01-01T00:00:00.5Z"), event(2, "2026-01-01T00:50:00.5Z")]
    now = datetime(2026, 1, 1, 1, 0, tzinfo=UTC)

    assert [one["id"] for one in recent(events, 900, now)] == ["id2"]
    assert recent(events, None, now) == events


def test_follow_tells_what_is_new(invoke: Invoke, running: World, file: Path) -> None:
    """--follow shows the trail, then a line for each event that comes, until Ctrl-C: exit 130."""
    running.trail = [event(1)]
    left = iter((event(2, what="scale web=4"), event(3, what="down", outcome="failed")))

    def sleep(_: float) -> None:
        one = next(left, None)
        if one is None:
            raise KeyboardInterrupt
        running.trail.append(one)

    result = invoke("events", file, "--follow", sleep=sleep)

    assert result.exit_code == 130
    assert [line.split("  ", 1)[1] for line in result.stdout.splitlines()[2:]] == [
        "me@here  scale web=4: done",
        "me@here  down: failed",
    ]


def test_follow_tells_that_a_run_was_killed(invoke: Invoke, running: World, file: Path) -> None:
    """Its beginning was told before; that it has no end is news, once."""
    running.trail = [event(1, outcome="began")]
    left = iter(("killed", "killed"))

    def sleep(_: float) -> None:
        outcome = next(left, None)
        if outcome is None:
            raise KeyboardInterrupt
        running.trail = [event(1, outcome=outcome)]

    result = invoke("events", file, "--follow", sleep=sleep)

    assert [line.split("  ", 1)[1] for line in result.stdout.splitlines()[2:]] == ["me@here  up: killed"]


@pytest.mark.parametrize("argv", [("--follow", "-o", "json"), ("--since", "soon")])
def test_wrong_use(invoke: Invoke, running: World, file: Path, argv: tuple[str, ...]) -> None:
    """A stream is no document, and a duration has a form: exit 2."""
    assert invoke("events", file, *argv).exit_code == 2
