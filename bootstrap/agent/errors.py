"""What can go wrong on a node, said without a secret in it."""

from __future__ import annotations

import re
import sys
import time

_SECRET = re.compile(r"SWMTKN-\S+|SWMKEY-\S+|-----BEGIN [A-Z0-9 ]+-----.*?(?:-----END [A-Z0-9 ]+-----|\Z)", re.DOTALL)


class AgentError(Exception):
    """Something a person may act on: `what` without a full stop, `where`, what to do (`fix`), a stable `code`."""

    def __init__(self, what: str, *, where: str = "", fix: str = "", code: str = "failed") -> None:
        super().__init__(redact(what))
        self.what = redact(what)
        self.where = redact(where)
        self.fix = fix
        self.code = code


class Refused(AgentError):  # noqa: N818 - reads as what it is
    """A rule forbids it now: somebody else holds the claim, no seat is free, the guard says no."""

    def __init__(self, what: str, *, where: str = "", fix: str = "", code: str = "refused") -> None:
        super().__init__(what, where=where, fix=fix, code=code)


class Unavailable(AgentError):  # noqa: N818 - likewise
    """The store or the metadata service gave no usable answer: no information, never a reason to act."""

    def __init__(self, what: str, *, where: str = "") -> None:
        super().__init__(
            what, where=where, fix="it is asked again; look at the service if this stays", code="unavailable"
        )


# What a tick survives: refusals, silence, and an answer of another shape than expected. None of them is a reason to act.
HEALS = (AgentError, OSError, LookupError, TypeError, ValueError, AttributeError)


def redact(text: str) -> str:
    """`text` with tokens, unlock keys and PEM blocks replaced."""
    return _SECRET.sub("<redacted>", text)


def explain(error: BaseException) -> str:
    """An error in one line: ours by what it says, any other with its type."""
    return error.what if isinstance(error, AgentError) else redact(f"{type(error).__name__}: {error}")


def log(text: str) -> None:
    """One line to stderr with the time in UTC, redacted."""
    stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    print(stamp, redact(text), file=sys.stderr, flush=True)
