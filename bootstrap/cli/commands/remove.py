"""`bootstrap remove`."""

from __future__ import annotations

from typing import Any

import click

from bootstrap.cli.nodes import find_member_or_place
from bootstrap.cli.options import file_and, verb, words_argument
from bootstrap.cli.run import Run, Session
from bootstrap.cli.show.progress import Progress
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
    file, word = file_and(words, "NODE")
    session = run.open(file)
    run.need_consent()
    run.resume = f"bootstrap remove {file} {word}"
    with session.locked(f"remove {word}", run.lock_timeout, word):
        member = find_member_or_place(session, word)
        steps = session.remove(member, parallel=run.parallel)
        run.say(_told(member), level="info" if run.yes else "question")
        run.confirm("remove it?")
        with Progress(run) as progress:
            progress.follow(steps, finish=True)
        document = _document(session, member)
    run.emit(document, f"{member.name}: removed")


def _told(member: Member) -> str:
    if member.instance is None and member.node is None:
        return f"{member.name}: what is left of its machine is destroyed"
    if member.instance is None:
        return f"{member.name}: leaves the swarm; it has no machine of this cluster"
    if member.node is None:
        return f"{member.name}: its machine {member.instance.id} is destroyed; it is no node of the swarm"
    return f"{member.name}: leaves the swarm, and its machine {member.instance.id} is destroyed with all that is on it"


def _document(session: Session, member: Member) -> dict[str, Any]:
    pool = member.instance.pool if member.instance else None
    return {
        "node": member.name,
        "id": member.node["id"] if member.node else None,
        "instance": member.instance.id if member.instance else None,
        "pool": pool,
        "size": session.sizes().get(pool) if pool else None,
    }
