"""`bootstrap replace`."""

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
    """Put a new machine in the place of one.

    Its tasks are moved, it leaves the swarm, its machine is destroyed and made anew from the file, and the new one is
    waited for. A manager that works gets another one beside it meanwhile, so that the quorum stays. A run that was
    killed is ended by the same command, or taken back by `bootstrap up`.
    """
    file, word = file_and(words, "NODE")
    session = run.open(file)
    run.need_consent()
    run.resume = f"bootstrap replace {file} {word}"
    with session.locked(f"replace {word}", run.lock_timeout, word):
        member = find_member_or_place(session, word)
        steps = session.replace(member, parallel=run.parallel)
        run.say(_told(member), level="info" if run.yes else "question")
        run.confirm("replace it?")
        with Progress(run) as progress:
            progress.follow(steps, finish=True)
        document = _document(session, member)
    run.emit(document, f"{member.name}: replaced, now {document['instance']}")


def _told(member: Member) -> str:
    if member.instance is None:
        return f"{member.name}: its machine is gone; a new one is made in its place"
    return f"{member.name}: its machine {member.instance.id} is destroyed with all that is on it, and made anew"


def _document(session: Session, member: Member) -> dict[str, Any]:
    now = next((one.id for one in session.instances() if one.hostname == member.name), None)
    nodes = session.status()["nodes"]
    return {
        "node": member.name,
        "id": next((node["id"] for node in nodes if node["instance"] == now), None),
        "instance": now,
        "replaced": member.instance.id if member.instance else None,
    }
