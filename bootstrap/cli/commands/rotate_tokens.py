"""`bootstrap rotate-tokens`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from bootstrap.cli.options import Duration, file_argument, option, verb
from bootstrap.cli.run import Run

ANSWER = 150.0  # seconds: another rotation may be under way, and an engine without a quorum is slow to say so


@verb()
@file_argument()
@option("--role", type=click.Choice(["worker", "manager", "all"]), default="all", help="Whose token.")
@option("--if-older-than", type=Duration(), default="0s", metavar="DURATION", help="Only tokens older than that.")
@click.pass_obj
def command(run: Run, file: Path, role: str, if_older_than: float) -> None:
    """Make the join tokens anew.

    A manager rotates and publishes them; no token comes here. Nodes stay what they are, and machines that boot
    meanwhile fetch the new one. Made for cron: it never asks, says nothing with -q, and does not wait for an `up`,
    which it does not disturb: rotations have a lease of their own in the cluster.
    """
    run.resume = f"bootstrap rotate-tokens {file}"
    session = run.open(file)
    agent = session.ask().agent
    with session.noted("rotate-tokens" if role == "all" else f"rotate-tokens --role {role}") as step:
        answer = agent.call("rotate", "--role", role, "--if-older-than", f"{if_older_than:g}", timeout=ANSWER)
        step.idle = not answer["rotated"]  # cron asks often
    document = {"rotated": list(answer["rotated"]), "published_version": answer["published_version"]}
    if run.json or not run.quiet:
        run.emit(document, _text(document))


def _text(document: dict[str, Any]) -> str:
    if not document["rotated"]:
        return f"nothing is old enough: version {document['published_version']} stays"
    roles = " and ".join(document["rotated"])
    return f"rotated the join token{'s' * (len(document['rotated']) > 1)} of {roles}: version {document['published_version']}"
