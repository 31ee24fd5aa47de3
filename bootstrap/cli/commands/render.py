"""`bootstrap render`."""

from __future__ import annotations

from pathlib import Path

import click

from bootstrap.cli.options import file_argument, option, verb
from bootstrap.cli.run import Run
from bootstrap.errors import UsageError
from bootstrap.model.cluster import MANAGERS


@verb()
@file_argument()
@option("--pool", metavar="NAME", default=MANAGERS, show_default=True, help="Whose user-data.")
@option("--raw", is_flag=True, help="The bytes as sent to the machine.")
@click.pass_obj
def command(run: Run, file: Path, pool: str, raw: bool) -> None:
    """Print the user-data that machines boot with.

    Exactly as booted: no secret is in it, and it needs no cluster. Nothing is contacted.
    """
    session = run.open(file)
    scripts = session.scripts()
    if pool not in scripts:
        fix = f"its pools: {', '.join(scripts)}"
        raise UsageError(f"there is no pool '{pool}'", where=session.cluster.name, fix=fix)
    if run.json:
        run.emit({"cluster": session.cluster.name, "pool": pool, "user_data": scripts[pool]}, "")
    elif raw:
        run.put(scripts[pool].encode(), line=False)
    else:
        run.put(scripts[pool], line=not scripts[pool].endswith("\n"))
