"""Lines over the number of hosts, as SVG."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

WIDTH, HEIGHT, LEFT, TOP, BOTTOM = 640, 320, 56, 40, 44
RIGHT = WIDTH - 24
LOOKS = {"ours": ("#0b5fa5", "bootstrap", ""), "floor": ("#a15c00", "floor", "5 4")}


def plot(found: Sequence[dict[str, Any]]) -> str:
    """Seconds to a healthy swarm against the number of hosts; both axes begin at 0."""
    marks = ticks(max(one["form"][who]["seconds"] for one in found for who in LOOKS))
    widest = max(one["hosts"] for one in found)

    def place(hosts: float, seconds: float) -> tuple[float, float]:
        x = LEFT + (RIGHT - LEFT) * hosts / widest
        return round(x, 1), round(HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * seconds / marks[-1], 1)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" font-size="12">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>',
        f'<text x="{LEFT}" y="22" fill="#222">Seconds from nothing to a healthy swarm</text>',
    ]
    for seconds in marks:
        _, y = place(0, seconds)
        parts.append(f'<line x1="{LEFT}" x2="{RIGHT}" y1="{y}" y2="{y}" stroke="#ddd"/>')
        parts.append(f'<text x="{LEFT - 8}" y="{y + 4}" text-anchor="end" fill="#555">{seconds:g}</text>')
    for one in found:
        x, _ = place(one["hosts"], 0)
        parts.append(f'<text x="{x}" y="{HEIGHT - 24}" text-anchor="middle" fill="#555">{one["hosts"]}</text>')
    parts.append(f'<text x="{RIGHT}" y="{HEIGHT - 6}" text-anchor="end" fill="#555">hosts</text>')
    for number, who in enumerate(LOOKS):
        parts += _line(who, [place(one["hosts"], one["form"][who]["seconds"]) for one in found], 22 + 16 * number)
    return "\n".join([*parts, "</svg>"]) + "\n"


def ticks(most: float) -> list[float]:
    """From 0 to `most` seconds or a bit more, in at most five steps of 1, 2 or 5 times a power of ten."""
    power = 10.0 ** math.floor(math.log10(most / 5))
    step = next(times * power for times in (1, 2, 5, 10) if 5 * times * power >= most)
    return [number * step for number in range(math.ceil(most / step) + 1)]


def _line(who: str, dots: Sequence[tuple[float, float]], at: int) -> Iterator[str]:
    """One line with its dots, and its name at that height."""
    colour, name, dash = LOOKS[who]
    points = " ".join(f"{x},{y}" for x, y in dots)
    yield f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2" stroke-dasharray="{dash}"/>'
    yield from (f'<circle cx="{x}" cy="{y}" r="3" fill="{colour}"/>' for x, y in dots)
    yield f'<text x="{RIGHT}" y="{at}" text-anchor="end" fill="{colour}">{name}</text>'
