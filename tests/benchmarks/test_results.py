"""The benchmark's own parts that need no hosts: what is kept between runs, and the page that is made of it."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from tests.test_readme import ROOT

IDLE = {
    f"{role}_{what}": {"memory": memory, "cpu": 0.5}
    for role in ("manager", "worker")
    for what, memory in (("agent", 20.0), ("engine", 90.0))
}


@pytest.fixture
def module(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Any]:
    """Imports `measured.NAME`, as the scripts in benchmarks/ do."""
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))

    def load(name: str) -> ModuleType:
        return importlib.import_module(f"measured.{name}")

    return load


def cost(seconds: float, cpu: float) -> dict[str, float]:
    """Of one command."""
    return {"seconds": seconds, "cpu": cpu, "peak": 50.0, "others": 10.0}


def one_round(ours: float, floor: float) -> dict[str, Any]:
    """A life of both in which all steps took as long."""
    pair = {"ours": cost(ours, ours * 2), "floor": cost(floor, floor * 2)}
    return {"form": pair, "again": pair, "list": pair, "idle": IDLE}


def test_a_ratio_is_the_median_of_those_of_the_rounds(module: Callable[[str], Any]) -> None:
    """A moment that was busy for both changes the seconds and not the ratio."""
    rounds = [one_round(12, 10), one_round(120, 100), one_round(13, 10)]

    found = module("results").summary(5, rounds)

    assert found["form"]["seconds_ratio"] == found["form"]["cpu_ratio"] == pytest.approx(1.2)
    assert (found["form"]["ours"]["seconds"], found["rounds"]) == (13, 3)


def test_a_run_that_was_stopped_goes_on(module: Callable[[str], Any], tmp_path: Path) -> None:
    """Rounds are read again by the next process, those of another version of the program are not, nor is half a line."""
    file = tmp_path / "results" / "swarm.jsonl"
    results = module("results").Results(file)
    results.add(5, one_round(12, 10))
    results.add(10, one_round(20, 15))
    file.write_text(file.read_text() + '{"source": "another", "hosts": 5}\n{"sour')

    again = module("results").Results(file)

    assert again.rounds(5) == results.rounds(5)
    assert [one["form"]["ours"]["seconds"] for one in again.rounds(5)] == [12]
    again.forget()
    assert again.rounds(10) == []


def test_the_page_says_what_came_out_and_what_was_wanted(module: Callable[[str], Any], tmp_path: Path) -> None:
    """Figures of both, what each more host costs, and each aim with what it is."""
    summary = module("results").summary
    found = [summary(5, [one_round(12, 10)]), summary(10, [one_round(22, 15)])]

    text = module("page").write(found, tmp_path)

    assert (tmp_path / "benchmarks.md").read_text() == text
    assert "| 5 | from nothing to healthy | 12.00 s | 10.00 s | 1.20 | 24.00 s | 20.00 s | 1.20 | 1 |" in text
    assert "each more costs 2.00 s and 4.00 s of CPU; the floor 1.00 s and 2.00 s" in text
    assert "- The agent in at most 25 MiB (PSS): 20.0 with 5, 20.0 with 10." in text
    picture = ET.fromstring((tmp_path / "benchmarks.svg").read_text())
    assert len(picture.findall("{http://www.w3.org/2000/svg}polyline")) == 2


@pytest.mark.parametrize(
    ("most", "marks"),
    [
        (45.32, [0, 10, 20, 30, 40, 50]),
        (50, [0, 10, 20, 30, 40, 50]),
        (12.5, [0, 5, 10, 15]),
        (7, [0, 2, 4, 6, 8]),
        (0.3, [0, 0.1, 0.2, 0.3]),
    ],
)
def test_what_stands_at_the_axis_is_where_it_stands(
    module: Callable[[str], Any], most: float, marks: list[float]
) -> None:
    """Round steps from 0 over the highest dot, so that no mark has to be rounded."""
    assert module("plot").ticks(most) == pytest.approx(marks)
