from __future__ import annotations

from pathlib import Path

import pytest

from bootstrap import inventory
from tests.chaos.changes import plans
from tests.chaos.changes_moves import GOALS, MOVES, write
from tests.chaos.checkpoints_face import Ended, Face
from tests.chaos.checkpoints_trial import Case, cases, said
from tests.chaos.nodes import Sweep


def test_each_step_is_killed_in_each_move_and_interrupted_in_the_first() -> None:
    """Kill the first and the last time that it comes; SIGINT only where no move before has the step."""
    found = plans({"out": ("lock.taken", "host.disk", "host.disk"), "in": ("lock.taken",)})

    assert [(one.checkpoint, one.number, one.mode) for one in found["out"]] == [
        ("lock.taken", 1, "kill"), ("lock.taken", 1, "interrupt"), ("host.disk", 1, "kill"),
        ("host.disk", 1, "interrupt"), ("host.disk", 2, "kill"), ("host.disk", 2, "interrupt"),
    ]  # fmt: skip
    assert [(one.checkpoint, one.mode) for one in found["in"]] == [("lock.taken", "kill")]


def test_a_step_of_a_waiting_loop_is_tried_the_first_time() -> None:
    """How often it comes differs from run to run; one that did not come at all is no failure."""
    (case,) = cases("up", ("wait.health",) * 7, ("kill",))

    assert case.number == 1
    assert list(said(case, Ended(0, "", "", ("up.settled",)))) == []
    assert dict(said(Case("up", "host.disk", 1, "kill"), Ended(0, "", "", ())))["not reached"] == "host.disk"


@pytest.mark.parametrize("goal", GOALS)
def test_the_states_are_inventories(goal: str, tmp_path: Path) -> None:
    """Each state can be asked for."""
    face = Face("moved", tmp_path, folder=tmp_path)
    write(face, goal)

    assert inventory.load(face.file).name == "moved"


def test_moves_lead_from_state_to_state() -> None:
    """Each begins and ends in one that there is; all steps of `scale` come in them."""
    assert {state for one in MOVES for state in (one.begins, one.ends)} == set(GOALS)
    assert {one.words[0] for one in MOVES} == {"scale", "up", "replace", "remove"}


def test_a_step_of_the_agent_is_tried_in_the_first_history_that_has_it(tmp_path: Path) -> None:
    """And only those that were asked for."""
    sweep = Sweep(tmp_path / "nodes.jsonl", "join.*")

    assert sweep.fresh("founders", ["join.claim", "form.init"]) == ["join.claim"]
    assert sweep.fresh("wipe", ["join.claim", "join.seated", "form.init"]) == ["join.seated"]


def test_a_trial_that_was_good_is_not_done_again(tmp_path: Path) -> None:
    """One that failed is; a condition that did not come in time is a failure like any other."""
    done: list[str] = []
    file = tmp_path / "nodes.jsonl"

    def late(step: str) -> list[str]:
        done.append(step)
        raise AssertionError("not within 240 s")

    def well(step: str) -> list[str]:
        done.append(step)
        return []

    for deed in (late, well, well):
        Sweep(file, "*").trial("founders", "join.claim", "kill", deed)

    assert done == ["join.claim", "join.claim"]


@pytest.fixture(autouse=True)
def _no_git(monkeypatch: pytest.MonkeyPatch) -> None:
    """No process is started here."""
    monkeypatch.setattr("tests.chaos.results._git", lambda *_: "")
