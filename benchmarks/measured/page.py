"""The results as a page with tables and a plot, as they came out."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from measured.plot import plot

Results = Sequence[dict[str, Any]]
BUSY = 20.0  # percent of the cores that others may take
STEPS = {"form": "from nothing to healthy", "again": "`up` with nothing to do", "list": "`status`"}
HEAD = """\
# Benchmarks

Written by `benchmarks/swarm.py`, as it came out. It compares `bootstrap` with a *floor*: the same number of hosts of the
same image, with the same memory and disks, formed by a parallel script that was written by hand for just that and knows
nothing else (`benchmarks/measured/floor.py`). Both run in turn, so that a busy moment can hit either; a ratio is the
median of the rounds' own ratios. Seconds are what a person waits. CPU seconds are those of the command, of all that it
starts and of the hosts themselves: they depend far less on what else the machine does.

What each includes:

| | bootstrap | floor |
|---|---|---|
| from nothing to healthy | `bootstrap up --yes`: plan; network, records, hosts; user-data through cloud-init; engine, election, join; labels, availability; until `status` calls it healthy | network, records, hosts, eight at a time; cloud-init enables the engine; `swarm init`, all others join at once; until all are ready; labels |
| `up` with nothing to do | the same command again: reads the inventory, all hosts, and the swarm | each engine is in the swarm (`docker info` on each host), all nodes are ready |
| `status` | every node with its machine, and every problem | `docker node ls` on one manager |

Neither includes the building of the image, nor the removal of the hosts.
"""


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
    yield HEAD
    yield from _machine(found)
    yield from ("", "![seconds to a healthy swarm, by number of hosts](benchmarks.svg)", "")
    yield from ("| hosts | what | bootstrap | floor | ratio | CPU | floor's CPU | ratio | rounds |", "|---" * 9 + "|")
    yield from (_row(one, step, name) for one in found for step, name in STEPS.items())
    yield ""
    yield from _memory(found)
    yield from _idle(found)
    if len(found) > 1:
        yield from (*growth(found), "")
    yield from ("## Aims", "")
    yield from aims(found)


def _machine(found: Results) -> Iterator[str]:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    kernel = platform.release().partition("-")[0]
    yield f"{os.cpu_count()} cores, {memory:.0f} GiB, Linux {kernel}, Python {platform.python_version()}."
    busiest = max(one["form"]["others"] for one in found)
    yield f"While a swarm was formed, other programs took up to {busiest:.0f} % of the cores."
    if busiest > BUSY:
        yield "That is too busy for the seconds to tell much, ratios of few rounds included: go by the CPU seconds."


def _row(one: dict[str, Any], step: str, name: str) -> str:
    row = one[step]
    ours, floor = row["ours"], row["floor"]
    return (
        f"| {one['hosts']} | {name} | {ours['seconds']:.2f} s | {floor['seconds']:.2f} s | {row['seconds_ratio']:.2f} |"
        f" {ours['cpu']:.2f} s | {floor['cpu']:.2f} s | {row['cpu_ratio']:.2f} | {one['rounds']} |"
    )


def _memory(found: Results) -> Iterator[str]:
    yield from ("Peak memory of the command that forms the swarm, or of the largest program that it starts:", "")
    yield from ("| hosts | bootstrap | floor | ratio |", "|---|---|---|---|")
    for one in found:
        ours, floor = (one["form"][who]["peak"] for who in ("ours", "floor"))
        yield f"| {one['hosts']} | {ours:.0f} MiB | {floor:.0f} MiB | {ours / floor:.2f} |"
    yield ""


def _idle(found: Results) -> Iterator[str]:
    yield from ("On a host in a minute in which nothing happens: the agent beside the Docker engine.", "")
    yield "| hosts | on a | agent's memory (PSS) | engine's | agent's CPU (% of a core) | engine's |"
    yield "|---" * 6 + "|"
    for one in found:
        for role in ("manager", "worker"):
            agent, engine = one["idle"][f"{role}_agent"], one["idle"][f"{role}_engine"]
            yield (
                f"| {one['hosts']} | {role} | {agent['memory']:.1f} MiB | {engine['memory']:.1f} MiB |"
                f" {agent['cpu']:.2f} | {engine['cpu']:.2f} |"
            )
    yield ""


def growth(found: Results) -> Iterator[str]:
    """What one more host costs, between the sizes: equal figures mean linear."""
    for small, large in pairwise(found):
        more = large["hosts"] - small["hosts"]
        wall, cpu = (
            [(large["form"][who][what] - small["form"][who][what]) / more for who in ("ours", "floor")]
            for what in ("seconds", "cpu")
        )
        yield (
            f"- From {small['hosts']} to {large['hosts']} hosts, each more costs {wall[0]:.2f} s and {cpu[0]:.2f} s of CPU;"
            f" the floor {wall[1]:.2f} s and {cpu[1]:.2f} s."
        )


def aims(found: Results) -> Iterator[str]:
    """What was wanted, beside what it is."""
    roles = ("manager_agent", "worker_agent")

    def each(value: Callable[[dict[str, Any]], float], form: str) -> str:
        return ", ".join(f"{value(one):{form}} with {one['hosts']}" for one in found)

    yield (
        f"- Form in at most 1.3 times the floor's time: {each(lambda one: one['form']['seconds_ratio'], '.2f')} hosts."
        f" In CPU: {each(lambda one: one['form']['cpu_ratio'], '.2f')}."
    )
    yield f"- `up` with nothing to do, of 30 hosts, in at most 2 s: {each(lambda one: one['again']['ours']['seconds'], '.2f')}."
    worst = each(lambda one: max(one["idle"][role]["memory"] for role in roles), ".1f")
    yield f"- The agent in at most 25 MiB (PSS): {worst}."
    worst = each(lambda one: max(one["idle"][role]["cpu"] for role in roles), ".2f")
    yield f"- The agent with at most 1 % of a core when nothing happens: {worst}."
    yield "- Cost linear in the hosts: see what each more costs."
