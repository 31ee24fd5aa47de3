from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from tests.chaos import report, results


@pytest.fixture(autouse=True)
def _no_git(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no process may be started, git says nothing."""
    if not request.node.get_closest_marker("process"):
        monkeypatch.setattr(results, "_git", lambda *_: "")


def test_results_survive_a_run_that_is_cut_short(tmp_path: Path) -> None:
    """A half-written last line does not count, and the next one is whole."""
    file = tmp_path / "schedules.jsonl"
    assert results.read(file) == []
    results.add(file, {"seed": 1})
    with file.open("a") as half:
        half.write('{"seed": 2, "fai')

    results.add(file, {"seed": 3})

    assert [one["seed"] for one in results.read(file)] == [1, 3]


def test_the_page_tells_what_came_out(tmp_path: Path) -> None:
    """How many, how many failed, the slowest, and each failure in the oracle's words; what was not run says so."""
    outcome = {"schedule": ["a", "b"], "changes": ["c"], "failures": []}
    results.add(tmp_path / "schedules.jsonl", {"seed": 2, "healthy_after_s": 30.0, **outcome})
    results.add(
        tmp_path / "schedules.jsonl", {"seed": 1, "healthy_after_s": 10.0, **outcome, "failures": ["one_swarm: two"]}
    )

    page = report.page(tmp_path, "today", "this machine")

    assert "| random fault schedules of 60 s | 2 | 1 | 20.0 | 30.0 | to healthy |" in page
    assert "released at once | not run |" in page
    assert "- schedules, seed 1: one_swarm: two" in page
    assert page.index("| 1 | 2 | 1 | 10.0 | yes |") < page.index("| 2 | 2 | 1 | 30.0 |  |")


def test_a_page_without_failures_says_so(tmp_path: Path) -> None:
    """None is a result as well."""
    results.add(tmp_path / "election.jsonl", {"round": 1, "seconds": 4.0, "failures": []})

    assert "## Failures\n\nNone." in report.page(tmp_path, "today", "this machine")


def test_a_checkpoint_counts_as_it_ended_last(tmp_path: Path) -> None:
    """A trial that was wrong and was done again well is well; its time is that of the whole trial."""
    trial = {"case": "up host.powered kill", "times": [1.0, 2.0, 12.0]}
    results.add(tmp_path / "checkpoints.jsonl", {**trial, "wrong": {"nodes": "4 of 5"}})
    assert "- checkpoints, case up host.powered kill: nodes: 4 of 5" in report.page(tmp_path, "today", "here")

    results.add(tmp_path / "checkpoints.jsonl", {**trial, "wrong": {}})

    assert "full disk | 1 | 0 | 12.0 | 12.0 |" in report.page(tmp_path, "today", "here")


def test_each_line_names_its_commit(tmp_path: Path) -> None:
    """The page says on which commit it all was, or how many trials were on which; older lines have none."""
    file = tmp_path / "election.jsonl"
    file.write_text('{"round": 1, "seconds": 4.0, "failures": []}\n')
    assert "here, commit not recorded." in report.page(tmp_path, "today", "here")

    file.write_text(file.read_text() + '{"round": 2, "seconds": 4.0, "failures": [], "commit": "abc1234"}\n')
    assert "trials by commit: not recorded 1, abc1234 1." in report.page(tmp_path, "today", "here")

    file.write_text('{"round": 2, "seconds": 4.0, "failures": [], "commit": "abc1234"}\n')
    assert "all on commit abc1234." in report.page(tmp_path, "today", "here")


@pytest.mark.process
def test_a_commit_is_the_checkouts(tmp_path: Path) -> None:
    """Short, `-dirty` where a file differs that is no document; nothing where there is no git."""
    assert results.commit(tmp_path) == ""
    for name in ("a.py", "docs/chaos.md"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("1")
    who = ["-c", "user.name=n", "-c", "user.email=e@x"]
    for argv in (["init", "-q"], ["add", "."], [*who, "commit", "-qm", "one"]):
        subprocess.run(["git", "-C", str(tmp_path), *argv], check=True)
    clean = results.commit(tmp_path)
    (tmp_path / "docs/chaos.md").write_text("2")
    assert results.commit(tmp_path) == clean

    (tmp_path / "a.py").write_text("2")

    assert re.fullmatch("[0-9a-f]{7,}", clean)
    assert results.commit(tmp_path) == f"{clean}-dirty"


def test_state_machines_are_told_by_name(tmp_path: Path) -> None:
    """The examples of all pieces, of which each counts as it ended last; a failure names its seed."""
    piece = {"machine": "guard", "examples": 1000, "steps": 50, "seconds": 100.0}
    for seed, failed in ((1, ["I4"]), (2, []), (1, [])):
        results.add(tmp_path / "machines.jsonl", {**piece, "seed": seed, "failures": failed})
        if failed:
            assert "- machines, machine guard, seed 1: I4" in report.page(tmp_path, "today", "here")

    assert "| guard | 2000 | 50 | 2 | 0 | 200 |" in report.page(tmp_path, "today", "here")


def test_steps_that_were_not_tried_are_named(tmp_path: Path) -> None:
    """Out of the trials' names; what was not tried stands there."""
    results.add(tmp_path / "nodes.jsonl", {"case": "founders form.init kill", "failures": [], "seconds": 9.0})
    results.add(tmp_path / "checkpoints.jsonl", {"case": "up host.disk:2 kill", "wrong": {}, "times": [1.0]})

    page = report.page(tmp_path, "today", "here")

    assert "On real engines 2 of the " in page
    assert "`form.made`" in page
    assert "`form.init`" not in page
    assert "`host.disk`" not in page
