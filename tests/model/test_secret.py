from __future__ import annotations

import copy
import json
import pickle
from dataclasses import asdict, dataclass

import pytest

from bootstrap.model.secret import Secret

TOKEN = "SWMTKN-1-a-b"


@pytest.mark.parametrize(
    "shown",
    [repr, str, "{}".format, "{:>40}".format, lambda secret: f"{secret!r}{secret!s}", lambda secret: f"{[secret]}"],
)
def test_however_it_is_shown_only_a_fingerprint_is_seen(shown: object) -> None:
    """In a log line, an f-string, a list or a debugger."""
    text = shown(Secret(TOKEN))  # type: ignore[operator]

    assert TOKEN not in text
    assert Secret(TOKEN).fingerprint in text


def test_only_reveal_gives_it_back() -> None:
    """The wire asks by name, so every use can be found by a search."""
    assert Secret(TOKEN).reveal() == TOKEN


def test_equal_values_are_equal_secrets() -> None:
    """Published and live tokens are compared without being seen."""
    assert Secret(TOKEN) == Secret(TOKEN)
    assert Secret(TOKEN) != Secret("other")
    assert Secret(TOKEN) != TOKEN
    assert len({Secret(TOKEN), Secret(TOKEN)}) == 1


def test_the_fingerprint_differs_with_the_value() -> None:
    """Eight hex digits: enough to see that two tokens differ."""
    assert len(Secret(TOKEN).fingerprint) == 8
    assert Secret(TOKEN).fingerprint != Secret(TOKEN + "x").fingerprint


@pytest.mark.parametrize("away", [pickle.dumps, copy.copy, copy.deepcopy])
def test_it_is_never_pickled_or_copied(away: object) -> None:
    """A process pool or a cache would write it down."""
    with pytest.raises(TypeError, match="never pickled"):
        away(Secret(TOKEN))  # type: ignore[operator]


def test_it_is_no_json() -> None:
    """A document with a secret in it fails instead of printing it."""
    with pytest.raises(TypeError):
        json.dumps({"token": Secret(TOKEN)})


def test_a_dataclass_with_one_prints_its_fingerprint() -> None:
    """Values that carry a secret need no special care."""

    @dataclass(frozen=True)
    class Join:
        token: Secret

    assert TOKEN not in repr(Join(Secret(TOKEN)))
    with pytest.raises(TypeError):
        asdict(Join(Secret(TOKEN)))
