"""`bootstrap drain`."""

from __future__ import annotations

import click

from bootstrap.cli.nodes import find_node, refuse_unknown
from bootstrap.cli.options import file_and, verb, words_argument
from bootstrap.cli.run import Run
from bootstrap.errors import BootstrapError


@verb()
@words_argument("NODE")
@click.pass_obj
def command(run: Run, words: tuple[str, ...]) -> None:
    """Move a node's tasks away and keep it so.

    Held until `bootstrap undrain`: neither `up` nor the cluster's own upkeep gives it work again. Waits until no task
    is left, as long as the pool's `timeouts: drain` says. NODE is a hostname, a node id or its beginning, or an
    instance id.
    """
    file, word = file_and(words, "NODE")
    session = run.open(file)
    run.resume = f"bootstrap drain {file} {word}"
    refuse_unknown(session, word)
    with session.locked(f"drain {word}", run.lock_timeout, word):
        node = find_node(session, word)
        pool = session.cluster.pool(str(node["pool"])) or session.cluster.managers
        try:
            session.drain(node["id"], pool.timeouts.drain)
        except BootstrapError as error:
            if error.code == "drain_timeout":
                error.fix = f"{error.fix}; it stays drained until `bootstrap undrain {file} {node['hostname']}`"
            raise
    document = {"node": node["hostname"], "id": node["id"], "availability": "drain", "hold": True}
    run.emit(document, f"{node['hostname']}: drained, until `bootstrap undrain {file} {node['hostname']}`")
