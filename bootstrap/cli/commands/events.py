"""`bootstrap events`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import click

from bootstrap.cli.options import Duration, file_argument, option, verb
from bootstrap.cli.run import Run, Session
from bootstrap.cli.show import trail
from bootstrap.cli.show.tables import width
from bootstrap.cli.show.values import plain

POLL = 1.0  # seconds between two looks while following


@verb()
@file_argument()
@option("--since", type=Duration(), metavar="DURATION", help="Only what is not older than that.")
@option("--follow", is_flag=True, help="Then tell what happens, until Ctrl-C.")
@click.pass_obj
def command(run: Run, file: Path, since: float | None, follow: bool) -> None:
    """Show the audit trail: who did what, and when.

    Runs of this command line and every step of the cluster's own agents: elections, removals, rotations. It lives with
    the cluster and goes with it.
    """
    if follow and run.json:
        raise click.UsageError("--follow is no single document: it goes without -o json")
    session = run.open(file)
    every = session.events()
    found = recent(every, since, datetime.now(UTC))
    document = {"cluster": session.cluster.name, "events": plain(found)}
    run.emit(document, lambda: trail.text(found, width()))
    if follow:
        _follow(run, session, {_news(one) for one in every})


def recent(events: Sequence[Mapping[str, Any]], since: float | None, now: datetime) -> list[Mapping[str, Any]]:
    """Those of the last `since` seconds; all of them where that is None."""
    if since is None:
        return list(events)
    oldest = (now - timedelta(seconds=since)).strftime("%Y-%m-%dT%H:%M:%S")
    return [one for one in events if str(one.get("time", "")) >= oldest]


def _follow(run: Run, session: Session, told: set[Any]) -> None:
    """A line for each new event, for ever."""
    while True:
        for event in session.events():
            if _news(event) not in told:
                run.put(trail.line(event))
                told.add(_news(event))
        run.sleep(POLL)


def _news(event: Mapping[str, Any]) -> tuple[Any, Any]:
    """What makes an event worth a line: it is new, or turned out to be of a run that was killed."""
    return event.get("id"), event.get("outcome")
