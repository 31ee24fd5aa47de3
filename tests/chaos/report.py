"""Puts results into `docs/chaos.md` as they came out: `python -m tests.chaos.report --results FOLDER --to FILE`.

FOLDER has `checkpoints.jsonl`, `election.jsonl` and `schedules.jsonl`, as far as they were run; one JSON line a trial.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from tests.chaos import results

Outcome = dict[str, Any]
NAMES = ("seed", "round", "case")  # a trial has one of them
HEAD = """\
# What `make chaos` found

Written by `make chaos` as it came out; nothing here is typed by hand. Every host is a real Debian with its own systemd and
Docker engine, on one machine. An oracle outside the cluster records every engine, disk and generation of the control
object once a second and judges what happened (`tests/chaos/oracle.py`): one swarm is ever published, nobody makes a second
one, no live node is demoted or removed, those who stay after a removal are quorate, one change at a time, and in the end no
ghost, and the published token is the live one.
"""
NOTES = """
A schedule is a minute of 8 to 20 random faults: kill, pause, cut, partition, full disk, wipe, reboot, kill -9 of engine or
agent, `rotate-tokens`, `up`, two `up` at once, `scale`. Then all is mended, and *to healthy* counts from there until
`bootstrap status` says healthy. One thing is left out: a manager's disk is wiped only while all managers are well, since a
majority of lost disks is a loss that no program mends. In an election five managers are held before they claim and let go
together; the seconds are those until all five are in one swarm.

Again: `make chaos`, or one seed: `python -m tests.chaos.schedules --seeds 7 --results FILE`.
"""


class Kind(NamedTuple):
    """One file of results: what a line is, and which of its keys is the time that counts."""

    file: str
    name: str
    time: str
    of: str


KINDS = (
    Kind("checkpoints.jsonl", "checkpoints of `up` and `down`: kill -9, SIGINT, full disk", "seconds", "for both runs"),
    Kind("election.jsonl", "elections among five first managers, released at once", "seconds", "to one swarm"),
    Kind("schedules.jsonl", "random fault schedules of 60 s", "healthy_after_s", "to healthy"),
)


def page(folder: Path, when: str, machine: str) -> str:
    """The whole document."""
    found = [(kind, outcomes(folder / kind.file)) for kind in KINDS]
    lines = [
        HEAD,
        f"Run {when} on {machine}.\n",
        "| what | how many | failed | median | slowest | seconds |",
        "|---|---|---|---|---|---|",
    ]
    lines += [row(kind, trials) for kind, trials in found]
    failed = [line for kind, trials in found for line in failures(kind, trials)]
    lines += ["\n## Failures\n", *(failed or ["None."])]
    lines += ["", *schedules(outcomes(folder / "schedules.jsonl"))]
    return "\n".join(lines) + NOTES


def outcomes(file: Path) -> list[Outcome]:
    """What stands in a file of results, each trial once: the last time that it was tried counts."""
    found = {str([one.get(key) for key in NAMES]): one for one in results.read(file)}
    return [{**one, "seconds": one["times"][-1]} if "times" in one else one for one in found.values()]


def row(kind: Kind, trials: list[Outcome]) -> str:
    """One line of the table; a part that was not run says so."""
    if not trials:
        return f"| {kind.name} | not run | | | | |"
    times = [float(one[kind.time]) for one in trials if one.get(kind.time) is not None]
    middle, most = (f"{statistics.median(times):.1f}", f"{max(times):.1f}") if times else ("", "")
    return f"| {kind.name} | {len(trials)} | {sum(map(bool, map(wrong, trials)))} | {middle} | {most} | {kind.of} |"


def wrong(outcome: Outcome) -> list[str]:
    """What failed in one trial."""
    told = outcome.get("wrong") or {}
    return [*outcome.get("failures", []), *(f"{key}: {value}" for key, value in told.items())]


def failures(kind: Kind, trials: list[Outcome]) -> Iterator[str]:
    """One line for each trial that failed."""
    for one in trials:
        if wrong(one):
            name = next(f"{key} {one[key]}" for key in NAMES if key in one)
            yield f"- {kind.file.partition('.')[0]}, {name}: {'; '.join(wrong(one))}"


def schedules(trials: list[Outcome]) -> Iterator[str]:
    """Which seeds there were and how each ended."""
    if not trials:
        return
    yield "## The seeds\n"
    yield "| seed | faults | demotions and removals | s to healthy | failed |"
    yield "|---|---|---|---|---|"
    for one in sorted(trials, key=lambda one: int(one["seed"])):
        ended = "yes" if wrong(one) else ""
        yield f"| {one['seed']} | {len(one['schedule'])} | {len(one['changes'])} | {one['healthy_after_s']} | {ended} |"


def main() -> int:
    """Write it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--results", type=Path, required=True)
    parser.add_argument("--to", type=Path, required=True)
    options = parser.parse_args()
    machine = f"{os.cpu_count()} cores, Linux {platform.release().partition('-')[0]}"
    options.to.write_text(page(options.results, time.strftime("%Y-%m-%d", time.gmtime()), machine))
    return 0


if __name__ == "__main__":
    sys.exit(main())
