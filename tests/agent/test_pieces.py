"""A run of the state machines for hours: its pieces, and how it goes on after it was stopped."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.agent import machines
from tests.chaos import results


@pytest.fixture(autouse=True)
def _no_git(monkeypatch: pytest.MonkeyPatch) -> None:
    """No process is started here."""
    monkeypatch.setattr(results, "_git", lambda *_: "")


def test_pieces_are_blocks_with_seeds_of_their_own() -> None:
    """A thousand examples each, all machines in turn; the last has the rest."""
    found = list(machines.pieces(["guard", "election"], 2500, 7))

    assert found[:2] == [("guard", 1000, 7), ("election", 1000, 7)]
    assert found[-1] == ("election", 500, 9)


def test_pieces_that_are_good_are_not_run_again(tmp_path: Path) -> None:
    """One that failed is, and so is one of another size."""
    file = tmp_path / "machines.jsonl"
    wanted = list(machines.pieces(["guard"], 3000, 1))
    assert machines.missing(wanted, file) == wanted
    for seed, examples, failures in ((1, 1000, []), (2, 1000, ["I4"]), (3, 10, [])):
        results.add(file, {"machine": "guard", "seed": seed, "examples": examples, "failures": failures})

    assert machines.missing(wanted, file) == [("guard", 1000, 2), ("guard", 1000, 3)]


def test_a_failure_is_a_result_with_the_way_to_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """It does not end the run of the other pieces."""

    def fails(*_: object) -> None:
        raise AssertionError("I4: two swarms")

    monkeypatch.setattr(machines, "run", fails)

    outcome = machines.tried(("guard", 5, 3))

    assert outcome["failures"] == ["AssertionError: I4: two swarms"]
    assert "Traceback" in outcome["told"]
    assert (outcome["machine"], outcome["seed"], outcome["examples"]) == ("guard", 3, 5)
