"""`bootstrap plan`."""

from __future__ import annotations

from pathlib import Path

import click

from bootstrap.cli.options import file_argument, option, verb
from bootstrap.cli.run import Run
from bootstrap.cli.show import plan as plans
from bootstrap.errors import EXIT_DIFFERENT


@verb()
@file_argument()
@option("--detailed-exitcode", is_flag=True, help="Exit 3 when there are changes or something is outdated.")
@click.pass_obj
def command(run: Run, file: Path, detailed_exitcode: bool) -> int:
    """Show what `up` would do.

    `+` creates, `~` updates, `-/+` replaces, `-` deletes. Nothing is changed and no lock is taken. An autoscaled
    pool's size, a newer image and a drain by hand are no changes.
    """
    session = run.open(file)
    run.warn(file)
    plan = session.plan_up()
    run.emit(plans.document(plan), lambda: plans.text(plan, every=bool(run.verbose)))
    return EXIT_DIFFERENT if detailed_exitcode and (plan or plan.outdated) else 0
