from __future__ import annotations

import pytest

from bootstrap.errors import BootstrapError, FailedTogether, InterruptedRun, LockedError, UsageError


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (BootstrapError("x"), 1),
        (UsageError("x"), 2),
        (LockedError("x"), 4),
        (InterruptedRun("x"), 130),
        (FailedTogether((BootstrapError("x"),)), 1),
    ],
)
def test_each_error_has_the_exit_code_of_the_contract(error: BootstrapError, code: int) -> None:
    """Scripts tell a refusal from a wrong file, a lock and an interruption by the number alone."""
    assert error.exit_code == code


def test_an_error_reads_where_then_what() -> None:
    """The place comes first, as compilers do it; without a place there is no colon."""
    assert str(BootstrapError("no space", where="prod-web-1")) == "prod-web-1: no space"
    assert str(BootstrapError("no space")) == "no space"


def test_one_failure_is_told_as_itself() -> None:
    """A run in which one step failed says what failed, not that one step did."""
    error = FailedTogether((BootstrapError("no space", where="prod-web-1", fix="free some", code="disk"),))

    assert (error.what, error.where, error.fix, error.code) == ("no space", "prod-web-1", "free some", "disk")


def test_one_failure_without_advice_says_that_running_again_resumes() -> None:
    """There is always something to do next."""
    assert FailedTogether((BootstrapError("no space"),)).fix == "run the same command again: it goes on from here"


def test_several_failures_are_all_in_the_sentence() -> None:
    """A script that reads only `what` misses nothing."""
    error = FailedTogether((BootstrapError("no space", where="a"), BootstrapError("no route", where="b")))

    assert str(error) == "2 steps failed: a: no space; b: no route"
    assert error.code == "failed"
    assert [one.where for one in error.errors] == ["a", "b"]
