"""`bootstrap schema`."""

from __future__ import annotations

import json

import click

from bootstrap import inventory
from bootstrap.cli.options import verb
from bootstrap.cli.run import Run


@verb()
@click.pass_obj
def command(run: Run) -> None:
    """Print the inventory's JSON schema.

    For an editor: bootstrap schema > inventory.schema.json
    """
    schema = inventory.json_schema()
    run.emit(schema, json.dumps(schema, indent=2, ensure_ascii=False))
