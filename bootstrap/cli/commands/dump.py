"""`bootstrap dump`."""

from __future__ import annotations

import time
from pathlib import Path

import click

from bootstrap.cli.archive import Archive, names
from bootstrap.cli.options import file_argument, option, verb
from bootstrap.cli.redacted import redactor
from bootstrap.cli.run import Run
from bootstrap.errors import UsageError


@verb()
@file_argument()
@option("--to", metavar="x.tar.gz", type=click.Path(path_type=Path, dir_okay=False), help="The file to write.")
@click.pass_obj
def command(run: Run, file: Path, to: Path | None) -> None:
    """Pack a redacted archive for a bug report.

    Inventory, plan, status, audit trail, doctor and the logs of every node. Tokens, keys and the values that the
    inventory keeps for stacks and registries are cut out. A machine that cannot be reached is named and stops nothing.
    """
    session = run.open(file)
    name = f"{session.cluster.name}-dump-{time.strftime('%Y%m%d-%H%M%S', time.gmtime())}"
    target = to or Path(f"{name}.tar.gz")
    if target.exists():
        raise UsageError("it is there already", where=str(target), fix="name another file with --to")
    archive = Archive(redactor(session.cluster, file))
    archive.fill(session, file, parallel=run.parallel)
    archive.write(target, name)
    if archive.unreachable:
        run.say(f"not reached: {names(archive.unreachable, 'node')}", level="warning")
    if archive.missing:
        run.say(f"not there: {names(archive.missing, 'part')}", level="warning")
    document = {
        "file": str(target),
        "parts": len(archive.parts),
        "unreachable": archive.unreachable,
        "missing": archive.missing,
    }
    run.emit(document, f"{target}: {len(archive.parts)} files; look through it before you send it")
