from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator

import pytest

from bootstrap.engine.logs import REDACTED, redact, setup

TOKEN = "SWMTKN-1-3pu6hszjas19xyp7ghgosyx9k8atbfcr8p2is99znpy26u2lkl-1awxwuwd3z9j1z3puu7rcgdbx"
KEY = "SWMKEY-1-7c37Cc8654o6p38HnroywCi19pllOnGtbdZEgtKxZu8"
PEM = "-----BEGIN EC PRIVATE KEY-----\nMHcCAQEEIO\nabc=\n-----END EC PRIVATE KEY-----"


@pytest.fixture(autouse=True)
def _root_logger() -> Iterator[None]:
    """The root logger is the process's: put it back."""
    root, ours = logging.getLogger(), logging.getLogger("bootstrap")
    before = (root.handlers[:], root.level, ours.level)
    yield
    root.handlers[:], root.level, ours.level = before


@pytest.mark.parametrize(
    "secret", [TOKEN, KEY, PEM, PEM[:60], "AKIAIOSFODNN7EXAMPLE", "ASIAIOSFODNN7EXAMPLE", "ya29.a0AfH6SMB-x_y"]
)
@pytest.mark.parametrize("around", ["{}", "join {} now", '"{}"', "token={}, then"])
def test_a_secret_is_cut_out_wherever_it_stands(secret: str, around: str) -> None:
    """Nothing of it is left, in a sentence, in quotes or alone, and a cut-off key is cut as well."""
    line = redact(around.format(secret))

    assert REDACTED in line
    assert secret not in line
    assert not any(part in line for part in ("SWMTKN", "SWMKEY", "PRIVATE", "MHcC", "IOSF", "a0Af"))


@pytest.mark.parametrize("header", ["Authorization: Bearer abc", "X-Registry-Auth: abc", '"authorization": "abc"'])
def test_a_header_keeps_its_name_and_loses_its_value(header: str) -> None:
    """A reader still sees that there was one."""
    line = redact(f"GET /\n{header}\nHost: x")

    assert "abc" not in line
    assert "uth" in line
    assert "Host: x" in line


def test_plain_text_is_left_alone() -> None:
    """Words that only look alike stay."""
    text = "the SWMTKN prefix, AKIA, a PRIVATE KEY, authorization was refused"

    assert redact(text) == text


@pytest.mark.parametrize("form", ["text", "json"])
def test_the_finished_line_is_redacted_with_its_traceback(form: str) -> None:
    """A secret in an argument, or in an exception of a library, does not reach the screen."""
    stream = io.StringIO()
    setup(verbose=1, form=form, stream=stream)

    try:
        raise ValueError(f"bad token {TOKEN}")
    except ValueError:
        logging.getLogger("bootstrap.x").exception("join with %s failed: %s", TOKEN, PEM)

    assert "SWMTKN" not in stream.getvalue()
    assert "MHcC" not in stream.getvalue()
    assert "ValueError: bad token <redacted>" in stream.getvalue()


def test_json_lines_are_objects() -> None:
    """A log collector reads time, level, logger and message from each line."""
    stream = io.StringIO()
    setup(verbose=1, form="json", stream=stream)

    logging.getLogger("bootstrap.x").info("two\nlines")

    line = json.loads(stream.getvalue())
    assert {key: line[key] for key in ("level", "logger", "message")} == {
        "level": "info",
        "logger": "bootstrap.x",
        "message": "two\nlines",
    }
    assert line["time"].endswith("Z")


@pytest.mark.parametrize(
    ("verbose", "seen"),
    [(0, ["ours warns"]), (1, ["ours", "ours warns"]), (2, ["ours", "ours warns", "theirs"])],
)
def test_each_v_shows_more(verbose: int, seen: list[str]) -> None:
    """Warnings by default; ours with -v; the libraries' with -vv."""
    stream = io.StringIO()
    setup(verbose=verbose, stream=stream)

    logging.getLogger("bootstrap.x").debug("ours")
    logging.getLogger("bootstrap.x").warning("ours warns")
    logging.getLogger("paramiko").info("theirs")

    assert [line.split(": ", 1)[1] for line in stream.getvalue().splitlines()] == seen


def test_setting_up_twice_does_not_double_the_lines() -> None:
    """The second set-up replaces the first."""
    stream = io.StringIO()
    setup(verbose=1, stream=stream)
    setup(verbose=1, stream=stream)

    logging.getLogger("bootstrap").info("once")

    assert stream.getvalue().count("once") == 1
