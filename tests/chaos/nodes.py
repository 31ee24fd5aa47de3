"""Every step of the agent, on real engines: boot, forming, joining and the leader's duties, killed at each of them.

    python -m tests.chaos.nodes --results FILE [--only GLOB] [--history NAME]

Needs root. `founders`: three first managers; at each step all their agents are killed with -9 once and started again by
systemd; and again with the whole machine: the first that comes to the step loses its power there and is switched on.
The deeds of `nodes_deeds`: what each of them makes the agents do, with a kill at each step. The end is healthy, and the
oracle has nothing to say. Each step is tried in the first history that has it. One JSON line for each trial; those that
stand in FILE as good are not tried again. About 100 trials of 20 s: 35 minutes.
"""

from __future__ import annotations

import argparse
import fnmatch
import json
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.chaos import oracle, results
from tests.chaos.candidates import CLAIM, PUBLISH, Candidates, candidates, told
from tests.chaos.history import History
from tests.chaos.nodes_deeds import DEEDS, Patient, patient
from tests.chaos.recorder import inits
from tests.chaos.schedules import say

KILL, POWER = "kill", "power"
COUNT = 3  # first managers
BOUND = 240.0  # seconds to healthy: as for a schedule
BY_HAND = {"demote": "demotion of", "remove": "removal of"}  # what these deeds do to a node that is well
LOST = ("join.take_over", "join.taken_over")  # steps of those who follow a holder that is lost
Failures = list[str]


class Sweep:
    """What was tried, what was not asked for, and where it is written."""

    def __init__(self, file: Path, only: str) -> None:
        self.file, self._only = file, only
        self.reached: set[str] = set()
        self._good = {one["case"] for one in results.read(file) if not one["failures"]}

    def fresh(self, history: str, steps: list[str]) -> list[str]:
        """Those that no history before this one had, in their order; from now on they are known."""
        found = [one for one in steps if one not in self.reached]
        self.reached.update(steps)
        say(f"{history} comes to {len(steps)} steps, first of all to {' '.join(found)}")
        return [one for one in found if fnmatch.fnmatch(one, self._only)]

    def trial(self, history: str, step: str, mode: str, deed: Callable[[str], Failures]) -> None:
        """One trial, unless it stands there as good."""
        case = f"{history} {step} {mode}"
        if case not in self._good:
            self.attempt(case, lambda: deed(step))

    def attempt(self, case: str, deed: Callable[[], Failures]) -> None:
        """Do it and write what came of it, however often it was done before."""
        began = time.monotonic()
        try:
            failures = deed()
        except AssertionError as error:
            failures = [str(error)]
        seconds = round(time.monotonic() - began, 1)
        results.add(self.file, {"case": case, "failures": failures, "seconds": seconds})
        say(f"{'WRONG' if failures else 'ok   '} {seconds} {case} {' '.join(failures)}")


# ---- first managers --------------------------------------------------------------------------------------------------


def founders(sweep: Sweep, name: str) -> None:
    """Three first managers form a swarm, over and over."""
    with tempfile.TemporaryDirectory() as folder, candidates(Path(folder), name, COUNT) as made:
        made.meet(CLAIM, COUNT)
        made.release()
        made.settle()
        steps = sweep.fresh("founders", _undisturbed(made))
        for step in steps:
            sweep.trial("founders", step, KILL, lambda step: _killed(made, step))
            sweep.trial("founders", step, POWER, lambda step: _without_power(made, step))
        for step in sweep.fresh("a lost holder", list(LOST)):
            sweep.trial("founders", step, KILL, lambda step: _after_a_lost_holder(made, step))


def _undisturbed(made: Candidates) -> list[str]:
    """The steps that come to pass when nobody disturbs them."""
    made.begin()
    made.settle()
    time.sleep(5)  # the leader's first rounds
    assert made.verdict() == []
    return list(dict.fromkeys(step for one in made.hosts for step in told(one)))


def _killed(made: Candidates, step: str) -> Failures:
    made.begin(step, mode=KILL)
    made.meet(step, 1)
    made.settle()
    return made.verdict(lost=tuple(made.chaos.managers()))


def _without_power(made: Candidates, step: str) -> Failures:
    made.begin(step)
    first = made.meet(step, 1)[0]
    made.release_but(first)
    made.chaos.kill(first.hostname)
    made.chaos.start(first.hostname)
    made.settle()
    return made.verdict(lost=(first.hostname,))


def _after_a_lost_holder(made: Candidates, step: str) -> Failures:
    made.begin(PUBLISH)
    holder = made.meet(PUBLISH, 1)[0]
    made.wish(f"{step}=kill\n", besides=holder.hostname)
    made.chaos.kill(holder.hostname)
    made.meet(step, 1)
    made.chaos.until("the others have a swarm", lambda: made.control["phase"] == "FORMED", BOUND)
    made.chaos.start(holder.hostname)
    made.settle()
    return made.verdict(lost=tuple(made.chaos.managers()))


# ---- what a cluster that stands does ---------------------------------------------------------------------------------


def duties(sweep: Sweep, name: str, only: str | None) -> None:
    """Each deed once undisturbed, to see its steps, and then with a kill at each of them."""
    with tempfile.TemporaryDirectory() as folder:
        made = patient(Path(folder), name)
        made.down()
        try:
            made.face.up()
            with made.recorder:
                for deed in DEEDS:
                    if only in {None, deed}:
                        _deed(sweep, Patient(made), deed)
        finally:
            made.down()


def _deed(sweep: Sweep, one: Patient, deed: str) -> None:
    one.no_lease()  # what follows a killed trial is no step of this deed
    one.wish("")
    sweep.attempt(f"{deed} undisturbed", lambda: _done(one, deed))
    for step in sweep.fresh(deed, one.told()):
        sweep.trial(deed, step, KILL, lambda step: _disturbed(one, deed, step))


def _disturbed(one: Patient, deed: str, step: str) -> Failures:
    one.wish(step)
    failures = _done(one, deed)
    if step not in one.told():
        failures.append("the step was not reached")
    return failures


def _done(one: Patient, deed: str) -> Failures:
    """Do it, wait until all is well again, and judge what was seen meanwhile."""
    began, first = time.time(), len(one.chaos.recorder.history.generations)
    failures = DEEDS[deed](one)
    time.sleep(3)  # what follows has begun
    one.chaos.until("every machine is one node", lambda: _whole(one), BOUND)
    one.chaos.healthy(BOUND)
    one.chaos.recorder.read_store()
    return failures + list(_seen(one, deed, began, first))


def _whole(one: Patient) -> bool:
    """Whether each machine is a node that is ready, each manager reachable, and no other node is in the list."""
    nodes = one.chaos.status()["nodes"]
    instances = sorted(host.instance for host in one.chaos.hosts())
    ready = all(node["state"] == "ready" and node["reachability"] in {None, "reachable"} for node in nodes)
    return ready and sorted(str(node["instance"]) for node in nodes) == instances


def _seen(one: Patient, deed: str, began: float, first: int) -> Iterator[str]:
    """The oracle's words on the time since then; what was asked for by hand is no fault of the cluster's."""
    whole = one.chaos.recorder.history
    lately = History([sample for sample in whole.samples if sample.at >= began - 5], whole.generations[first:])
    lately.events, lately.deeds = whole.events, whole.deeds
    said = [init for name in one.chaos.managers() for init in inits(name, one.chaos.journal(name))]
    lately.inits = [(at, name) for at, name in said if at >= began]
    for problem in oracle.judge(lately):
        if not (deed in BY_HAND and BY_HAND[deed] in problem):
            yield problem


def main(argv: list[str]) -> int:
    """0 when every trial ended well, also those of earlier runs."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.nodes")
    parser.add_argument("--results", type=Path, required=True, help="one JSON line a trial; it may be there already")
    parser.add_argument("--only", default="*", metavar="GLOB", help="steps of that name")
    parser.add_argument("--history", choices=["founders", *DEEDS])
    parser.add_argument("--cluster", default="nodes", help="what the names of its clusters begin with")
    wish = parser.parse_args(argv)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that nothing of the cluster stays
    sweep = Sweep(wish.results, wish.only)
    if wish.history in {None, "founders"}:
        founders(sweep, f"{wish.cluster}-first")
    if wish.history != "founders":
        duties(sweep, wish.cluster, wish.history)
    found = {one["case"]: one for one in results.read(wish.results)}
    bad = [one for one in found.values() if one["failures"]]
    say("\n".join([*(json.dumps(one) for one in bad), f"{len(found)} trials, {len(bad)} wrong"]))
    return 1 if bad or not found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
