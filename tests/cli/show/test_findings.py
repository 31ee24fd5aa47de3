from __future__ import annotations

import click

from bootstrap.cli.show.findings import MANY, text
from bootstrap.model.finding import fail


def test_machines_that_are_alike_keep_their_own_mends() -> None:
    """They stand in one sentence; the command for each of them is told, as one that names another does not help."""
    found = [fail("machine", "its machine is paused", f"bootstrap local resume FILE {name}", name) for name in "ab"]
    lines = click.unstyle(text(found, 80)).splitlines()

    assert lines[0] == "fail machine        a, b: its machine is paused"
    assert [line.strip() for line in lines[1:3]] == [f"bootstrap local resume FILE {name}" for name in "ab"]


def test_many_mends_are_counted() -> None:
    """A page full of commands that differ in a name helps nobody."""
    found = [fail("machine", "its machine is off", f"start {number}", f"n{number}") for number in range(MANY + 3)]
    shown = text(found, 80)

    assert shown.count("start ") == MANY
    assert "and 3 more of these" in shown


def test_the_same_mend_is_told_once() -> None:
    """However many nodes it is for."""
    assert text([fail("machine", "it is off", "bootstrap up FILE", name) for name in "abc"], 80).count("up FILE") == 1
