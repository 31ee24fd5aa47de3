"""Every checkpoint of the commands that change a cluster that stands: `scale`, `remove`, `replace`, and `up` that mends,
changes and takes away. Kill -9 or SIGINT at each, then the same command: the end equals that of an undisturbed run.

    python -m tests.chaos.changes --results FILE [--only GLOB] [--move NAME] [--every N] [--parallel N]

Needs root. One JSON line for each trial; those that stand in FILE as good are not tried again. Kill is tried at the
first and the last time of each step in each move; SIGINT in the first move that reaches the step. The disk is not
filled here: the nodes that stand on it would lose theirs, which the trials of `fill` are for.
About 500 trials of 12 s: 50 minutes for two at once.
"""

from __future__ import annotations

import argparse
import fnmatch
import json
import shutil
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from itertools import chain, zip_longest
from pathlib import Path
from typing import Any

from bootstrap.lab import paths
from tests.chaos import checkpoints_state as state
from tests.chaos import checkpoints_trial as trial
from tests.chaos import results, shares
from tests.chaos.changes_moves import MOVES, Move, go
from tests.chaos.checkpoints_face import Face
from tests.chaos.checkpoints_trial import INTERRUPT, KILL, Case

Plans = dict[str, list[Case]]


class Sweep:
    """One cluster, and what is known of it: the state that it is in, and the end of each undisturbed move."""

    def __init__(self, face: Face) -> None:
        self.face = face
        self.reached: dict[str, tuple[str, ...]] = {}
        self._now = ""
        self._wanted: dict[str, state.State] = {}

    def learn(self, move: Move) -> None:
        """Carry it out undisturbed: which steps it has, and how it ends."""
        self._begin(move)
        done = move.run(self.face)
        assert done.code == 0, f"{move.name}: {done.stderr}"
        time.sleep(3)  # what nodes write once after they have joined is there
        faults = trial.settled(
            lambda: {key: told for key, told in state.of_cluster(self.face).items() if key == "faults" and told}
        )
        assert not faults, f"{move.name}: {faults}"
        self.reached[move.name], self._wanted[move.name] = done.reached, state.of_cluster(self.face)
        self._now = move.ends

    def judge(self, move: Move, case: Case) -> dict[str, Any]:
        """One trial as a line of the results. A cluster that cannot be brought to its beginning fails it too."""
        began = time.monotonic()
        try:
            self._begin(move)
        except AssertionError as error:
            seconds = round(time.monotonic() - began, 1)
            return {"case": case.name, "codes": [], "seconds": seconds, "wrong": {"begin": str(error)[-2000:]}}
        began = time.monotonic()
        first = move.run(self.face, at=f"{case.checkpoint}:{case.number}={case.mode}")
        wrong = {f"first: {word}": told for word, told in trial.said(case, first)}
        again = move.run(self.face)
        if again.code not in move.again:
            wrong["again"] = [again.code, again.stderr[-2000:]]
        else:
            wanted = self._wanted[move.name]
            wrong |= trial.settled(lambda: state.differences(wanted, state.of_cluster(self.face)))
        seconds = round(time.monotonic() - began, 1)
        self._now = "" if wrong else move.ends
        return {"case": case.name, "codes": [first.code, again.code], "seconds": seconds, "wrong": wrong}

    def _begin(self, move: Move) -> None:
        if not self._now:
            self.face.do("down")
            go(self.face, "other")  # a group that was ever made stays, empty: from now on all of them are there
        if self._now != move.begins:
            go(self.face, move.begins)
        self._now = ""  # until it has ended well
        move.prepare(self.face)


def plans(reached: dict[str, tuple[str, ...]]) -> Plans:
    """The trials of each move, by its name."""
    interrupted: set[str] = set()
    found: Plans = {}
    for name, steps in reached.items():
        modes = (KILL, INTERRUPT)
        every = [
            one for one in trial.cases(name, steps, modes) if one.mode == KILL or one.checkpoint not in interrupted
        ]
        found[name] = every
        interrupted |= set(steps)
    return found


def main(argv: Sequence[str]) -> int:
    """0 when every trial ended well, also those of earlier runs."""
    wish = _parsed(argv)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    if wish.parallel > 1:
        shares.together("tests.chaos.changes", argv, wish.parallel)
    else:
        _alone(wish)
    found = {one["case"]: one for one in results.read(wish.results)}
    bad = [one for one in found.values() if one["wrong"]]
    print(*(json.dumps(one, indent=1) for one in bad), f"{len(found)} trials, {len(bad)} wrong", sep="\n")  # noqa: T201
    return 1 if bad or not found else 0


def _alone(wish: argparse.Namespace) -> None:
    face = Face(f"{wish.cluster}{wish.share[0]}", paths.root())
    sweep = Sweep(face)
    moves = {one.name: one for one in MOVES if wish.move in {None, one.name}}
    try:
        for move in moves.values():
            sweep.learn(move)
        good = {one["case"] for one in results.read(wish.results) if not one["wrong"]}
        for case in _chosen(wish, plans(sweep.reached)):
            if case.name not in good:
                outcome = sweep.judge(moves[case.command], case)
                results.add(wish.results, outcome)
                print("WRONG" if outcome["wrong"] else "ok   ", outcome["seconds"], case.name, flush=True)  # noqa: T201
    finally:
        face.do("down")
        shutil.rmtree(face.folder)


def _chosen(wish: argparse.Namespace, found: Plans) -> Iterator[Case]:
    """This process's share: one of each move in turn, so that most begin where the one before ended."""
    mine, all_ = wish.share
    shares = [
        [one for one in cases if fnmatch.fnmatch(one.checkpoint, wish.only)][:: wish.every][mine::all_]
        for cases in found.values()
    ]
    return (one for one in chain.from_iterable(zip_longest(*shares)) if one)


def _parsed(argv: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.changes")
    parser.add_argument("--results", type=Path, required=True)
    parser.add_argument("--only", default="*", metavar="GLOB", help="checkpoints of that name")
    parser.add_argument("--move", choices=[one.name for one in MOVES])
    parser.add_argument("--every", type=int, default=1, metavar="N", help="every Nth trial of each move")
    parser.add_argument("--parallel", type=int, default=1, metavar="N")
    parser.add_argument("--cluster", default="changed", help="what the names of its clusters begin with")
    parser.add_argument("--share", type=trial.share, default=(0, 1), metavar="I/N", help=argparse.SUPPRESS)
    return parser.parse_args(argv)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
