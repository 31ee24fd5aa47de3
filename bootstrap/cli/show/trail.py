"""The audit trail as people read it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import click

from bootstrap.cli.show.tables import Column, table

COLUMNS = (
    Column("TIME"),
    Column("WHO"),
    Column("WHAT"),
    Column("NODE", 1),
    Column("OUTCOME"),
    Column("EPOCH", 3, fold=False),
    Column("DETAIL", 2),
)
_COLOURS = {"done": "green", "failed": "red", "refused": "yellow", "killed": "red"}
_Event = Mapping[str, Any]


def text(events: Sequence[_Event], room: int) -> str:
    """A table, oldest first."""
    return table(COLUMNS, [cells(one) for one in events], room, _paint) if events else "nothing is recorded yet"


def line(event: _Event) -> str:
    """One event as a line of its own, for following."""
    time, who, what, node, outcome, _, detail = cells(event)
    told = f"{time}  {who}  {what}{f' {node}' if node else ''}: {outcome}"
    return f"{told}  {detail}" if detail else told


def cells(event: _Event) -> list[str]:
    """The cells in the order of COLUMNS; an epoch of 0 is none."""
    time = str(event.get("time", ""))[:19].replace("T", " ")
    rest = (event.get(key) for key in ("who", "what", "node", "outcome", "epoch", "detail"))
    return [time, *(" ".join(str(one or "").split()) for one in rest)]


def _paint(title: str, cell: str) -> str:
    colour = _COLOURS.get(cell.strip()) if title == "OUTCOME" else None
    return click.style(cell, fg=colour) if colour else cell
