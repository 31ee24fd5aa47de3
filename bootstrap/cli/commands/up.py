"""`bootstrap up`."""

from __future__ import annotations

from pathlib import Path

import click

from bootstrap.cli.converge import agree, carry_out
from bootstrap.cli.options import file_argument, option, verb
from bootstrap.cli.run import Run
from bootstrap.errors import BootstrapError


@verb()
@file_argument()
@option("--roll", is_flag=True, hidden=True, help="Also replace what is outdated, one machine at a time.")
@option("--no-wait", is_flag=True, help="Do not wait until the cluster is healthy.")
@click.pass_obj
def command(run: Run, file: Path, roll: bool, no_wait: bool) -> None:
    """Make the cluster as the file says.

    Plans, asks, applies, and waits until every node is in service. Running it again goes on where it stopped;
    nothing to do is a success. Running machines are never replaced.
    """
    if roll:
        fix = "run `bootstrap up` without --roll: `bootstrap plan` lists what is outdated, and it keeps running"
        raise BootstrapError("rolling is not built yet in this version", fix=fix, code="not_yet")
    session = run.open(file)
    run.need_consent()
    run.warn(file)
    run.resume = f"bootstrap up {file}"
    with session.locked("up", run.lock_timeout):
        plan, asked = agree(run, session)
        carry_out(run, session, plan, asked=asked, wait=not no_wait)
