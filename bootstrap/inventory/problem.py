"""What is wrong with an inventory: a finding by path while checking, a problem by line for the reader."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace

from bootstrap.errors import UsageError

LIMIT = 50  # more than one screen of problems is read by nobody; the rest shows after the first are mended
LATER = "W080"  # right, and without effect in this version

Loc = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing to mend. `line` and `col` count from 1; `severity` is "error" or "warning"."""

    file: str
    line: int
    col: int
    code: str
    severity: str
    where: str
    what: str
    hint: str

    def __str__(self) -> str:
        head = f"{self.file}:{self.line}:{self.col}: {self.severity}[{self.code}]"
        return f"{head}: {self.where}: {self.what}; {self.hint}"

    def document(self) -> dict[str, str | int]:
        """As `validate -o json` prints it."""
        return asdict(self)

    def as_error(self) -> Problem:
        """What `--strict` makes of it: an error, unless nothing is wrong with the file but only our version is early."""
        return self if self.code == LATER else replace(self, severity="error")


@dataclass(frozen=True, slots=True)
class Finding:
    """A problem before its place is known: `loc` is the path of keys and indices to it.

    With `other`, the line of that second place is told too; with `at_key` the place is the key's, not the value's.
    Codes that begin with W are warnings.
    """

    code: str
    loc: Loc
    what: str
    hint: str
    other: Loc | None = None
    at_key: bool = False


class InvalidInventory(UsageError):  # noqa: N818 - reads as what it is
    """The inventory cannot be used; `problems` holds every error, in file order, `total` counts the unshown too."""

    def __init__(self, problems: Sequence[Problem], *, total: int | None = None) -> None:
        self.problems = tuple(problems)
        self.total = total if total is not None else len(self.problems)
        first = self.problems[0]
        more = f" and {self.total - 1} more" if self.total > 1 else ""
        place = f"{first.file}:{first.line}:{first.col}"
        super().__init__(f"{first.where}: {first.what}{more}", where=place, fix=first.hint, code=first.code)

    def __str__(self) -> str:
        return "\n".join(map(str, self.problems))
