"""The results as a page with a table and a plot, as they came out."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

Results = Sequence[dict[str, Any]]
WIDTH, HEIGHT, LEFT, TOP, BOTTOM = 640, 320, 56, 40, 44
STEPS = {"form": "from nothing to healthy", "again": "`up` with nothing to do", "list": "`status`"}


def write(found: Results, folder: Path) -> str:
    """Write benchmarks.md and benchmarks.svg into `folder`; the page's text."""
    text = "\n".join(lines(found)) + "\n"
    for name, content in (("benchmarks.md", text), ("benchmarks.svg", plot(found))):
        path = folder / name
        path.write_text(content, encoding="utf-8")
        os.chown(path, folder.stat().st_uid, folder.stat().st_gid)  # the checkout is not root's
    return text


def lines(found: Results) -> Iterator[str]:
    """The page."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    yield from (
        "# Benchmarks", "",
        "Written by `make bench`, as it came out. Ours is `bootstrap`; the floor is the same hosts of the same image,",
        "formed by a parallel script that was written by hand for just that and knows nothing else",
        "(`benchmarks/measured/floor.py`). Both run in turn on one machine; the ratios are what counts.", "",
        f"{os.cpu_count()} cores, {memory:.0f} GiB, Linux {platform.release().partition('-')[0]}, Python {platform.python_version()}.", "",
        "![seconds to a healthy swarm, by number of hosts](benchmarks.svg)", "",
        "| hosts | what | bootstrap | floor | ratio | rounds |", "|---|---|---|---|---|---|",
    )  # fmt: skip
    for one in found:
        for step, name in STEPS.items():
            row = one[step]
            yield (
                f"| {one['hosts']} | {name} | {row['ours']:.2f} s | {row['floor']:.2f} s |"
                f" {row['ratio']:.2f} | {one['rounds']} |"
            )
    yield from ("", "Peak memory of the command that forms the swarm:", "")
    yield from ("| hosts | bootstrap | floor | ratio |", "|---|---|---|---|")
    for one in found:
        row = one["form"]
        ratio = row["peak"] / row["floor_peak"]
        yield f"| {one['hosts']} | {row['peak']:.0f} MiB | {row['floor_peak']:.0f} MiB | {ratio:.2f} |"
    yield from ("", "On a host, when nothing happens: the agent beside the Docker engine.", "")
    yield from (
        "| hosts | on a | agent's memory (PSS) | engine's | agent's CPU (% of a core) | engine's |",
        "|---|---|---|---|---|---|",
    )
    for one in found:
        for role in ("manager", "worker"):
            agent, engine = one["idle"][f"{role}_agent"], one["idle"][f"{role}_engine"]
            yield (
                f"| {one['hosts']} | {role} | {agent['memory']:.1f} MiB | {engine['memory']:.1f} MiB |"
                f" {agent['cpu']:.2f} | {engine['cpu']:.2f} |"
            )
    yield from ("", *growth(found))


def growth(found: Results) -> Iterator[str]:
    """What one more host costs, between the sizes: equal figures mean linear."""
    for small, large in pairwise(found):
        more = large["hosts"] - small["hosts"]
        ours, floor = ((large["form"][who] - small["form"][who]) / more for who in ("ours", "floor"))
        yield f"- From {small['hosts']} to {large['hosts']} hosts, each more costs {ours:.2f} s; the floor {floor:.2f} s."


def plot(found: Results) -> str:
    """Seconds to a healthy swarm against the number of hosts, as SVG."""
    right = WIDTH - 24
    most = max(max(one["form"]["ours"], one["form"]["floor"]) for one in found) * 1.1
    widest = max(one["hosts"] for one in found)

    def place(hosts: float, seconds: float) -> tuple[float, float]:
        x = LEFT + (right - LEFT) * hosts / widest
        return round(x, 1), round(HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * seconds / most, 1)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" font-size="12">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>',
        f'<text x="{LEFT}" y="22" fill="#222">Seconds from nothing to a healthy swarm</text>',
    ]
    for tick in range(5):
        seconds = most * tick / 4
        _, y = place(0, seconds)
        parts.append(f'<line x1="{LEFT}" x2="{right}" y1="{y}" y2="{y}" stroke="#ddd"/>')
        parts.append(f'<text x="{LEFT - 8}" y="{y + 4}" text-anchor="end" fill="#555">{seconds:.0f}</text>')
    for one in found:
        x, _ = place(one["hosts"], 0)
        parts.append(f'<text x="{x}" y="{HEIGHT - 24}" text-anchor="middle" fill="#555">{one["hosts"]}</text>')
    parts.append(f'<text x="{right}" y="{HEIGHT - 6}" text-anchor="end" fill="#555">hosts</text>')
    for who, colour, name, dash in (("ours", "#0b5fa5", "bootstrap", ""), ("floor", "#a15c00", "floor", "5 4")):
        dots = [place(one["hosts"], one["form"][who]) for one in found]
        line = " ".join(f"{x},{y}" for x, y in dots)
        parts.append(
            f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="2" stroke-dasharray="{dash}"/>'
        )
        parts += [f'<circle cx="{x}" cy="{y}" r="3" fill="{colour}"/>' for x, y in dots]
        y = 22 if who == "ours" else 38
        parts.append(f'<text x="{right}" y="{y}" text-anchor="end" fill="{colour}">{name}</text>')
    return "\n".join([*parts, "</svg>"]) + "\n"
