"""`bootstrap undrain`."""

from __future__ import annotations

import click

from bootstrap.cli.nodes import find_node, refuse_unknown
from bootstrap.cli.options import file_and, verb, words_argument
from bootstrap.cli.run import Run


@verb()
@words_argument("NODE")
@click.pass_obj
def command(run: Run, words: tuple[str, ...]) -> None:
    """Give a drained node work again.

    Ends the hold of `bootstrap drain`, or of a `docker node update` by hand: the node gets the availability that its
    pool has in the file. NODE is a hostname, a node id or its beginning, or an instance id.
    """
    file, word = file_and(words, "NODE")
    session = run.open(file)
    refuse_unknown(session, word)
    with session.locked(f"undrain {word}", run.lock_timeout, word):
        node = find_node(session, word)
        session.activate(node["id"])
    pool = session.cluster.pool(str(node["pool"])) or session.cluster.managers
    document = {"node": node["hostname"], "id": node["id"], "availability": str(pool.availability), "hold": False}
    run.emit(document, f"{node['hostname']}: {pool.availability}, as its pool is")
