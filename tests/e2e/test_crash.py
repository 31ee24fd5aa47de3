"""`up` and `down` cut short on real engines, and the same command again: the end state equals an undisturbed run's.

A sample, chosen by the commit, so that each commit tries other steps; `make chaos` tries them all.
"""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.chaos import checkpoints_trial as trial
from tests.chaos.checkpoints_disk import small_disk
from tests.chaos.checkpoints_face import Face
from tests.chaos.checkpoints_state import State
from tests.chaos.checkpoints_trial import FULL, INTERRUPT, KILL, Case

pytestmark = [pytest.mark.lab, pytest.mark.slow]
ALWAYS = (Case("up", "host.disk", 1, KILL), Case("down", "host.unplugged", 1, KILL))
SHARED = "sysctl."  # steps of the first cluster of this machine, and of the last: another test's may be there or not
Reached = dict[str, tuple[str, ...]]


@pytest.fixture(scope="module")
def face() -> Iterator[Face]:
    """A cluster of its own, on a disk of its own that can be filled; /tmp may be memory, and pytest tidies there."""
    folder = Path(tempfile.mkdtemp(prefix="bootstrap-crash-", dir="/var/tmp"))
    with small_disk(folder) as root, pytest.MonkeyPatch.context() as patch:
        patch.setenv("BOOTSTRAP_LOCAL_DIR", str(root))
        face = Face("crash", root)
        try:
            yield face
        finally:
            face.do("down")
            shutil.rmtree(face.folder)


@pytest.fixture(scope="module")
def undisturbed(face: Face) -> tuple[Reached, State]:
    """The checkpoints that `up` and `down` reach, and what stands after an `up` that nobody disturbed."""
    return trial.reference(face)


@pytest.fixture
def room(face: Face, monkeypatch: pytest.MonkeyPatch) -> Face:
    """The cluster, in the folder that its commands use."""
    monkeypatch.setenv("BOOTSTRAP_LOCAL_DIR", str(face.root))
    return face


def seed() -> str:
    """The commit, or always the same where there is none."""
    here = Path(__file__).parent
    done = subprocess.run(["git", "rev-parse", "HEAD"], cwd=here, capture_output=True, text=True, check=False)
    return os.environ.get("CHAOS_SEED") or done.stdout.strip() or "no commit"


def chosen(reached: Reached, command: str, mode: str) -> Case:
    """One trial of that kind."""
    own = tuple(name for name in reached[command] if not name.startswith(SHARED))
    return random.Random(f"{seed()} {command} {mode}").choice(list(trial.cases(command, own, (mode,))))


@pytest.mark.parametrize("case", ALWAYS, ids=lambda case: case.name)
def test_killed_in_the_middle(room: Face, undisturbed: tuple[Reached, State], case: Case) -> None:
    """Kill -9 in the middle of making a host, and of removing one: no duplicate, no orphan."""
    outcome = trial.judge(case, room, undisturbed[1])

    assert outcome.wrong == {}


@pytest.mark.parametrize(("command", "mode"), [("up", INTERRUPT), ("up", FULL), ("down", INTERRUPT), ("down", FULL)])
def test_at_a_checkpoint_chosen_by_the_commit(
    room: Face, undisturbed: tuple[Reached, State], command: str, mode: str
) -> None:
    """kill -9, SIGINT and full disk at every checkpoint of `up` and `down`, each followed by the same command."""
    case = chosen(undisturbed[0], command, mode)

    assert trial.judge(case, room, undisturbed[1]).wrong == {}, case.name
