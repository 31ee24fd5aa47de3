from __future__ import annotations

from pathlib import Path

import pytest
from click.shell_completion import ShellComplete

from bootstrap.cli.root import root
from bootstrap.cli.run import Run
from tests.cli.fake_session import World


def completions(world: World, words: list[str], begun: str) -> list[str]:
    """What the shell is offered for the word that was begun; files are the shell's own."""
    run = Run(open_session=world.open)
    asked = ShellComplete(root, {"obj": run}, "bootstrap", "_BOOTSTRAP_COMPLETE")
    return [one.value for one in asked.get_completions(words, begun) if one.type == "plain"]


@pytest.mark.parametrize("verb", ["drain", "undrain", "remove", "replace", "ssh", "logs"])
def test_a_node_is_completed(running: World, file: Path, verb: str) -> None:
    """After the inventory the cluster's machines are offered by name."""
    assert completions(running, [verb, str(file)], "prod-d") == ["prod-dmz-1", "prod-dmz-2"]


def test_a_pool_is_completed(running: World, file: Path) -> None:
    """`scale` is offered the pools, ready for the number."""
    assert completions(running, ["scale", str(file)], "") == ["managers=", "web=", "dmz="]


def test_the_inventory_may_be_left_out(running: World, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With BOOTSTRAP_FILE set the node is the first word, and is completed as well."""
    monkeypatch.setenv("BOOTSTRAP_FILE", str(file))

    assert completions(running, ["drain"], "prod-w") == ["prod-web-1"]


def test_what_cannot_be_asked_completes_to_nothing(world: World, tmp_path: Path) -> None:
    """No such inventory, or a provider that does not answer: no words, and above all no error."""
    assert completions(world, ["drain", str(tmp_path / "none.yml")], "") == []
