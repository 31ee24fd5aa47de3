"""`bootstrap reconcile`."""

from __future__ import annotations

import click

from bootstrap.cli.options import file_and, verb, words_argument
from bootstrap.cli.run import Run


@verb()
@words_argument("on|off")
@click.pass_obj
def command(run: Run, words: tuple[str, ...]) -> None:
    """Pause the cluster's own upkeep, or let it go on.

    While it is off the leader publishes no token, labels no newcomer and removes nothing; a node that joins stays
    drained. Nodes that run go on running. It waits for no other run.
    """
    file, wish = file_and(words, "on|off")
    if wish not in {"on", "off"}:
        raise click.UsageError(f"'{wish}' is neither on nor off")
    session = run.open(file)
    with session.noted(f"reconcile {wish}"):
        session.upkeep(wish == "on")
    run.emit({"cluster": session.cluster.name, "reconcile": wish == "on"}, f"{session.cluster.name}: upkeep is {wish}")
