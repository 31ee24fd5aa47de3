"""Which machine a user means: a hostname, an instance id, or a node id or its beginning."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

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


def shell_words(words: Sequence[str]) -> list[str]:
    """The command as a list. One word with a space in it is a line for the shell, as with ssh."""
    if len(words) == 1 and any(letter in words[0] for letter in " \t\n;|&<>$*?`'\""):
        return ["sh", "-c", words[0]]
    return list(words)


def _nobody(session: Session, word: str, instances: Sequence[Instance]) -> BootstrapError:
    names = ", ".join(one.hostname for one in instances[:20]) or "none"
    more = f" and {len(instances) - 20} more" if len(instances) > 20 else ""
    return BootstrapError(
        f"there is no node '{word}'",
        where=session.cluster.name,
        fix=f"its nodes: {names}{more}; ids and instances are in `bootstrap status`",
        code="no_node",
    )


def _unclear(session: Session, word: str, found: Sequence[Instance]) -> BootstrapError:
    names = ", ".join(one.hostname for one in found)
    return BootstrapError(
        f"'{word}' is the beginning of several node ids: {names}",
        where=session.cluster.name,
        fix="give more of the id, or the hostname",
        code="no_node",
    )
