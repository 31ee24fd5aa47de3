"""`bootstrap force-unlock`."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from bootstrap.cli.options import file_argument, option, verb
from bootstrap.cli.run import Run


@verb()
@file_argument()
@option("--id", "lock_id", metavar="ID", required=True, help="The lock's id, as the run that had to wait was told it.")
@click.pass_obj
def command(run: Run, file: Path, lock_id: str) -> None:
    """Free a lock whose holder is gone.

    Refused for another id, where nobody holds the lock, and where its holder still runs: on `local` the lock frees
    itself when its holder ends, so that this is rarely needed.
    """
    session = run.open(file)
    freed = session.force_unlock(lock_id)
    run.emit(
        {"cluster": session.cluster.name, "freed": asdict(freed)},
        f"{session.cluster.name}: freed the lock of `{freed.what}` ({freed.who}, since {freed.since})",
    )
