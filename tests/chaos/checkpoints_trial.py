"""One trial: a command is disturbed at one checkpoint, the same command runs again, and the end is looked at."""

from __future__ import annotations

import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

from tests.chaos import checkpoints_disk as disk
from tests.chaos import checkpoints_state as state
from tests.chaos.checkpoints_face import Ended, Face

KILL, INTERRUPT, FULL = "kill", "interrupt", "full-disk"
MODES = (KILL, INTERRUPT, FULL)
COMMANDS = ("up", "down")
PATIENCE = "20s"  # what `up` waits for machines whose disk is full: they cannot come
SETTLE = 120.0  # seconds for what nodes, or the kernel, do by themselves after a command has ended
PAUSE = 3.0  # seconds between two looks that are to be alike: what nodes write once after they have joined is there
POLLED = "wait."  # steps of a loop that waits: how often they come, if at all, is another each time
LIES = ("Traceback", "this is a fault of bootstrap")


@dataclass(frozen=True, order=True)
class Case:
    """`command` disturbed in this way when it reaches the checkpoint for the `number`th time."""

    command: str
    checkpoint: str
    number: int
    mode: str

    @property
    def name(self) -> str:
        """For people and for the results: `up host.disk:2 kill`."""
        return f"{self.command} {self.checkpoint}:{self.number} {self.mode}"


@dataclass(frozen=True)
class Outcome:
    """How a trial ended: nothing in `wrong` is a success. `codes` are those of the two runs.

    `times` are the seconds of the first run, of the second, and of the whole trial.
    """

    case: Case
    codes: tuple[int, int]
    times: tuple[float, ...]
    wrong: dict[str, Any] = field(default_factory=dict)

    def document(self) -> dict[str, Any]:
        """As a line of the results."""
        return {**asdict(self), "case": self.case.name, "ok": not self.wrong}


def cases(command: str, reached: tuple[str, ...], modes: tuple[str, ...] = MODES) -> Iterator[Case]:
    """Each checkpoint that an undisturbed run reached, the first time and, where it came again, the last time."""
    for name, times in Counter(reached).items():
        for number in sorted({1, 1 if name.startswith(POLLED) else times}):
            yield from (Case(command, name, number, mode) for mode in modes)


def judge(case: Case, face: Face, wanted: state.State) -> Outcome:
    """Carry the trial out on a machine where nothing of the cluster is, and leave nothing of it."""
    began = time.monotonic()
    if case.command == "down":
        face.do("up")
    wrong: dict[str, Any] = {}
    first = disturbed(case, face)
    after = time.monotonic()
    wrong |= {f"first: {word}": said for word, said in said(case, first)}
    second = face.do(case.command)
    again = time.monotonic()
    if second.code != 0:
        wrong["again"] = [second.code, second.stderr[-2000:]]
    elif case.command == "up":
        wrong |= settled(lambda: state.differences(wanted, state.of_cluster(face)))
        wrong |= _removed(face)
    else:
        wrong |= settled(lambda: state.leftovers(face.cluster))
    if wrong:
        _removed(face)
    times = tuple(round(one, 1) for one in (after - began, again - after, time.monotonic() - began))
    return Outcome(case, (first.code, second.code), times, wrong)


def disturbed(case: Case, face: Face) -> Ended:
    """The command's first run. A disk is full from the checkpoint until the command has ended."""
    place = f"{case.checkpoint}:{case.number}"
    if case.mode != FULL:
        return face.do(case.command, at=f"{place}={case.mode}")
    try:
        return face.do(case.command, at=f"{place}=hold", held=lambda: disk.fill(face.root), patience=PATIENCE)
    finally:
        disk.free(face.root)


def said(case: Case, first: Ended) -> Iterator[tuple[str, Any]]:
    """What is wrong with how the disturbed run ended."""
    if case.checkpoint.startswith(POLLED) and case.checkpoint not in first.reached and first.code == 0:
        return  # there was nothing to wait for
    allowed = {KILL: {-signal.SIGKILL}, INTERRUPT: {0, 130}, FULL: {0, 1}}[case.mode]
    if first.code not in allowed:
        yield "code", [first.code, first.stderr[-2000:]]
    if case.checkpoint not in first.reached:
        yield "not reached", case.checkpoint
    if any(lie in first.stderr for lie in LIES):
        yield "told as a bug", first.stderr[-2000:]
    if first.code in {1, 130} and not ("error: " in first.stderr and "hint: " in first.stderr):
        yield "no error and hint", first.stderr[-2000:]


def settled(look: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """What is wrong still, when everybody had time."""
    end = time.monotonic() + SETTLE
    while (found := look()) and time.monotonic() < end:
        time.sleep(1)
    return found


def _removed(face: Face) -> dict[str, Any]:
    """Take the cluster down; what is left of it."""
    done = face.do("down")
    found = settled(lambda: state.leftovers(face.cluster))
    if done.code != 0:
        found["down"] = [done.code, done.stderr[-2000:]]
    return found


def share(text: str) -> tuple[int, int]:
    """`1/2` is the second of two shares."""
    mine, _, all_ = text.partition("/")
    return int(mine), int(all_)


def reference(face: Face) -> tuple[dict[str, tuple[str, ...]], state.State]:
    """An undisturbed `up` and `down`: the checkpoints that each reached, and the end state of `up`."""
    up = face.do("up")
    assert up.code == 0, up.stderr
    wanted = _at_rest(face)
    assert not wanted["faults"], wanted["faults"]
    down = face.do("down")
    assert down.code == 0, down.stderr
    left = settled(lambda: state.leftovers(face.cluster))
    assert not left, left
    return {"up": up.reached, "down": down.reached}, wanted


def _at_rest(face: Face) -> state.State:
    """The cluster when it is healthy and two looks are alike; the last look where that does not come about."""
    end, last = time.monotonic() + SETTLE, state.of_cluster(face)
    while time.monotonic() < end:
        time.sleep(PAUSE)
        found = state.of_cluster(face)
        if found == last and found["healthy"]:
            return found
        last = found
    return last
