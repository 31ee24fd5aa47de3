from __future__ import annotations

from pathlib import Path

from tests.cli.conftest import Invoke, document
from tests.cli.fake_session import World


def test_a_picture_in_the_terminal(invoke: Invoke, running: World, file: Path) -> None:
    """Zones, leader and margin on stdout; nothing is locked or changed."""
    result = invoke("graph", file)

    assert result.exit_code == 0
    assert "zone a" in result.stdout
    assert "can lose 1" in result.stdout
    assert set(running.log) == {"look"}


def test_a_file_as_well(invoke: Invoke, running: World, file: Path, tmp_path: Path) -> None:
    """--to writes the SVG; the document names it and has every card."""
    to = tmp_path / "x.svg"
    found = document(invoke("graph", file, "--to", to, "-o", "json"))

    assert to.read_text().startswith("<svg ")
    assert found["svg"] == str(to)
    assert len(found["cards"]) == 6
    assert [card["name"] for card in found["cards"] if card["leader"]] == ["managers-1"]


def test_no_cluster_is_no_error(invoke: Invoke, world: World, file: Path) -> None:
    """Before there is a cluster there is nothing to draw, and that is told."""
    result = invoke("graph", file)

    assert result.exit_code == 0
    assert "no swarm yet" in result.stdout


def test_another_ending_is_wrong_use(invoke: Invoke, running: World, file: Path, tmp_path: Path) -> None:
    """Only SVG is written: exit 2, and nothing was contacted."""
    assert invoke("graph", file, "--to", tmp_path / "x.png").exit_code == 2
    assert running.log == []


def test_a_place_that_is_not_there(invoke: Invoke, running: World, file: Path, tmp_path: Path) -> None:
    """What cannot be written is told with its name, and is no fault of ours."""
    result = invoke("graph", file, "--to", tmp_path / "gone" / "x.svg", "-o", "json")

    assert result.exit_code == 1
    assert document(result)["error"]["code"] == "cannot_write"
