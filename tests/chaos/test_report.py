from __future__ import annotations

from pathlib import Path

from tests.chaos import report, results


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
