"""The picture as SVG: one file, no script, no font of its own; its own white ground makes it readable anywhere."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from xml.sax.saxutils import escape

import click

from bootstrap.cli.show.graph.picture import Card, Level, Picture, Row
from bootstrap.cli.show.values import cut

EDGE, GAP, GUTTER = 24, 10, 112  # around everything; between things; the column of pool names
CARD_WIDE, CARD_HIGH, TALLEST = 208, 44, 6  # a cell with more cards than TALLEST gets more columns of them
TOP, HEAD = 122, 34  # where the grid begins; the height of a zone's heading
TOLD = 8  # problems that are told; of more only the number
LETTER = 6.7  # pixels of one letter of the text at 12 pixels, on average
FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'DejaVu Sans', Arial, sans-serif"
STYLE = f"""
text {{ font-family: {FONT}; fill: #1f2328; font-size: 12px }}
.title {{ font-size: 20px; font-weight: 600 }}
.zone {{ font-size: 13px; font-weight: 600 }}
.name {{ font-size: 12.5px; font-weight: 600 }}
.small {{ font-size: 11px; fill: #59636e }}
.panel {{ fill: #f6f8fa; stroke: #d1d9e0 }}
.card {{ fill: #ffffff; stroke: #d1d9e0 }}
.leader {{ stroke: #1f2328; stroke-width: 2 }}
.ok {{ fill: #1a7f37 }} .rest {{ fill: #0969da }} .warn {{ fill: #9a6700 }} .bad {{ fill: #cf222e }}
.none {{ fill: none; stroke: #cf222e; stroke-width: 2 }}
.unseen {{ fill: none; stroke: #59636e; stroke-width: 2; stroke-dasharray: 3 2 }}
"""
SHAPES = {  # in a square of 14 pixels: a disc, a half disc, a triangle, a cross
    Level.OK: '<circle class="ok" cx="7" cy="7" r="6"/>',
    Level.REST: '<path class="rest" d="M7 1a6 6 0 0 0 0 12z"/>'
    '<circle cx="7" cy="7" r="5.4" fill="none" stroke="#0969da" stroke-width="1.4"/>',
    Level.WARN: '<path class="warn" d="M7 0.5L14 13H0z"/>',
    Level.BAD: '<path class="bad" d="M2.6 0L7 4.4 11.4 0 14 2.6 9.6 7 14 11.4 11.4 14 7 9.6 2.6 14 0 11.4 4.4 7 0 2.6z"/>',
}
STAR = "M8 0l2.3 5.3 5.7.5-4.3 3.8 1.3 5.6L8 12.2 3 15.2l1.3-5.6L0 5.8l5.7-.5z"
LEGEND = {Level.OK: "ready", Level.REST: "ready, takes no tasks", Level.WARN: "not there yet, or unsure",
          Level.BAD: "off, down or unreachable"}  # fmt: skip


@dataclass(frozen=True)
class Grid:
    """Where cells are: how many cards stand side by side in one, and each row's place and height."""

    side: int
    tops: tuple[int, ...]
    bottom: int

    @property
    def column(self) -> int:
        """A zone's width, its gap not counted."""
        return self.side * (CARD_WIDE + GAP) + GAP


def svg(drawn: Picture) -> str:
    """The whole document."""
    grid = _grid(drawn)
    wide = max(EDGE * 2 + GUTTER + len(drawn.zones) * (grid.column + GAP) - GAP, 720)
    body = [*_head(drawn, wide), *_zones(drawn, grid), *_rows(drawn, grid)]
    y = grid.bottom + 30
    notes = list(_notes(drawn, wide))
    for line in notes:
        body.append(line.format(y=y))
        y += 20
    body += _legend(y + (8 if notes else 0))
    high = y + (8 if notes else 0) + 28
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{wide}" height="{high}" viewBox="0 0 {wide} {high}" role="img">\n'
        f"<title>{_safe(drawn.headline)}</title>\n<style>{STYLE}</style>\n"
        f'<rect width="{wide}" height="{high}" rx="10" fill="#ffffff" stroke="#d1d9e0"/>\n'
        + "\n".join(body)
        + "\n</svg>\n"
    )


def _grid(drawn: Picture) -> Grid:
    most = max((len(cell) for row in drawn.rows for cell in row.cells.values()), default=0)
    side = min(3, max(1, -(-most // TALLEST)))
    tops, y = [], TOP + HEAD
    for row in drawn.rows:
        tops.append(y)
        tallest = max((-(-len(cell) // side) for cell in row.cells.values()), default=0)
        y += max(1, tallest) * (CARD_HIGH + GAP) + GAP
    return Grid(side, tuple(tops), y)


def _head(drawn: Picture, wide: int) -> Iterator[str]:
    name, _, told = drawn.headline.partition(": ")
    yield _text(EDGE, EDGE + 16, name, "title")
    yield _text(EDGE, EDGE + 38, told.partition(": ")[2] or told, "small")
    level = Level.OK if drawn.healthy else Level.BAD if drawn.made else Level.WARN
    word = "healthy" if drawn.healthy else "not healthy" if drawn.made else "no swarm yet"
    yield f'<g transform="translate({wide - EDGE - 118} {EDGE})">'
    yield f'<rect class="{level}" width="118" height="26" rx="13"/>'
    yield f'<text x="59" y="17.5" text-anchor="middle" font-weight="600" style="fill:#ffffff">{word}</text></g>'
    if drawn.made:
        yield from _seats(drawn)


def _seats(drawn: Picture) -> Iterator[str]:
    """A square for each manager, filled where it is reachable, dashed where nobody told; a bar: how many are needed."""
    quorum, y = drawn.quorum, EDGE + 54
    x = EDGE + 52
    yield _text(EDGE, y + 13, "quorum", "small")
    for seat in range(quorum["managers"]):
        hollow = "none" if drawn.seen else "unseen"
        style = f'class="{drawn.level}"' if seat < quorum["reachable"] else f'class="{hollow}"'
        yield f'<rect {style} x="{x + seat * 20 + 1}" y="{y + 1}" width="14" height="14" rx="3"/>'
    yield f'<rect x="{x + 1}" y="{y + 19}" width="{quorum["needed"] * 20 - 6}" height="2.5" fill="#59636e"/>'
    yield _text(x + quorum["managers"] * 20 + 8, y + 13, drawn.margin)


def _zones(drawn: Picture, grid: Grid) -> Iterator[str]:
    for number, zone in enumerate(drawn.zones):
        x = EDGE + GUTTER + number * (grid.column + GAP)
        yield f'<rect class="panel" x="{x}" y="{TOP}" width="{grid.column}" height="{grid.bottom - TOP}" rx="8"/>'
        yield _text(x + GAP, TOP + 22, cut(f"zone {zone}" if zone else "no zone", 24), "zone")


def _rows(drawn: Picture, grid: Grid) -> Iterator[str]:
    for row, top in zip(drawn.rows, grid.tops, strict=True):
        yield from _pool(row, top, seen=drawn.seen)
        for number, zone in enumerate(drawn.zones):
            left = EDGE + GUTTER + number * (grid.column + GAP) + GAP
            for at, card in enumerate(row.cells[zone]):
                x = left + at % grid.side * (CARD_WIDE + GAP)
                yield from _card(card, x, top + at // grid.side * (CARD_HIGH + GAP))


def _pool(row: Row, top: int, *, seen: bool) -> Iterator[str]:
    yield _text(EDGE, top + 18, cut(row.pool, 13), "zone")
    level = Level.BAD if seen and row.wanted is not None and row.have < row.wanted else None
    have = str(row.have) if seen else "?"
    told = f"{have} of {row.wanted}" if row.wanted is not None else have
    yield _text(EDGE, top + 34, f"{told} in service", f"small {level}" if level else "small")


def _card(card: Card, x: int, y: int) -> Iterator[str]:
    yield f'<g transform="translate({x} {y})"><title>{_safe(card.name)} {_safe(card.address)} {_safe(card.word)}</title>'
    mark = " leader" if card.leader else ""
    yield f'<rect class="card{mark}" width="{CARD_WIDE}" height="{CARD_HIGH}" rx="6"/>'
    yield f'<g transform="translate(10 15)">{SHAPES[card.level]}</g>'
    yield _text(34, 18, cut(card.name, 19 if card.leader else 22), "name")
    word = "leader" if card.leader and card.level in {Level.OK, Level.REST} else card.word
    yield f'<text x="34" y="34" class="small {card.level}" font-weight="600">{_safe(word)}</text>'
    yield f'<text x="{CARD_WIDE - 10}" y="34" class="small" text-anchor="end">{_safe(card.address)}</text>'
    if card.leader:
        yield f'<path transform="translate({CARD_WIDE - 26} 5)" d="{STAR}" fill="#bf8700"/>'
    yield "</g>"


def _notes(drawn: Picture, wide: int) -> Iterator[str]:
    """The problems, wrapped; a line is a template that wants its `y`."""
    room = int((wide - 2 * EDGE - 22) / LETTER)
    told = list(drawn.problems[:TOLD])
    more = len(drawn.problems) - len(told)
    for one in [*told, *([f"and {more} more problems"] if more else [])]:
        for number, line in enumerate(textwrap.wrap(one, room) or [""]):
            mark = "" if number else f'<text x="{EDGE}" y="{{y}}" class="bad" font-weight="700">!</text>'
            yield mark + f'<text x="{EDGE + 16}" y="{{y}}">{_safe(line).replace("{", "{{").replace("}", "}}")}</text>'


def _legend(y: int) -> Iterator[str]:
    x = EDGE
    for level, words in LEGEND.items():
        yield f'<g transform="translate({x} {y - 11}) scale(0.8)">{SHAPES[level]}</g>'
        yield _text(x + 18, y, words, "small")
        x += 40 + int(len(words) * LETTER * 0.92)


def _text(x: int, y: int, words: str, kind: str = "") -> str:
    return f'<text x="{x}" y="{y}"{f" class={chr(34)}{kind}{chr(34)}" if kind else ""}>{_safe(words)}</text>'


def _safe(words: str) -> str:
    """Escaped for XML, without colours and other characters that XML does not allow."""
    return escape("".join(one for one in click.unstyle(words) if one.isprintable()))
