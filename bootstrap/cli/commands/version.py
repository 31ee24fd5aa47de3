"""`bootstrap version`."""

from __future__ import annotations

import platform

import click

from bootstrap import __version__
from bootstrap.cli.options import verb
from bootstrap.cli.run import Run


@verb()
@click.pass_obj
def command(run: Run) -> None:
    """Print the version."""
    run.emit({"version": __version__, "python": platform.python_version()}, f"bootstrap {__version__}")
