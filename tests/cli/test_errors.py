from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from bootstrap.providers.base import LockInfo
from tests.cli.conftest import Invoke, document
from tests.cli.fake_session import World

VERBS = [["plan"], ["up", "--yes"], ["status"], ["render"], ["down", "--yes"]]


@pytest.mark.parametrize("verb", VERBS)
def test_an_invalid_inventory_is_told_whole(invoke: Invoke, world: World, tmp_path: Path, verb: list[str]) -> None:
    """Every problem stands on a line of its own with its place, exit 2, and nothing was contacted."""
    path = tmp_path / "bad.yml"
    path.write_text("cluster: prod\nmanger: {}\n", encoding="utf-8")
    result = invoke(*verb, path)

    assert result.exit_code == 2
    assert result.stderr.splitlines() == [
        f"{path}:3:1: error[E021]: manger: unknown key 'manger'; mend it",
        f"{path}:3:1: error[E030]: managers: there are no managers; mend it",
    ]
    assert result.stdout == ""
    assert world.log == []


def test_an_invalid_inventory_as_json(invoke: Invoke, tmp_path: Path) -> None:
    """The error has its four keys; the problems stand beside it."""
    path = tmp_path / "bad.yml"
    path.write_text("cluster: prod\nmanger: {}\n", encoding="utf-8")
    found = document(invoke("status", path, "-o", "json"))

    assert set(found["error"]) == {"code", "what", "where", "fix"}
    assert found["error"]["code"] == "E021"
    assert [one["code"] for one in found["problems"]] == ["E021", "E030"]
    assert set(found["problems"][0]) == {"file", "line", "col", "code", "severity", "where", "what", "hint"}


@pytest.mark.parametrize("verb", [["up", "--yes"], ["down", "--yes"], ["scale", "web=2"]])
def test_a_held_lock_is_exit_4(invoke: Invoke, running: World, file: Path, verb: list[str]) -> None:
    """The holder is named: who, what, since when, and the id; nothing is changed."""
    running.held_by = LockInfo("ann@laptop", "up", "2026-01-01T10:00:00Z", "abc123")
    result = invoke(verb[0], file, *verb[1:], "-o", "json", "--lock-timeout", "90s")

    assert result.exit_code == 4
    for word in ("ann@laptop", "up", "2026-01-01T10:00:00Z", "abc123"):
        assert word in document(result)["error"]["what"]
        assert word in result.stderr
    assert running.log == [f"lock {verb[0]} 90"]


@pytest.mark.parametrize("verb", [["plan"], ["up", "--yes"], ["status"], ["down", "--yes"], ["exec", "--", "true"]])
def test_a_provider_that_is_not_built(invoke: Invoke, world: World, file: Path, verb: list[str]) -> None:
    """It is said plainly, exit 1."""
    world.built = False
    file.write_text(file.read_text().replace("local", "aws"))
    result = invoke(verb[0], file, *verb[1:])

    assert result.exit_code == 1
    assert "provider 'aws' is not built yet in this version" in result.stderr


def test_every_failure_of_a_run_is_told(invoke: Invoke, world: World, file: Path) -> None:
    """Steps that failed together are each told with their fix; running again goes on."""
    world.fails = frozenset({"create host/prod-web-1", "create host/prod-dmz-1"})
    result = invoke("up", file, "--yes", "--parallel", "16")

    assert result.exit_code == 1
    assert "error: create host/prod-web-1: the cloud said no" in result.stderr
    assert "error: create host/prod-dmz-1: the cloud said no" in result.stderr
    assert "hint: run the same command again: it goes on from here" in result.stderr

    world.fails = frozenset()

    assert invoke("up", file, "--yes").exit_code == 0


def test_errors_as_json_lines(invoke: Invoke, world: World, file: Path) -> None:
    """With `--log-format json` each line of stderr is an object with time, level and message."""
    import json

    result = invoke("up", file, "--yes", "--log-format", "json")
    lines = [json.loads(line) for line in result.stderr.splitlines()]

    assert all({"time", "level", "message"} <= set(line) for line in lines)
    steps = [(line["node"], line["step"]) for line in lines if line.get("event") == "node"]
    assert ("prod-web-1", "engine") in steps


def test_no_secret_reaches_the_screen(invoke: Invoke, world: World, file: Path) -> None:
    """A token in an error's words is cut out."""
    token = "SWMTKN-1-0123456789abcdefghijklmnop-0123456789"
    world.sick = token

    def leak(*_: object, **__: object) -> None:
        raise RuntimeError(f"bad token {token}")

    world.open = leak  # type: ignore[method-assign,assignment]
    result = invoke("status", file, "-o", "json", "-v")

    assert token not in result.stdout + result.stderr


@pytest.mark.parametrize("number", [errno.EACCES, errno.EPERM])
def test_what_may_not_be_read_is_no_fault_of_ours(invoke: Invoke, world: World, file: Path, number: int) -> None:
    """The path and the mend are told, and nobody is asked to report a bug."""

    def barred(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number), "/var/lib/bootstrap/local/prod/fabric.json")

    world.open = barred  # type: ignore[method-assign,assignment]
    error = document(invoke("status", file, "-o", "json"))["error"]

    assert (error["code"], error["where"]) == ("no_access", "/var/lib/bootstrap/local/prod/fabric.json")
    assert os.strerror(number) in error["what"]
    assert "sudo" in error["fix"]
    assert "report" not in error["fix"]
