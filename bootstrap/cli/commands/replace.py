"""`bootstrap replace`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import click

from bootstrap.cli.member import change_member
from bootstrap.cli.options import verb, words_argument
from bootstrap.cli.run import Run, Session
from bootstrap.engine.member import Member


@verb()
@words_argument("NODE")
@click.pass_obj
def command(run: Run, words: tuple[str, ...]) -> None:
    """Put a new machine in the place of one.

    Its tasks are moved, it leaves the swarm, its machine is destroyed and made anew from the file, and the new one is
    waited for. A manager that works gets another one beside it meanwhile, so that the quorum stays. A run that was
    killed is ended by the same command, or taken back by `bootstrap up`.
    """

    def steps(session: Session, member: Member) -> Iterator[Any]:
        return session.replace(member, parallel=run.parallel)

    change_member(run, "replace", words, steps=steps, told=_told, result=_result)


def _told(member: Member) -> str:
    if member.instance is None:
        return f"{member.name}: its machine is gone; a new one is made in its place"
    return f"{member.name}: its machine {member.instance.id} is destroyed with all that is on it, and made anew"


def _result(session: Session, member: Member) -> tuple[dict[str, Any], str]:
    now = next((one.id for one in session.instances() if one.hostname == member.name), None)
    nodes = session.status()["nodes"]
    document = {
        "node": member.name,
        "id": next((node["id"] for node in nodes if node["instance"] == now), None),
        "instance": now,
        "replaced": member.instance.id if member.instance else None,
    }
    return document, f"{member.name}: replaced, now {document['instance']}"
