from __future__ import annotations

import io

from rich.console import Console

from bootstrap.cli.run import Run
from bootstrap.cli.show.live import Live
from bootstrap.cli.show.words import STOPPING
from bootstrap.engine.events import ChangeDone, ChangeFailed, ChangeSkipped, ChangeStarted, NodeProgress, Note
from bootstrap.errors import BootstrapError
from bootstrap.model.resource import Action, Change
from tests.cli.fake_session import Thing, World


def picture(live: Live) -> str:
    """What the screen would show now."""
    console = Console(file=io.StringIO(), width=100, force_terminal=False)
    with console.capture() as capture:
        console.print(live._picture())
    return capture.get()


def made() -> tuple[Live, Run, io.StringIO, list[float]]:
    """A view on a screen of text, with a clock that is set by hand."""
    now, screen = [0.0], io.StringIO()
    run = Run(terminal=False)
    console = Console(file=screen, width=100, force_terminal=False, no_color=True)
    return Live(run, console, lambda: now[0]), run, screen, now


CHANGE = Change(Action.CREATE, Thing("prod-web-1", world=World()))


def test_what_runs_has_its_time() -> None:
    """A change that began is shown with its seconds; when it ends it becomes a line."""
    live, _, screen, now = made()
    live.show(ChangeStarted(CHANGE))
    now[0] = 3.5

    assert "host prod-web-1: create (3.5 s)" in picture(live)

    live.show(ChangeDone(CHANGE, 3.5))

    assert "host prod-web-1" not in picture(live)
    assert "ok host prod-web-1: created (3.5 s)" in screen.getvalue()


def test_failures_and_the_rest_stay() -> None:
    """Failed and skipped changes and notes are lines that stay."""
    live, _, screen, _ = made()
    live.show(ChangeFailed(CHANGE, BootstrapError("the cloud said no")))
    live.show(ChangeSkipped(CHANGE, "interrupted"))
    live.show(Note("node [old] was drained by force"))

    assert "!! host prod-web-1: failed: the cloud said no" in screen.getvalue()
    assert "-- host prod-web-1: not done: interrupted" in screen.getvalue()
    assert "node [old] was drained by force" in screen.getvalue()


def test_machines_have_a_line_each() -> None:
    """Every step has its time; many machines are counted; those on their way come first."""
    live, _, _, _ = made()
    for number in range(20):
        live.show(NodeProgress(f"prod-web-{number:02}", "boot", 1.0))
        live.show(NodeProgress(f"prod-web-{number:02}", "engine", 2.1))
    live.show(NodeProgress("prod-web-00", "active", 4.2))
    rows = picture(live).splitlines()

    assert rows[0].split() == ["NODE", "BOOT", "ENGINE", "JOINING", "JOINED", "IN", "SERVICE"]
    assert rows[1].split() == ["prod-web-01", "1.0", "s", "2.1", "s"]
    assert any("and 4 more" in row for row in rows)


def test_a_stop_is_shown() -> None:
    """After a signal the picture says what happens now."""
    live, _, _, _ = made()
    live.stopping()

    assert STOPPING in picture(live)


def test_lines_of_others_stand_above() -> None:
    """While the picture is up `say` goes through it; after, it does not."""
    live, run, screen, _ = made()
    with live:
        run.say("an image is being made")
        assert run.writer is not None

    assert vars(run)["writer"] is None
    assert "an image is being made" in screen.getvalue()
