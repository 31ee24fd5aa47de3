"""`bootstrap graph`."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from bootstrap.cli.options import file_argument, option, verb
from bootstrap.cli.run import Run
from bootstrap.cli.show.graph import terminal
from bootstrap.cli.show.graph.picture import as_json, picture
from bootstrap.cli.show.graph.svg import svg
from bootstrap.cli.show.tables import width
from bootstrap.errors import BootstrapError, UsageError


@verb()
@file_argument()
@option("--to", metavar="x.svg", type=click.Path(path_type=Path, dir_okay=False), help="Write an SVG file as well.")
@click.pass_obj
def command(run: Run, file: Path, to: Path | None) -> None:
    """Draw the cluster: zones, managers, pools, what it can lose.

    Zones are columns, pools are rows. Colour, sign and word each say how a node is, so that none of them is needed.
    """
    if to is not None and to.suffix != ".svg":
        raise UsageError("the picture is an SVG", where=str(to), fix=f"name it {to.stem}.svg")
    session = run.open(file)
    drawn = picture(session.status(), session.instances(), session.sizes())
    if to is not None:
        _write(to, svg(drawn))
        run.say(f"written: {to}")
    glyphs = terminal.PRETTY if (sys.stdout.encoding or "").lower().startswith("utf") else terminal.PLAIN
    run.emit(as_json(drawn, str(to) if to else None), lambda: terminal.text(drawn, width(), glyphs))


def _write(file: Path, text: str) -> None:
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        fix = "name another file with --to"
        raise BootstrapError(
            f"cannot be written: {error.strerror}", where=str(file), fix=fix, code="cannot_write"
        ) from error
