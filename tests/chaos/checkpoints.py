"""Every checkpoint of `up` and `down`, on real engines: kill -9, SIGINT, a full disk; then the same command again.

    python -m tests.chaos.checkpoints --results FILE [--only GLOB] [--mode MODE] [--command up|down] [--every N]
                                      [--parallel N] [--managers N] [--workers N]

Needs root. One JSON line for each trial goes into the results; those that stand there as good are not tried again, so
a sweep that was stopped goes on. The cluster is one manager and one worker: every step of the command line is reached
with it, and a trial takes a third of what three managers take.
"""

from __future__ import annotations

import argparse
import fnmatch
import json
import os
import shutil
import signal
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from tests.chaos import checkpoints_trial as trial
from tests.chaos import results, shares
from tests.chaos.checkpoints_disk import small_disk
from tests.chaos.checkpoints_face import Face
from tests.chaos.checkpoints_trial import Case

FOLDER = Path("/var/tmp/bootstrap-sweep")  # not under /tmp: that may be memory


def main(argv: Sequence[str]) -> int:
    """0 when every trial ended well, also those of earlier runs."""
    wish = _parsed(argv)
    if wish.parallel > 1:
        shares.together("tests.chaos.checkpoints", argv, wish.parallel)
    else:
        _alone(wish)
    return _summary(wish.results)


def _stop(*_: object) -> None:
    """End in order, so that nothing of the cluster stays, and once: another signal does not keep that from ending."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
    sys.exit(143)


def _alone(wish: argparse.Namespace) -> None:
    signal.signal(signal.SIGTERM, _stop)
    name = f"{wish.cluster}{wish.share[0]}"
    with small_disk(FOLDER / name) as root:
        os.environ["BOOTSTRAP_LOCAL_DIR"] = str(root)
        face = Face(name, root, wish.managers, wish.workers)
        try:
            face.do("down")  # what a killed sweep left
            _sweep(wish, face)
        finally:
            face.do("down")
            shutil.rmtree(face.folder)


def _sweep(wish: argparse.Namespace, face: Face) -> None:
    """Every case of this process's share that is not yet in the results."""
    reached, wanted = trial.reference(face)
    done = {one["case"] for one in known(wish.results) if one["ok"]}
    for case in _chosen(wish, reached):
        if case.name not in done:
            outcome = trial.judge(case, face, wanted)
            results.add(wish.results, outcome.document())
            print(("ok   " if not outcome.wrong else "WRONG"), *outcome.times, case.name, flush=True)  # noqa: T201


def _chosen(wish: argparse.Namespace, reached: dict[str, tuple[str, ...]]) -> Iterator[Case]:
    modes = (wish.mode,) if wish.mode else trial.MODES
    commands = (wish.command,) if wish.command else trial.COMMANDS
    found = [one for command in commands for one in trial.cases(command, reached[command], modes)]
    found = [one for one in found if fnmatch.fnmatch(one.checkpoint, wish.only)]
    mine, all_ = wish.share
    return iter(found[:: wish.every][mine::all_])


def known(file: Path) -> list[dict[str, Any]]:
    """What stands in the results; the last line of a case counts."""
    return list({one["case"]: one for one in results.read(file)}.values())


def _summary(file: Path) -> int:
    found = known(file)
    bad = [one for one in found if not one["ok"]]
    seconds = sorted(float(one["times"][-1]) for one in found) or [0.0]
    for one in bad:
        print(json.dumps(one, indent=1))  # noqa: T201 - this is a program
    print(f"{len(found)} trials, {len(bad)} wrong; a trial took {seconds[len(seconds) // 2]} s in the middle")  # noqa: T201
    return 1 if bad or not found else 0


def _parsed(argv: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.checkpoints")
    parser.add_argument("--results", type=Path, required=True)
    parser.add_argument("--only", default="*", metavar="GLOB", help="checkpoints of that name")
    parser.add_argument("--mode", choices=trial.MODES)
    parser.add_argument("--command", choices=trial.COMMANDS)
    parser.add_argument("--every", type=int, default=1, metavar="N", help="every Nth trial")
    parser.add_argument("--parallel", type=int, default=1, metavar="N")
    parser.add_argument("--managers", type=int, default=1)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--cluster", default="cp", help="what the names of its clusters begin with")
    parser.add_argument("--share", type=trial.share, default=(0, 1), metavar="I/N", help=argparse.SUPPRESS)
    return parser.parse_args(argv)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
