"""A table that fits: where the screen is narrow, columns that matter less stand in a line below their row."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bootstrap.cli.show.values import cut

WIDEST = 120
_GAP = 2
_Style = Callable[[str, str], str]


@dataclass(frozen=True)
class Column:
    """A heading, and how soon it goes when room is short: 0 = never. `fold`: then below its row, else nowhere."""

    title: str
    spare: int = 0
    fold: bool = True


def width() -> int:
    """Characters in a line: the terminal's, at most WIDEST; WIDEST where there is none."""
    if sys.stdout.isatty() or os.environ.get("COLUMNS", "").isdigit():
        return max(40, min(WIDEST, shutil.get_terminal_size((WIDEST, 24)).columns))
    return WIDEST


def table(columns: Sequence[Column], rows: Sequence[Sequence[str]], room: int, style: _Style | None = None) -> str:
    """The rows under their headings, `room` characters wide. `style(title, padded cell)` may add colour."""
    kept = _kept(columns, rows, room)
    widths = _widths(columns, rows, kept, room)
    paint = style or (lambda _, cell: cell)
    folded = _folded(columns, rows, kept)
    lines = [_line([columns[at].title for at in kept], widths)]
    for row in rows:
        cells = [cut(row[at], size).ljust(size) for at, size in zip(kept, widths, strict=True)]
        lines.append((" " * _GAP).join(paint(columns[at].title, cell) for at, cell in zip(kept, cells, strict=True)))
        told = "  ".join(f"{columns[at].title.lower()} {row[at]}" for at in folded if row[at])
        if told:
            lines.append(f"  {cut(told, room - 2)}")
    return "\n".join(line.rstrip() for line in lines)


def _folded(columns: Sequence[Column], rows: Sequence[Sequence[str]], kept: Sequence[int]) -> list[int]:
    """The columns that found no room. One that says the same in every row is no loss."""
    out = [at for at, one in enumerate(columns) if at not in kept and one.fold]
    return [at for at in out if len(rows) == 1 or len({row[at] for row in rows}) > 1]


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    return (" " * _GAP).join(cut(cell, size).ljust(size) for cell, size in zip(cells, widths, strict=True))


def _natural(columns: Sequence[Column], rows: Sequence[Sequence[str]], at: int) -> int:
    return max(len(columns[at].title), *(len(row[at]) for row in rows), 0)


def _kept(columns: Sequence[Column], rows: Sequence[Sequence[str]], room: int) -> list[int]:
    """The columns that stay: an empty one goes, then the most spare first until the rest fits."""
    kept = [at for at, one in enumerate(columns) if not one.spare or any(row[at] for row in rows)]
    while sum(_natural(columns, rows, at) + _GAP for at in kept) - _GAP > room:
        spare = [at for at in kept if columns[at].spare]
        if not spare:
            break
        kept.remove(max(spare, key=lambda at: columns[at].spare))
    return kept


def _widths(columns: Sequence[Column], rows: Sequence[Sequence[str]], kept: Sequence[int], room: int) -> list[int]:
    """Each column's width; where even the needed ones do not fit, the widest is cut."""
    widths = [_natural(columns, rows, at) for at in kept]
    while sum(widths) + _GAP * (len(widths) - 1) > room and max(widths) > 8:
        widths[widths.index(max(widths))] -= 1
    return widths
