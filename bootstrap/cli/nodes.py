"""Which machine a user means: a hostname, an instance id, or a node id or its beginning."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from bootstrap.engine.member import Member
from bootstrap.errors import BootstrapError
from bootstrap.providers.base import Instance

if TYPE_CHECKING:
    from bootstrap.cli.run import Session


def find(session: Session, word: str) -> Instance:
    """The one machine that `word` names; BootstrapError for none and for several. The swarm is asked only if needed."""
    instances = session.instances()
    found = [one for one in instances if word in {one.hostname, one.id}]
    if not found:
        wanted = {node["instance"] for node in session.status()["nodes"] if word and str(node["id"]).startswith(word)}
        found = [one for one in instances if one.id in wanted]
    if len(found) == 1:
        return found[0]
    raise _unclear(session, word, found) if found else _nobody(session, word, instances)


def refuse_unknown(session: Session, word: str) -> None:
    """BootstrapError for a word that names nothing, before the lock is taken: such a run leaves no trace."""
    if any(word in {one.hostname, one.id} for one in session.instances()):
        return
    try:
        find_member_or_place(session, word)
    except BootstrapError as error:
        if error.code != "no_node" or (session.control() or {}).get("phase") != "FORMED":
            raise
        session.ask()  # only a manager knows the ids of nodes, and in an election none answers yet
        find_member_or_place(session, word)


def find_member(session: Session, word: str) -> Member:
    """The one member that `word` names, also one of which only the node or only the machine is there.

    An entry that a machine left behind when it joined again is a member of its own, named by its id.
    """
    machines, nodes = session.instances(), session.status()["nodes"]
    named = [Member(_current(nodes, one.id), one) for one in machines if word in {one.hostname, one.id}]
    if not named:
        said = [one for one in nodes if word in {one["id"], one["hostname"]}]
        said = said or [one for one in nodes if word and str(one["id"]).startswith(word)]
        named = [Member(one, _machine(one, nodes, machines)) for one in said]
    if len(named) == 1:
        return named[0]
    raise _unclear(session, word, named) if named else _nobody(session, word, machines)


def find_node(session: Session, word: str) -> Mapping[str, Any]:
    """The node that `word` names; BootstrapError for a machine that is none."""
    member = find_member(session, word)
    if member.node is None:
        session.ask()  # where no manager answers, that is why; in an election it waits for the one that does
        member = find_member(session, word)
    if member.node is None:
        fix = f"see `bootstrap logs {session.cluster.path or 'FILE'} {member.name}`"
        raise BootstrapError("the machine is no node of the swarm", where=member.name, fix=fix, code="no_node")
    return member.node


def find_member_or_place(session: Session, word: str) -> Member:
    """The same; or the place of a machine that a killed run left half made, half removed, or not made anew yet."""
    try:
        return find_member(session, word)
    except BootstrapError:
        if word not in {one.resource.name for one in session.plan_up().changes if one.resource.kind == "host"}:
            raise
    return Member(None, None, word)


def _current(nodes: Sequence[Mapping[str, Any]], instance: str) -> Mapping[str, Any] | None:
    """The node that a machine is now: the entry that is ready, if it has several."""
    mine = [node for node in nodes if node["instance"] == instance]
    return next((node for node in mine if node["state"] == "ready"), mine[0] if mine else None)


def _machine(
    node: Mapping[str, Any], nodes: Sequence[Mapping[str, Any]], machines: Sequence[Instance]
) -> Instance | None:
    """The machine of which this is the present node."""
    if _current(nodes, str(node["instance"])) is not node:
        return None
    return next((one for one in machines if one.id == node["instance"]), None)


def shell_words(words: Sequence[str]) -> list[str]:
    """The command as a list. One word with a space in it is a line for the shell, as with ssh."""
    if len(words) == 1 and any(letter in words[0] for letter in " \t\n;|&<>$*?`'\""):
        return ["sh", "-c", words[0]]
    return list(words)


def _nobody(session: Session, word: str, instances: Sequence[Instance]) -> BootstrapError:
    if not instances and session.control() is None:
        fix = f"run `bootstrap up {session.cluster.path or 'FILE'}` first"
        raise BootstrapError("there is no such cluster yet", where=session.cluster.name, fix=fix, code="no_cluster")
    names = ", ".join(one.hostname for one in instances[:20]) or "none"
    more = f" and {len(instances) - 20} more" if len(instances) > 20 else ""
    return BootstrapError(
        f"there is no node '{word}'",
        where=session.cluster.name,
        fix=f"its nodes: {names}{more}; ids and instances are in `bootstrap status`",
        code="no_node",
    )


def _unclear(session: Session, word: str, found: Sequence[Instance | Member]) -> BootstrapError:
    names = ", ".join(_told(one) for one in found)
    return BootstrapError(
        f"'{word}' names several nodes: {names}",
        where=session.cluster.name,
        fix="give more of the id, or the hostname",
        code="no_node",
    )


def _told(one: Instance | Member) -> str:
    if isinstance(one, Member):
        return f"{one.name} ({(one.node or {}).get('id', 'no node')})"
    return one.hostname
