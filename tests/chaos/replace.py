"""`replace` of a live manager, killed or interrupted at each of its steps, and ended by the same command or by `up`.

    python -m tests.chaos.replace [--results FILE] [--managers N] [--only STEP]

Needs root. One JSON line for each trial; those that stand in FILE as good are not done again. All the while a watcher
asks the engines for a commit: a quorum that is away for longer than a change of the leader takes fails the trial. Twelve
trials of about a minute each.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

from bootstrap.checkpoint import VARIABLE
from tests.chaos import results
from tests.chaos.quorum import Quorum
from tests.e2e.face import Face, leader

STEPS = ("replace.surged", "replace.covered", "remove.marked", "replace.renewed")
ENDS = (("kill", "replace"), ("kill", "up"), ("interrupt", "replace"))
CODES = {"kill": -9, "interrupt": 130}
INVENTORY = """\
version: 1
cluster: {name}
provider: local
local: {{memory: 512MiB}}
managers: {{count: {managers}}}
"""


class Trial(NamedTuple):
    """`replace` disturbed at that step in that way, and then ended by that command."""

    step: str
    mode: str
    end: str

    @property
    def name(self) -> str:
        """For people and for the results."""
        return f"{self.step} {self.mode}, then {self.end}"


def main(argv: list[str]) -> int:
    """0 when every trial ended well."""
    parser = argparse.ArgumentParser(prog="tests.chaos.replace")
    parser.add_argument("--managers", type=int, default=3)
    parser.add_argument("--only", choices=STEPS)
    parser.add_argument("--name", default="replaced", help="the cluster's name")
    parser.add_argument("--results", type=Path, help="one JSON line a trial; it may be there already")
    wish = parser.parse_args(argv)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that nothing of the cluster stays
    known = results.read(wish.results) if wish.results else []
    good = {one["case"] for one in known if not one["failures"]}
    trials = [Trial(step, *how) for step in STEPS for how in ENDS if wish.only in {None, step}]
    left = [one for one in trials if one.name not in good]
    ended = _all(left, wish) if left else []
    return 0 if all(not one["failures"] for one in ended) else 1


def _all(trials: list[Trial], wish: argparse.Namespace) -> list[dict[str, Any]]:
    """Each of them, on one cluster that is made for them."""
    ended = []
    with tempfile.TemporaryDirectory() as folder:
        face = Face(Path(folder) / f"{wish.name}.yml")
        face.file.write_text(INVENTORY.format(name=wish.name, managers=wish.managers))
        face.run("down", str(face.file), "--yes", code=None)  # what a killed sweep left
        try:
            face.up()
            for one in trials:
                ended.append(tried(face, one))
                print(json.dumps(ended[-1]), flush=True)  # noqa: T201 - this is a program
                if wish.results:
                    results.add(wish.results, ended[-1])
        finally:
            face.run("down", str(face.file), "--yes", code=None)
    return ended


def tried(face: Face, one: Trial) -> dict[str, Any]:
    """Disturb `replace` of the leader, end it, and judge."""
    before = face.status()
    victim = leader(before)
    began = time.monotonic()
    with Quorum(face) as quorum:
        wish = {VARIABLE: f"{one.step}={one.mode}"}
        first = face.run("replace", str(face.file), victim, "--yes", code=None, env=wish)
        again = face.run(one.end, str(face.file), *([victim] if one.end == "replace" else []), "--yes", code=None)
    failures = judge(before, face.status(), victim, face)
    failures += [f"the disturbed run ended with {first.returncode}"] if first.returncode != CODES[one.mode] else []
    failures += [again.stderr.strip()[-400:]] if again.returncode else []
    failures += quorum.problems
    seconds, gap = round(time.monotonic() - began, 1), round(quorum.longest, 1)
    return {"case": one.name, "failures": failures, "seconds": seconds, "gap": gap}


def judge(before: Any, after: Any, victim: str, face: Face) -> list[str]:
    """What is not as it should be: healthy, the same swarm, the same managers by name, nothing left to do."""
    names = [sorted(node["hostname"] for node in one["nodes"]) for one in (before, after)]
    plan = face.json("plan")
    checks = {
        f"not healthy: {after['problems']}": after["healthy"],
        f"nodes {names[1]}": names[0] == names[1],
        "another swarm": before["swarm_id"] == after["swarm_id"],
        f"{victim} is missing": victim in names[1],
        f"the plan is not empty: {plan['changes']}": plan["changes"] == [],
    }
    return [problem for problem, well in checks.items() if not well]


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
