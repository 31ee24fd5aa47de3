"""Every error that a person may see: what happened, where, what to do, and the exit code of the process."""

from __future__ import annotations

import errno
import os
from pathlib import Path

EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_DIFFERENT = 3
EXIT_LOCKED = 4
EXIT_INTERRUPTED = 130
_ROOM = "make room on its disk (`df -h` shows which)"
_MEND = "see `dmesg` for what its disk has, and mend that"
DISK_FAULTS = {  # what is the disk's fault and never ours, with the mend
    errno.ENOSPC: _ROOM,
    errno.EDQUOT: _ROOM,
    errno.EFBIG: _ROOM,
    errno.EIO: _MEND,
    errno.EROFS: f"{_MEND}; it is mounted read-only",
}
ACCESS = frozenset({errno.EACCES, errno.EPERM})  # who asks may not
OF_ROOT = ("/dev", "/etc", "/proc", "/run", "/sys", "/usr", "/var/cache", "/var/lib")
OF_ROOT_BY_NAME = ("BOOTSTRAP_LOCAL_DIR", "BOOTSTRAP_CACHE_DIR")  # variables that put folders of `local` elsewhere


class BootstrapError(Exception):
    """Something that the user can act on.

    `what` is one sentence without a full stop, `where` names the thing it happened to (a file position, a node,
    a resource), `fix` is what to do next. `code` is stable: scripts match on it.
    """

    exit_code = EXIT_FAILED

    def __init__(self, what: str, *, where: str = "", fix: str = "", code: str = "failed") -> None:
        super().__init__(what)
        self.what = what
        self.where = where
        self.fix = fix
        self.code = code

    def __str__(self) -> str:
        return f"{self.where}: {self.what}" if self.where else self.what


class UsageError(BootstrapError):
    """The command line asks for something that cannot be done as written."""

    exit_code = EXIT_USAGE

    def __init__(self, what: str, *, where: str = "", fix: str = "", code: str = "E090") -> None:
        super().__init__(what, where=where, fix=fix, code=code)


class LockedError(BootstrapError):
    """Another run holds the cluster's lock."""

    exit_code = EXIT_LOCKED


class InterruptedRun(BootstrapError):  # noqa: N818 - an interruption is asked for, it is no fault
    """Ctrl-C or SIGTERM: nothing new was started, what ran has ended; running again goes on from here."""

    exit_code = EXIT_INTERRUPTED


class FailedTogether(BootstrapError):  # noqa: N818 - reads as what it is: several failures of one run
    """Several independent steps failed in one run; none of them is hidden by another."""

    def __init__(self, errors: tuple[BootstrapError, ...]) -> None:
        again = "run the same command again: it goes on from here"
        if len(errors) == 1:
            (one,) = errors
            super().__init__(one.what, where=one.where, fix=one.fix or again, code=one.code)
        else:
            super().__init__(f"{len(errors)} steps failed: {'; '.join(str(one) for one in errors)}", fix=again)
        self.errors = errors


def outside(error: OSError, where: str = "") -> BootstrapError | None:
    """The error in our words where this machine is at fault and not we; None for any other.

    What is barred and names no file is a call of ours that should not have been made: no file's mode lets it in.
    """
    if error.errno in DISK_FAULTS:
        return unwritable(error, where)
    if error.errno not in ACCESS or not isinstance(error.filename, str | bytes | os.PathLike):
        return None
    path = os.fsdecode(error.filename)
    mend = "run it as root (`sudo`); if you are" if _of_root(path) else "make it readable and writable for you"
    fix = f"{mend}: `namei -l {path}` shows who may what"
    what = f"no access: {os.strerror(error.errno)}"
    return BootstrapError(what, where=path, fix=fix, code="no_access")


def unwritable(error: OSError, where: str = "") -> BootstrapError:
    """The error of a disk that takes no more, whose errno is in DISK_FAULTS. `where` is told if the error names no file."""
    number = error.errno or 0
    fix = f"{DISK_FAULTS.get(number, _MEND)}, then run the same command again: it goes on from here"
    what = f"cannot write: {os.strerror(number)}"
    return BootstrapError(what, where=str(error.filename or where), fix=fix, code="cannot_write")


def _of_root(path: str) -> bool:
    """Whether it is the system's or in a folder of `local`: of whom only root may change anything."""
    named = (os.environ[name] for name in OF_ROOT_BY_NAME if os.environ.get(name))
    return any(Path(path).absolute().is_relative_to(Path(one).absolute()) for one in (*OF_ROOT, *named))
