"""`replace` of a live manager, killed with -9 at each of its steps, and ended by the same command or by `up`.

    python -m tests.chaos.replace [--managers N] [--only STEP]

Needs root. One line for each trial; 0 when all ended well. All the while a watcher asks the engines for a commit: a
quorum that is away for longer than a change of the leader takes fails the trial.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from bootstrap.checkpoint import VARIABLE
from tests.chaos.quorum import Quorum
from tests.e2e.face import Face, leader

STEPS = ("replace.surged", "replace.covered", "remove.marked", "replace.renewed")
ENDS = ("replace", "up")
KILLED = -9
INVENTORY = """\
version: 1
cluster: freplace
provider: local
local: {{memory: 512MiB}}
managers: {{count: {managers}}}
"""


def main(argv: list[str]) -> int:
    """0 when every trial ended well."""
    parser = argparse.ArgumentParser(prog="tests.chaos.replace")
    parser.add_argument("--managers", type=int, default=3)
    parser.add_argument("--only", choices=STEPS)
    wish = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as folder:
        face = Face(Path(folder) / "freplace.yml")
        face.file.write_text(INVENTORY.format(managers=wish.managers))
        try:
            face.up()
            trials = [(step, end) for step in STEPS for end in ENDS if wish.only in {None, step}]
            ended = [trial(face, step, end) for step, end in trials]
        finally:
            face.run("down", str(face.file), "--yes", code=None)
    return 0 if all(ended) else 1


def trial(face: Face, step: str, end: str) -> bool:
    """Kill `replace` of the leader at the step, end it, and judge."""
    before = face.status()
    victim = leader(before)
    began = time.monotonic()
    with Quorum(face) as quorum:
        killed = face.run("replace", str(face.file), victim, "--yes", code=None, env={VARIABLE: f"{step}=kill"})
        again = face.run(end, str(face.file), *([victim] if end == "replace" else []), "--yes", code=None)
    document = face.status()
    problems = judge(before, document, victim, face)
    problems += [f"killed run ended with {killed.returncode}"] if killed.returncode != KILLED else []
    problems += [again.stderr.strip()[-400:]] if again.returncode else []
    problems += quorum.problems
    seconds = round(time.monotonic() - began, 1)
    told = {"step": step, "end": end, "seconds": seconds, "gap": round(quorum.longest, 1), "problems": problems}
    print(json.dumps(told), flush=True)  # noqa: T201 - the script's result
    return not problems


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
