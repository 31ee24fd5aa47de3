from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from bootstrap.errors import BootstrapError, FailedTogether, InterruptedRun, LockedError, UsageError, outside


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


@pytest.mark.parametrize("file", [None, 7])
@pytest.mark.parametrize("number", [errno.EACCES, errno.EPERM])
def test_what_is_barred_and_names_no_file_is_ours(number: int, file: int | None) -> None:
    """A signal, a socket or an open file: no file's mode lets it in, and so it is told as a bug."""
    assert outside(OSError(number, os.strerror(number), file), "host/prod-web-1") is None


@pytest.mark.parametrize(
    ("path", "root"),
    [
        ("/etc/sysctl.d/90-bootstrap.conf", True),
        ("/var/lib/bootstrap/local/prod/fabric.json", True),
        ("/scratch/lab/prod/fabric.json", True),
        ("/home/ann/prod.yml", False),
        ("/etcetera/prod.yml", False),
        (b"/home/ann/prod.yml", False),
        (Path("/home/ann/prod.yml"), False),
    ],
)
def test_only_what_is_root_s_asks_for_root(
    path: str | bytes | Path, root: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The system's files and those of `local`, wherever they lie; a file of the user's own is to be opened for them."""
    monkeypatch.setenv("BOOTSTRAP_LOCAL_DIR", "/scratch/lab")
    error = outside(PermissionError(errno.EACCES, "Permission denied", path))

    assert error is not None
    assert error.where == os.fsdecode(path)
    assert ("sudo" in error.fix) is root
    assert ("readable and writable for you" in error.fix) is not root
    assert f"`namei -l {error.where}`" in error.fix
