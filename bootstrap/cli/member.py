"""The road that `remove` and `replace` share: find the member, refuse at once, ask, do, tell."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from bootstrap.cli.nodes import find_member_or_place, refuse_unknown
from bootstrap.cli.options import file_and
from bootstrap.cli.run import Run, Session
from bootstrap.cli.show.progress import Progress
from bootstrap.engine.member import Member

Steps = Callable[[Session, Member], Iterator[Any]]  # refuses at the call; the rest is done as it is read
Told = Callable[[Member], str]  # what is about to happen to it
Result = Callable[[Session, Member], tuple[dict[str, Any], str]]  # the document, and the same for people


def change_member(run: Run, verb: str, words: Sequence[str], *, steps: Steps, told: Told, result: Result) -> None:
    """Do `verb` to the member that the words name; the question is asked when nothing speaks against it."""
    file, word = file_and(words, "NODE")
    session = run.open(file)
    run.need_consent()
    run.resume = f"bootstrap {verb} {file} {word}"
    refuse_unknown(session, word)
    with session.locked(f"{verb} {word}", run.lock_timeout, word):
        member = find_member_or_place(session, word)
        if member.instance is not None and member.node is None:  # never joined, or nobody told: as in an election
            session.ask()
            member = find_member_or_place(session, word)
        doing = steps(session, member)
        run.say(told(member), level="info" if run.yes else "question")
        run.confirm(f"{verb} it?")
        with Progress(run) as progress:
            progress.follow(doing, finish=True)
        document, text = result(session, member)
    run.emit(document, text)
