from __future__ import annotations

import re
from pathlib import Path

import pytest

from bootstrap import inventory
from bootstrap.inventory.providers import every_provider
from bootstrap.providers import PROVIDERS
from tests.inventory.cases import Case, cases, examples

LINE = re.compile(r"[^\s:]+:[1-9]\d*:[1-9]\d*: (error|warning)\[([EW])\d{3}\]: [^;]*?\S: \S.*; \S.*")
INVALID, VALID = cases("invalid"), cases("valid")


def _name(case: Case) -> str:
    return case.path.stem


@pytest.mark.parametrize("case", INVALID, ids=_name)
def test_a_bad_inventory_gives_exactly_the_lines_at_its_top(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every problem at once, in file order, each with line, column, code, path, and what to do."""
    monkeypatch.chdir(case.path.parent)

    problems = inventory.check(case.path.name, environ=case.environ)

    assert tuple(map(str, problems)) == case.expected
    assert any(problem.severity == "error" for problem in problems)


@pytest.mark.parametrize("case", INVALID, ids=_name)
def test_a_bad_inventory_is_no_cluster(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    """`load` raises the one error that the command line turns into exit 2, with the same problems."""
    monkeypatch.chdir(case.path.parent)

    with pytest.raises(inventory.InvalidInventory) as raised:
        inventory.load(case.path.name, environ=case.environ)

    assert raised.value.exit_code == 2
    assert [str(one) for one in raised.value.problems] == [one for one in case.expected if ": error[" in one]
    assert raised.value.code == raised.value.problems[0].code


@pytest.mark.parametrize("case", VALID, ids=_name)
def test_a_good_inventory_is_a_cluster_with_no_more_than_the_warnings_at_its_top(
    case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Warnings never stop anything."""
    monkeypatch.chdir(case.path.parent)

    assert tuple(map(str, inventory.check(case.path.name, environ=case.environ))) == case.expected
    assert inventory.load(case.path.name, environ=case.environ).managers.role == "manager"


def _not_yet(provider: str) -> list[tuple[str, str]]:
    """Code and place of what is told about a file without a mistake: nothing but that its provider is to come."""
    return [] if provider == "local" else [("W080", "provider")]


@pytest.mark.parametrize("path", examples(), ids=lambda path: path.stem)
def test_a_published_example_has_no_problem_and_names_its_schema(path: Path) -> None:
    """Not even a warning but of what it says itself; `--strict` takes it, and an editor checks it too."""
    problems = inventory.check(path, strict=True, environ={})
    text = path.read_text(encoding="utf-8")

    assert [(one.code, one.where) for one in problems] == _not_yet(inventory.load(path, environ={}).provider)
    assert {one.severity for one in problems} <= {"warning"}
    assert all(one.code in text for one in problems)
    assert text.startswith("# yaml-language-server: $schema=./bootstrap.schema.json\n")


@pytest.mark.parametrize("provider", inventory.provider_names())
def test_a_starter_has_no_problem(provider: str, tmp_path: Path) -> None:
    """What `init` writes validates as it stands; where the provider is to come, it says so at its top."""
    path = tmp_path / "bootstrap.yml"
    path.write_text(inventory.starter(provider), encoding="utf-8")
    problems = inventory.check(path, strict=True, environ={})

    assert [(one.code, one.where) for one in problems] == _not_yet(provider)
    assert all(one.severity == "warning" and one.code in inventory.starter(provider) for one in problems)
    assert inventory.load(path, environ={}).provider == provider


def test_a_provider_that_is_built_is_the_one_that_runs() -> None:
    """The warning goes when the provider comes: the two tables agree."""
    assert {one.name for one in every_provider() if one.built} == set(PROVIDERS)


def test_what_is_not_in_this_version_is_told_only_in_a_file_without_errors(tmp_path: Path) -> None:
    """A list of mistakes is for mending them; what is to come would only stand between."""
    path = tmp_path / "c.yml"
    path.write_text("version: 1\ncluster: c\nprovider: local\nmanagers: {count: 4}\nbackup: {keep: 3}\n")

    assert {one.code for one in inventory.check(path, environ={})} == {"E031"}


def test_the_local_example_is_the_starter_with_five_hosts() -> None:
    """The first thing that anybody runs is what `init` gives."""
    path = next(path for path in examples() if path.stem == "local")
    cluster = inventory.load(path)

    assert path.read_text(encoding="utf-8") == inventory.starter("local")
    assert sum(group.size.desired for group in cluster.groups) == 5
    assert cluster.zones == ("a", "b", "c")
    assert [(pool.name, pool.size.minimum, pool.size.maximum) for pool in cluster.pools] == [
        ("web", 1, 6),
        ("jobs", 1, 1),
    ]


def test_every_expected_line_has_the_form_of_the_contract() -> None:
    """`FILE:LINE:COL: error[Ennn]: WHERE: WHAT; HINT`, the severity and the code's letter agreeing."""
    lines = [line for case in (*INVALID, *VALID) for line in case.expected]

    assert len(INVALID) >= 150
    for line in lines:
        match = LINE.fullmatch(line)
        assert match, line
        assert (match[1] == "error") == (match[2] == "E"), line


def test_no_secret_of_any_case_is_repeated_in_a_message() -> None:
    """Messages end in logs and tickets."""
    said = "\n".join(line for case in INVALID for line in case.expected)

    for secret in ("SWMTKN", "SWMKEY", "AKIA", "PRIVATE KEY", "hunter2"):
        assert any(secret in case.path.read_text(encoding="utf-8") for case in INVALID)
        assert secret not in said


def test_every_code_of_the_reference_has_a_case() -> None:
    """Codes that need a file of another kind than a case can be have their test in test_source.py."""
    seen = {
        match for case in (*INVALID, *VALID) for line in case.expected for match in re.findall(r"\[([EW]\d+)\]", line)
    }
    elsewhere = {"E003", "W002", "E075"}

    assert {f"E{one:03}" for one in (*range(1, 12), 75)} - seen <= elsewhere
    assert {f"E{one:03}" for one in (*range(20, 25), *range(30, 38), *range(40, 44), *range(50, 62), 80)} <= seen
    assert {"W021", "W031", "W032", "W033", "W052", "W070", "W080"} <= seen
