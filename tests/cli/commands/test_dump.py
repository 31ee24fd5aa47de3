from __future__ import annotations

import tarfile
from pathlib import Path

from bootstrap.errors import BootstrapError
from bootstrap.model.finding import ok
from bootstrap.remote.runner import Result
from tests.cli.conftest import Invoke, document
from tests.cli.fake_session import World

TOKEN = "SWMTKN-1-3pu6hszjas19xyp7ghgosyx9k8atbfcr8p2is99znpy26u2lkl-1awxwuwd3z9j1z3puu7rcgdbx"


def unpacked(path: Path) -> dict[str, str]:
    """Each file's text by its path below the archive's own folder."""
    with tarfile.open(path) as archive:
        files = [(one.name.split("/", 1)[1], archive.extractfile(one)) for one in archive]
        return {name: file.read().decode() for name, file in files if file is not None}


def test_everything_is_in_it_and_no_secret(invoke: Invoke, running: World, file: Path, tmp_path: Path) -> None:
    """All parts, logs of every node, and a canary token of a log in none of them; only its owner may read it."""
    running.findings = (ok("root", "running as root"),)
    running.trail = [{"time": "2026-01-01T00:00:00Z", "what": "up", "detail": TOKEN}]
    running.answers = {"journalctl": Result(0, f"join with {TOKEN}\n")}
    to = tmp_path / "x.tar.gz"
    result = invoke("dump", file, "--to", to, "-o", "json")

    assert result.exit_code == 0, result.stderr
    assert document(result)["unreachable"] == document(result)["missing"] == []
    parts = unpacked(to)
    assert {
        "inventory.yml",
        "status.json",
        "plan.json",
        "control.json",
        "events.json",
        "versions.json",
        "doctor.json",
    } <= set(parts)
    assert {name.split("/")[1] for name in parts if name.startswith("nodes/")} == {
        *(f"prod-managers-{number}" for number in (1, 2, 3)), "prod-web-1", "prod-dmz-1", "prod-dmz-2",
    }  # fmt: skip
    assert "join with <redacted>" in parts["nodes/prod-web-1/engine.txt"]
    assert not [name for name, text in parts.items() if "SWMTKN" in text]
    assert to.stat().st_mode & 0o777 == 0o600


def test_unreachable_nodes_are_named(invoke: Invoke, running: World, file: Path, tmp_path: Path) -> None:
    """A machine that is off fails nothing: the rest is there, and it is named on stderr, in the document and inside."""
    running.fails = frozenset({"run prod-web-1 ['true']"})
    to = tmp_path / "x.tar.gz"
    result = invoke("dump", file, "--to", to, "-o", "json")

    assert result.exit_code == 0
    assert [one["node"] for one in document(result)["unreachable"]] == ["prod-web-1"]
    assert "not reached: prod-web-1" in result.stderr
    parts = unpacked(to)
    assert not [name for name in parts if name.startswith("nodes/prod-web-1/")]
    assert "prod-web-1" in parts["dump.json"]


def test_a_part_that_fails_is_named(invoke: Invoke, running: World, file: Path, tmp_path: Path) -> None:
    """What cannot be asked is missing, with the reason, and stops nothing else."""

    def broken() -> None:
        raise BootstrapError("no answer")

    running.on = {"look": broken}
    to = tmp_path / "x.tar.gz"
    result = invoke("dump", file, "--to", to, "-o", "json")

    assert result.exit_code == 0
    assert {"status.json", "plan.json", "nodes"} <= {one["part"] for one in document(result)["missing"]}
    assert "versions.json" in unpacked(to)


def test_a_fault_of_ours_stops_no_report(invoke: Invoke, running: World, file: Path, tmp_path: Path) -> None:
    """The bug that is to be reported may be in any part: it is named, and the rest is there."""

    def bug() -> None:
        raise KeyError("gone")

    running.on = {"look": bug}
    to = tmp_path / "x.tar.gz"
    result = invoke("dump", file, "--to", to, "-o", "json")

    assert result.exit_code == 0
    assert "KeyError: 'gone'" in {one["why"] for one in document(result)["missing"]}
    assert "versions.json" in unpacked(to)


def test_logs_are_bounded(invoke: Invoke, running: World, file: Path, tmp_path: Path) -> None:
    """Of a huge log the end is kept."""
    running.answers = {"journalctl": Result(0, "x" * 1_000_000 + "the end")}
    to = tmp_path / "x.tar.gz"
    invoke("dump", file, "--to", to)
    text = unpacked(to)["nodes/prod-web-1/engine.txt"]

    assert len(text) < 300_000
    assert text.endswith("the end")


def test_nothing_is_overwritten(invoke: Invoke, running: World, file: Path, tmp_path: Path) -> None:
    """A file that is there is left alone: exit 2."""
    to = tmp_path / "x.tar.gz"
    to.write_text("mine")

    assert invoke("dump", file, "--to", to).exit_code == 2
    assert to.read_text() == "mine"
