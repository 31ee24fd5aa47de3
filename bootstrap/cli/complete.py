"""Names for a shell that completes: of the cluster whose inventory stands on the line. Never an error, never a question."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import click
from click.shell_completion import CompletionItem

from bootstrap.cli.run import Run, Session

Complete = Callable[[click.Context, click.Parameter, str], list[CompletionItem]]


def words(metavar: str, default: Callable[[], Path]) -> Complete | None:
    """What completes `[FILE] NODE` and `[FILE] POOL=N`; None for any other word."""
    names = {"NODE": _nodes, "POOL=N": _pools}.get(metavar)
    if names is None:
        return None

    def complete(context: click.Context, _: click.Parameter, begun: str) -> list[CompletionItem]:
        typed = context.params.get("words") or ()
        file = Path(typed[0]) if typed else default()
        found = [name for name in _asked(context, file, names) if name.startswith(begun)]
        files = [] if typed else [CompletionItem(begun, type="file")]
        return [*map(CompletionItem, found), *files]

    return complete


def _asked(context: click.Context, file: Path, names: Callable[[Session], list[str]]) -> list[str]:
    """The names, or none where the inventory or its provider says anything else than names."""
    run = context.find_object(Run) or Run()
    try:
        return names(run.open_session(file, say=lambda _: None))
    except Exception:  # noqa: BLE001 - a shell waits for words: whatever it is, there are none
        return []


def _nodes(session: Session) -> list[str]:
    return [one.hostname for one in session.instances()]


def _pools(session: Session) -> list[str]:
    return [f"{pool.name}=" for pool in session.cluster.groups if not pool.hosts]
