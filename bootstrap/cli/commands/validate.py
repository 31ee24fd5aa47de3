"""`bootstrap validate`."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from bootstrap import inventory
from bootstrap.cli.options import default_file, option, verb
from bootstrap.cli.run import Run
from bootstrap.errors import EXIT_USAGE


@verb()
@click.argument("files", nargs=-1, metavar="[FILE]...", type=click.Path(path_type=Path))
@option("--strict", is_flag=True, help="Take warnings for errors.")
@click.pass_obj
def command(run: Run, files: tuple[Path, ...], strict: bool) -> int:
    """Check inventories: every problem at once, with its place.

    Nothing is contacted. Exit 2 when there is an error; warnings alone are a success unless --strict is given.
    """
    chosen = files or (default_file(),)
    problems = [one for file in chosen for one in inventory.check(file, strict=strict)]
    if run.json:
        run.emit({"problems": [asdict(one) for one in problems]}, "")
    for one in problems:
        run.say(str(one), level=one.severity, **asdict(one))
    wrong = any(one.severity == "error" for one in problems)
    if not wrong and not run.json:
        run.emit(None, "\n".join(f"{file}: valid" for file in chosen))
    return EXIT_USAGE if wrong else 0
