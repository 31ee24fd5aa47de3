from __future__ import annotations

import pytest

from bootstrap.errors import BootstrapError
from bootstrap.lab import command

pytestmark = pytest.mark.process


def test_output_comes_back() -> None:
    """What goes in by stdin comes out by stdout, as text."""
    assert command.run(["cat"], stdin="höre\n") == "höre\n"
    assert command.attempt(["sh", "-c", "echo no >&2; exit 3"]).code == 3


def test_a_failure_shows_the_last_lines_of_what_was_said() -> None:
    """The end is where programs say why."""
    with pytest.raises(BootstrapError, match="ended with 2") as caught:
        command.run(["sh", "-c", "seq 1 100 >&2; exit 2"])
    assert "100" in caught.value.what
    assert "94" not in caught.value.what


def test_a_missing_program_names_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    """`unshare` is no package; `util-linux` is."""
    monkeypatch.setitem(command.ENVIRONMENT, "PATH", "/nonexistent")
    assert not command.available("unshare")

    with pytest.raises(BootstrapError, match="not installed") as caught:
        command.run(["unshare", "--net", "true"])
    assert "util-linux" in caught.value.fix


def test_a_program_that_does_not_end_is_ended() -> None:
    """A hanging tool must not hang the run."""
    with pytest.raises(BootstrapError, match="did not end within"):
        command.run(["sleep", "60"], timeout=0.05)


def test_nobodys_environment_gets_in(monkeypatch: pytest.MonkeyPatch) -> None:
    """A program behaves the same for everybody, and sees no credentials."""
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "canary")

    assert "canary" not in command.run(["env"])
    assert "LC_ALL=C.UTF-8" in command.run(["env"])
