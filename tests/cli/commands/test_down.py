from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import Invoke, document
from tests.cli.fake_session import World


@pytest.fixture
def protected(file: Path) -> Path:
    file.write_text(file.read_text() + "protect: true\n")
    return file


def test_down_lists_then_deletes(invoke: Invoke, running: World, file: Path) -> None:
    """Everything is listed on stderr and gone after; the lock is held meanwhile."""
    result = invoke("down", file, "--yes")

    assert result.exit_code == 0
    assert running.things == {}
    assert "prod: 6 to delete" in result.stderr
    assert result.stdout == "prod: 6 deleted\n"
    assert (running.log[0], running.log[-1]) == ("lock down 0", "unlock")


def test_down_as_json(invoke: Invoke, running: World, file: Path) -> None:
    """One document names what was deleted."""
    found = document(invoke("down", file, "--yes", "--purge", "-o", "json"))

    assert found["cluster"] == "prod"
    assert {"kind": "host", "name": "prod-web-1"} in found["deleted"]


def test_down_of_nothing(invoke: Invoke, world: World, file: Path) -> None:
    """Nothing there is a success, and nobody is asked."""
    result = invoke("down", file, terminal=True)

    assert result.exit_code == 0
    assert result.stdout == "prod: nothing there\n"


def test_down_asks(invoke: Invoke, running: World, file: Path) -> None:
    """A no keeps everything: exit 1. Without a terminal it is exit 2 and names the flag."""
    assert invoke("down", file, terminal=True, answer="n\n").exit_code == 1
    refused = invoke("down", file)
    assert refused.exit_code == 2
    assert "--yes" in refused.stderr
    assert len(running.things) == 6
    assert invoke("down", file, terminal=True, answer="y\n").exit_code == 0
    assert running.things == {}


@pytest.mark.parametrize("terminal", [True, False])
def test_a_protected_cluster_refuses_yes(invoke: Invoke, running: World, protected: Path, terminal: bool) -> None:
    """--yes is not enough: exit 1, --confirm is named, nothing was contacted."""
    result = invoke("down", protected, "--yes", terminal=terminal)

    assert result.exit_code == 1
    assert "--confirm prod" in result.stderr
    assert running.log == []


def test_a_protected_cluster_without_a_terminal(invoke: Invoke, running: World, protected: Path) -> None:
    """Without any flag it is exit 2 as for any cluster, and names the flag that counts here; nothing was contacted."""
    result = invoke("down", protected, "-o", "json")

    assert result.exit_code == 2
    assert document(result)["error"]["code"] == "E090"
    assert "--confirm prod" in document(result)["error"]["fix"]
    assert "--yes" not in result.stderr
    assert running.log == []


def test_confirm_by_name(invoke: Invoke, running: World, protected: Path) -> None:
    """The right name is enough, without --yes; a wrong one is exit 2."""
    wrong = invoke("down", protected, "--confirm", "prod-eu", "--yes")
    assert wrong.exit_code == 2
    assert "'prod-eu'" in wrong.stderr
    assert running.log == []

    assert invoke("down", protected, "--confirm", "prod").exit_code == 0
    assert running.things == {}


def test_a_protected_cluster_on_a_terminal(invoke: Invoke, running: World, protected: Path) -> None:
    """The name must be typed; anything else is declined."""
    assert invoke("down", protected, terminal=True, answer="y\n").exit_code == 1
    assert len(running.things) == 6
    assert invoke("down", protected, terminal=True, answer="prod\n").exit_code == 0
    assert running.things == {}


def test_down_goes_on(invoke: Invoke, running: World, file: Path) -> None:
    """A failed delete is told; the next `down` deletes the rest only."""
    running.fails = frozenset({"delete host/prod-web-1"})
    assert invoke("down", file, "--yes").exit_code == 1
    assert "host/prod-web-1" in running.things

    running.fails = frozenset()
    assert invoke("down", file, "--yes").exit_code == 0
    assert running.things == {}
