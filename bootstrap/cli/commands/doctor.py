"""`bootstrap doctor`."""

from __future__ import annotations

from pathlib import Path

import click

from bootstrap.cli.options import file_argument, verb
from bootstrap.cli.run import Run
from bootstrap.cli.show import findings
from bootstrap.cli.show.tables import width
from bootstrap.errors import EXIT_DIFFERENT
from bootstrap.model.finding import Outcome


@verb()
@file_argument()
@click.pass_obj
def command(run: Run, file: Path) -> int:
    """Check this machine and every node: a check changes nothing.

    Without a cluster: can this machine make it? With one: agents, engines, clocks, the ports between all nodes, disks.
    Exit 3 when a check failed; a warning is none.
    """
    found = list(run.open(file).examine())
    run.emit({"checks": [one.as_json() for one in found]}, lambda: findings.text(found, width()))
    return EXIT_DIFFERENT if any(one.result is Outcome.FAIL for one in found) else 0
