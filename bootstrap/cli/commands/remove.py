"""`bootstrap remove`."""

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
    """Take one node out for good, with its machine.

    Its tasks are moved, it leaves the swarm and its machine is destroyed. A pool that is larger than the file asks for
    wants one less from then on; else the place stays, and the next `bootstrap up` fills it. Refused for a manager that
    works and that the file wants: `replace` is for that. One that does not answer goes as far as the quorum allows.
    """

    def steps(session: Session, member: Member) -> Iterator[Any]:
        return session.remove(member, parallel=run.parallel)

    change_member(run, "remove", words, steps=steps, told=_told, result=_result)


def _told(member: Member) -> str:
    if member.instance is None and member.node is None:
        return f"{member.name}: what is left of its machine is destroyed"
    if member.instance is None:
        return f"{member.name}: leaves the swarm; it has no machine of this cluster"
    if member.node is None:
        return f"{member.name}: its machine {member.instance.id} is destroyed; it is no node of the swarm"
    return f"{member.name}: leaves the swarm, and its machine {member.instance.id} is destroyed with all that is on it"


def _result(session: Session, member: Member) -> tuple[dict[str, Any], str]:
    pool = member.instance.pool if member.instance else None
    document = {
        "node": member.name,
        "id": member.node["id"] if member.node else None,
        "instance": member.instance.id if member.instance else None,
        "pool": pool,
        "size": session.sizes().get(pool) if pool else None,
    }
    return document, f"{member.name}: removed"
