"""Puts results into `docs/chaos.md` as they came out: `python -m tests.chaos.report --results FOLDER --to FILE`.

FOLDER has the files that KINDS and MACHINES name, as far as they were run; one JSON line a trial.
"""

from __future__ import annotations

import argparse
import os
import platform
import re
import statistics
import sys
import textwrap
import time
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from tests.chaos import checkpoints_names, results

Outcome = dict[str, Any]
NAMES = ("machine", "seed", "round", "case")  # what a trial is known by
MACHINES = "machines.jsonl"
HEAD = """\
# What `make chaos` found

Written by `make chaos` as it came out; nothing here is typed by hand. Every host is a real Debian with its own systemd and
Docker engine, on one machine. An oracle outside the cluster records every engine, disk and generation of the control
object once a second and judges what happened (`tests/chaos/oracle.py`): one swarm is ever published, nobody makes a second
one, no live node is demoted or removed, those who stay after a removal are quorate, one change at a time, and in the end no
ghost, and the published token is the live one.
"""
NOTES = """
Every step of the program has a name (`tests/golden/checkpoints.txt`); at each the run is killed or interrupted, and then
the same command runs again: the end must be that of a run that nobody disturbed. The disk is filled at every step of `up`
and `down` of a new cluster, not in the commands that change one that stands: its nodes would lose theirs as well, which
`fill` in the schedules is for. The agent is killed at each of its steps, systemd starts it again, and all must become
healthy; among first managers also the whole machine loses its power at each step and comes back.

A state machine plays random steps and faults on the agent's real code, over engines and a store that remember; an example
has up to 50 steps. That it would see a fault is shown in every CI run, by mutants put into the real code
(`tests/agent/mutants.py`).

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
    Kind("changes.jsonl", "checkpoints of `scale`, `remove`, `replace` and `up` of a cluster that stands: kill -9, SIGINT",
         "seconds", "for both runs"),
    Kind("replace.jsonl", "`replace` of the leader, cut short at each of its own steps", "seconds", "for both runs"),
    Kind("nodes.jsonl", "steps of the agent: boot, forming, joining, duties of the leader: kill -9, power cut", "seconds",
         "to healthy"),
    Kind("election.jsonl", "elections among five first managers, released at once", "seconds", "to one swarm"),
    Kind("schedules.jsonl", "random fault schedules of 60 s", "healthy_after_s", "to healthy"),
)  # fmt: skip


def page(folder: Path, when: str, machine: str) -> str:
    """The whole document."""
    found = [(kind.file, outcomes(folder / kind.file)) for kind in KINDS]
    examples = outcomes(folder / MACHINES)
    lines = [
        HEAD,
        f"Run {when} on {machine}, {commits([*(one for _, trials in found for one in trials), *examples])}.\n",
        "| what | how many | failed | median | slowest | seconds |",
        "|---|---|---|---|---|---|",
    ]
    lines += [row(kind, trials) for kind, (_, trials) in zip(KINDS, found, strict=True)]
    lines += ["", *machines(examples)]
    lines += ["\n## Steps\n", *steps([one for _, trials in found for one in trials])]
    failed = [line for file, trials in [*found, (MACHINES, examples)] for line in failures(file, trials)]
    lines += ["\n## Failures\n", *(failed or ["None."])]
    lines += ["", *schedules(outcomes(folder / "schedules.jsonl"))]
    return "\n".join(lines).rstrip() + "\n" + NOTES


def commits(trials: list[Outcome]) -> str:
    """On which commit, or how many of the trials on which."""
    counts = Counter(str(one.get("commit") or "not recorded") for one in trials)
    if len(counts) == 1:
        (only,) = counts
        return "commit not recorded" if only == "not recorded" else f"all on commit {only}"
    return "trials by commit: " + (", ".join(f"{name} {count}" for name, count in counts.items()) or "none")


def steps(trials: list[Outcome]) -> Iterator[str]:
    """How many of the named steps a run on real engines was disturbed at, and which were not."""
    names = named()
    tried = {word for one in trials for word in re.split("[ :]", str(one.get("case", ""))) if word in names}
    left = [f"`{name}`" for name in sorted(names - tried)]
    yield f"On real engines {len(tried)} of the {len(names)} named steps were tried; in memory all, in every CI run, but for"
    yield "those that `ELSEWHERE` names in `tests/chaos/test_checkpoints*.py`."
    if left:
        why = "Not tried here, since their piece was not run or what they are for did not happen: "
        yield textwrap.fill(f"{why}{', '.join(left)}.", 120, break_on_hyphens=False, break_long_words=False)


@cache
def named() -> frozenset[str]:
    """Every step of the program, as its source has them now."""
    return frozenset([*checkpoints_names.on_the_machine(), *checkpoints_names.on_a_node()])


def machines(trials: list[Outcome]) -> Iterator[str]:
    """How much each state machine has played; `failed` counts pieces, of which each has a seed of its own."""
    yield "| state machine over the real agent | examples | steps of each | pieces | failed | seconds |"
    yield "|---|---|---|---|---|---|"
    for name in sorted({one["machine"] for one in trials}):
        mine = [one for one in trials if one["machine"] == name]
        examples, seconds = (sum(one[key] for one in mine) for key in ("examples", "seconds"))
        bad = sum(map(bool, map(wrong, mine)))
        yield f"| {name} | {examples} | {mine[0]['steps']} | {len(mine)} | {bad} | {seconds:.0f} |"
    if not trials:
        yield "| all | not run | | | | |"


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


def failures(file: str, trials: list[Outcome]) -> Iterator[str]:
    """One line for each trial that failed; what the machines said then stands in the results."""
    for one in trials:
        if wrong(one):
            name = ", ".join(f"{key} {one[key]}" for key in NAMES if key in one)
            told = "; ".join(what.partition("\n")[0] for what in wrong(one))
            yield f"- {file.partition('.')[0]}, {name}: {told}"


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
