"""What one check of `doctor` found. Providers add their own checks; a check looks and never changes anything."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Outcome(StrEnum):
    """Fine; worth knowing; or in the way."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True)
class Finding:
    """One result: the check's stable id, the node (None: this machine or the whole cluster), a sentence, the mend."""

    id: str
    node: str | None
    result: Outcome
    what: str
    fix: str = ""

    def as_json(self) -> dict[str, str | None]:
        """The entry of `doctor -o json`."""
        return {"id": self.id, "node": self.node, "result": str(self.result), "what": self.what, "fix": self.fix}


def ok(check: str, what: str, node: str | None = None) -> Finding:
    """It is fine."""
    return Finding(check, node, Outcome.OK, what)


def warn(check: str, what: str, fix: str, node: str | None = None) -> Finding:
    """It works, and somebody should know."""
    return Finding(check, node, Outcome.WARN, what, fix)


def fail(check: str, what: str, fix: str, node: str | None = None) -> Finding:
    """It is in the way."""
    return Finding(check, node, Outcome.FAIL, what, fix)
