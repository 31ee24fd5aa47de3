from __future__ import annotations

import os
from pathlib import Path

import pytest

from bootstrap.cli.edit import draft, with_count
from bootstrap.errors import UsageError


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("managers:\n  count: 3 # x\n", "managers:\n  count: 5 # x\n"),
        ("managers: {count: 3, machine: m}\n", "managers: {count: 5, machine: m}\n"),
        ("managers: {machine: m,   count:   3}\n", "managers: {machine: m,   count:   5}\n"),
        ("# é\n\nmanagers:\r\n    count:   3\r\n", "# é\n\nmanagers:\r\n    count:   5\r\n"),
        ("pools: {}\nmanagers:\n  count: 3", "pools: {}\nmanagers:\n  count: 5"),
        ('"managers":\n  "count": 3\n', '"managers":\n  "count": 5\n'),
    ],
)
def test_only_the_number_changes(before: str, after: str) -> None:
    """Comments, spaces, line ends and quotes stay byte for byte."""
    assert with_count(before, "managers", 5) == after


@pytest.mark.parametrize(
    "text",
    [
        "managers: {hosts: [a]}\n",
        "managers:\n  count: ${N}\n",
        "x: &n 3\nmanagers:\n  count: *n\n",
        "x: &x {count: 3}\nmanagers: *x\n",
        "managers:\n  count: &n 3\npools:\n  a: {count: *n}\n",
        "x: &x {count: 3}\nmanagers:\n  <<: *x\n",
        "managers: 3\n",
    ],
)
def test_no_number_no_change(text: str) -> None:
    """A variable, an alias, a merged or a missing count is left to the user."""
    with pytest.raises(UsageError, match="cannot write the size of managers"):
        with_count(text, "managers", 5)


def test_a_pool_is_found_by_name() -> None:
    """Only the pool that was meant is changed."""
    text = "pools:\n  a: {count: 1}\n  b:\n    count: 1\n"

    assert with_count(text, "b", 12) == "pools:\n  a: {count: 1}\n  b:\n    count: 12\n"


@pytest.mark.parametrize("refused", [False, True])
def test_a_draft_is_the_owners(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refused: bool) -> None:
    """Under sudo the file stays the user's, with its mode; who may not give files away gets a draft all the same."""
    given: list[tuple[str, int, int]] = []

    def chown(path: Path, owner: int, group: int) -> None:
        given.append((str(path), owner, group))
        if refused and owner != -1:
            raise PermissionError

    monkeypatch.setattr(os, "chown", chown)
    path = tmp_path / "prod.yml"
    path.write_text("a: 1\n")
    path.chmod(0o640)
    with draft(path, "a: 2\n") as new:
        owner = path.stat()

        assert given == [(str(new), -1, owner.st_gid), (str(new), owner.st_uid, -1)]
        assert new.stat().st_mode & 0o7777 == 0o640
        assert new.read_text() == "a: 2\n"
