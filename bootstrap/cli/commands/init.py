"""`bootstrap init`."""

from __future__ import annotations

from pathlib import Path

import click

from bootstrap import inventory
from bootstrap.cli.options import file_argument, option, verb
from bootstrap.cli.run import Run
from bootstrap.errors import BootstrapError
from bootstrap.inventory.problem import LATER
from bootstrap.inventory.providers import NAMES


@verb()
@file_argument()
@option("--provider", type=click.Choice(NAMES), default="local", show_default=True,
        help="Where the machines come from.")  # fmt: skip
@click.pass_obj
def command(run: Run, file: Path, provider: str) -> None:
    """Write a starter inventory.

    It validates as it stands and says in comments what else there is. A file that is there already is kept.
    """
    text = inventory.starter(provider)
    try:
        with file.open("x", encoding="utf-8") as new:
            new.write(text)
    except FileExistsError:
        fix = "choose another name, or move it away"
        raise BootstrapError("the file is there already", where=str(file), fix=fix, code="exists") from None
    except OSError as error:
        reason = error.strerror or str(error)
        raise BootstrapError(f"cannot write: {reason}", where=str(file), fix="check the path", code="E001") from None
    run.emit({"file": str(file), "provider": provider}, f"{file} is written; next: bootstrap {_next(file)} {file}")


def _next(file: Path) -> str:
    """The command that takes the new file: `up` refuses a provider that is not built yet."""
    return "validate" if any(one.code == LATER for one in inventory.read(file).problems) else "up"
