"""`bootstrap status`."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from bootstrap.cli import errors
from bootstrap.cli.options import Duration, file_argument, option, verb
from bootstrap.cli.run import Run
from bootstrap.cli.show import status
from bootstrap.cli.show.tables import width
from bootstrap.errors import EXIT_DIFFERENT, BootstrapError

POLL = 1.0  # seconds between two looks while waiting
WATCH = 2.0  # seconds between two pictures
CLEAR = "\x1b[H\x1b[J"


@verb()
@file_argument()
@option("--check", is_flag=True, help="Exit 3 when the cluster is not healthy.")
@option("--wait", type=Duration(), metavar="DURATION", help="Wait until it is healthy; exit 3 when that takes longer.")
@option("--watch", is_flag=True, help="Show it again and again until Ctrl-C.")
@click.pass_obj
def command(run: Run, file: Path, check: bool, wait: float | None, watch: bool) -> int:
    """Show the cluster's nodes and what is wrong.

    Healthy means: formed, every manager reachable and in its zone, every pool at its size, every node ready, tokens
    published, networks and stacks as the file says. A cluster that was never made is no error.
    """
    if watch and (run.json or check or wait is not None):
        raise click.UsageError("--watch goes with none of -o json, --check and --wait")
    session = run.open(file)
    if watch:
        _watch(run, session.status)
    document = session.status() if wait is None else _wait(run, session.status, wait)
    run.emit(document, lambda: status.text(document, width()))
    return EXIT_DIFFERENT if (check or wait is not None) and not document["healthy"] else 0


def _wait(run: Run, look: Callable[[], dict[str, Any]], seconds: float) -> dict[str, Any]:
    """The first healthy status, or the last one when the time is over."""
    deadline = run.clock() + seconds
    told = ""
    while True:
        document = look()
        left = deadline - run.clock()
        if document["healthy"] or left <= 0:
            return document
        if (first := _first(document)) != told:
            run.say(f"waiting: {first}")
            told = first
        run.sleep(min(POLL, left))


def _first(document: dict[str, Any]) -> str:
    """The first problem in one line."""
    for one in document["problems"]:
        return f"{one['node']}: {one['message']}" if one["node"] else str(one["message"])
    return "not healthy"


def _watch(run: Run, look: Callable[[], dict[str, Any]]) -> None:
    """Show it for ever: in place on a terminal, else whenever it changed. What fails once may be there at the next look."""
    moving = sys.stdout.isatty() and os.environ.get("TERM") != "dumb"
    shown = ""
    while True:
        try:
            text = status.text(look(), width())
        except BootstrapError as error:
            if not shown:
                raise
            text = "\n".join(errors.lines(error))
        if moving:
            run.put(CLEAR + text)
        elif text != shown:
            run.put(text)
        shown = text
        run.sleep(WATCH)
