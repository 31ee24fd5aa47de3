"""`bootstrap init`."""

from __future__ import annotations

import re
from pathlib import Path

import click

from bootstrap import inventory
from bootstrap.cli.options import FILE_DEFAULT, file_argument, option, verb
from bootstrap.cli.run import Run
from bootstrap.errors import BootstrapError, UsageError
from bootstrap.inventory.problem import LATER
from bootstrap.inventory.providers import NAMES

CLUSTER_NAME = re.compile(r"[a-z]([a-z0-9-]{0,30}[a-z0-9])?")  # as the inventory asks


@verb()
@file_argument()
@option("--provider", type=click.Choice(NAMES), default="local", show_default=True,
        help="Where the machines come from.")  # fmt: skip
@click.pass_obj
def command(run: Run, file: Path, provider: str) -> None:
    """Write a starter inventory.

    It validates as it stands and says in comments what else there is. The cluster is named after the file: `prod.yml`
    makes `prod`. A file that is there already is kept.
    """
    if str(file) == "-":
        raise UsageError("a starter is written to a file", where="-", fix="name the file, as prod.yml")
    text = _named(inventory.starter(provider), file.stem)
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


def _named(text: str, name: str) -> str:
    """The starter for a cluster of that name, where it can be one: two people's starters must not be one cluster."""
    if not CLUSTER_NAME.fullmatch(name) or name == FILE_DEFAULT.removesuffix(".yml"):
        return text
    return re.sub(r"^cluster: \S+", f"cluster: {name}", text, count=1, flags=re.MULTILINE)


def _next(file: Path) -> str:
    """The command that takes the new file: `up` refuses a provider that is not built yet."""
    return "validate" if any(one.code == LATER for one in inventory.read(file).problems) else "up"
