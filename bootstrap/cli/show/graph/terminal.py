"""The picture in a terminal: a box for each zone, a part in it for each pool."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import click

from bootstrap.cli.show.graph.picture import Card, Level, Picture, Row
from bootstrap.cli.show.values import cut

NARROWEST = 24  # characters of a box
WIDEST = 38
_COLOURS = {Level.OK: "green", Level.REST: "cyan", Level.WARN: "yellow", Level.BAD: "red"}


@dataclass(frozen=True)
class Glyphs:
    """The signs to draw with."""

    corners: tuple[str, str, str, str]
    across: str
    down: str
    leader: str
    seat: str
    lost: str
    unseen: str
    marks: dict[Level, str]


PRETTY = Glyphs(("┌", "┐", "└", "┘"), "─", "│", "★", "■", "□", "?",
                {Level.OK: "●", Level.REST: "◐", Level.WARN: "▲", Level.BAD: "✗"})  # fmt: skip
PLAIN = Glyphs(
    ("+", "+", "+", "+"),
    "-",
    "|",
    "*",
    "#",
    "_",
    "?",
    {Level.OK: "o", Level.REST: "=", Level.WARN: "!", Level.BAD: "X"},
)


def text(drawn: Picture, room: int, glyphs: Glyphs = PRETTY) -> str:
    """The whole picture, `room` characters wide."""
    parts = [[drawn.headline]]
    if drawn.made:
        parts += [*_boxes(drawn, room, glyphs), [_quorum(drawn, glyphs)], list(_pools(drawn))]
    told = [line for one in drawn.problems for line in _problem(one, room)]
    return "\n\n".join("\n".join(lines) for lines in [*parts, told] if lines)


def _boxes(drawn: Picture, room: int, glyphs: Glyphs) -> Iterator[list[str]]:
    """Boxes side by side, as many as fit; the others below."""
    fit = max(1, min(len(drawn.zones), (room + 1) // (NARROWEST + 1)))
    wide = min(WIDEST, (room + 1) // fit - 1)
    for first in range(0, len(drawn.zones), fit):
        zones = drawn.zones[first : first + fit]
        heights = [max(len(row.cells[zone]) for zone in zones) for row in drawn.rows]
        boxes = [list(_box(zone, drawn.rows, heights, wide, glyphs)) for zone in zones]
        yield [" ".join(lines) for lines in zip(*boxes, strict=True)]


def _box(zone: str, rows: Sequence[Row], heights: Sequence[int], wide: int, glyphs: Glyphs) -> Iterator[str]:
    title = cut(f" zone {zone} " if zone else " no zone ", wide - 4)
    left, right, low_left, low_right = glyphs.corners
    yield left + glyphs.across + title + glyphs.across * (wide - 3 - len(title)) + right
    for row, height in zip(rows, heights, strict=True):
        if not height:
            continue
        yield _inside(click.style(f"{row.pool:<{wide - 4}}"[: wide - 4], dim=True), glyphs)
        for card in row.cells[zone]:
            yield _inside(_card(card, wide - 4, glyphs), glyphs)
        for _ in range(height - len(row.cells[zone])):
            yield _inside(" " * (wide - 4), glyphs)
    yield low_left + glyphs.across * (wide - 2) + low_right


def _inside(content: str, glyphs: Glyphs) -> str:
    return f"{glyphs.down} {content} {glyphs.down}"


def _card(card: Card, room: int, glyphs: Glyphs) -> str:
    """`● managers-a-1   ready`; the leader has a star in place of its mark where it is well."""
    well = card.level in {Level.OK, Level.REST}
    mark = glyphs.leader if card.leader and well else glyphs.marks[card.level]
    word = "leader" if card.leader and well else card.word
    name = cut(card.name, room - len(word) - 3)
    plain = f"{name:<{room - len(word) - 3}} "
    return f"{_paint(mark, card.level)} {plain}{_paint(word, card.level)}"


def _quorum(drawn: Picture, glyphs: Glyphs) -> str:
    """`quorum ■■□  2 of 3 managers reachable, 2 needed: can lose none`."""
    reachable, managers = drawn.quorum["reachable"], drawn.quorum["managers"]
    seats = glyphs.seat * reachable + glyphs.lost * (managers - reachable) if drawn.seen else glyphs.unseen * managers
    return f"quorum {_paint(seats, drawn.level)}  {_paint(drawn.margin, drawn.level)}"


def _pools(drawn: Picture) -> Iterator[str]:
    """`pools  managers 3 of 3, web 2 of 3`; `?` where nobody told what is in service."""
    told = [f"{row.pool} {row.have if drawn.seen else '?'}" + (f" of {row.wanted}" if row.wanted is not None else "")
            for row in drawn.rows]  # fmt: skip
    yield f"pools  {', '.join(told)}"


def _problem(message: str, room: int) -> list[str]:
    lines = textwrap.wrap(message, max(20, room - 4)) or [""]
    return [f"  {click.style('!', fg='red')} {lines[0]}", *(f"    {line}" for line in lines[1:])]


def _paint(word: str, level: Level) -> str:
    return click.style(word, fg=_COLOURS[level])
