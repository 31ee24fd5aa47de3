"""Collects findings as problems with line and column, each once, and keeps quiet about what follows from another."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from bootstrap.inventory.compose import Complaint
from bootstrap.inventory.problem import LIMIT, Finding, Loc, Problem
from bootstrap.inventory.redaction import scrub
from bootstrap.inventory.tree import Map, Place, cut, find, where

KEPT = 1000  # a file can be wrong in more ways than anybody needs to be told


@dataclass
class Report:
    """Findings are added in the coordinates of the tree as it is now; what is cut later does not move them."""

    file: str
    root: Map
    problems: dict[tuple[Place, str, str], Problem] = field(default_factory=dict)
    silenced: set[Loc] = field(default_factory=set)

    def add(self, finding: Finding) -> None:
        """Tell it, unless it follows from something that was told."""
        spot = find(self.root, finding.loc, at_key=finding.at_key)
        if self._follows(spot.labels):
            return
        what = finding.what
        if finding.other is not None:
            what += f" already at line {find(self.root, finding.other).place[0]}"
        self._keep(spot.place, finding.code, spot.labels, what, finding.hint)

    def add_all(self, findings: Iterable[Finding]) -> None:
        """Tell each."""
        for one in findings:
            self.add(one)

    @property
    def errors(self) -> int:
        """How many errors were told; warnings do not count."""
        return sum(one.severity == "error" for one in self.problems.values())

    def complain(self, complaint: Complaint) -> None:
        """Tell what YAML itself has wrong."""
        self._keep(complaint.place, complaint.code, complaint.labels, complaint.what, complaint.hint)

    def silence(self, loc: Loc) -> None:
        """Nothing more about this place, what is below it, and what directly holds it."""
        self.silenced.add(find(self.root, loc).labels)

    def silence_absent(self, loc: Loc) -> None:
        """Nothing about the absence of a key that was only misspelt."""
        if find(self.root, loc).node is None:
            self.silence(loc)

    def drop(self, locs: Iterable[Loc]) -> bool:
        """Cut out what was told, so that the rest can be checked; False when nothing could be cut."""
        wanted = {self._standing(loc) for loc in locs} - {()}
        for loc in wanted:
            self.silence(loc)
        # The last and the deepest first: indices of a list shift when an item before them goes.
        for loc in sorted(wanted, key=_order, reverse=True):
            cut(self.root, loc)
        return bool(wanted)

    def sorted(self) -> list[Problem]:
        """In file order."""
        return sorted(self.problems.values(), key=lambda one: (one.line, one.col, one.code, one.where))

    def _standing(self, loc: Loc) -> Loc:
        """The longest part of a path that is in the tree."""
        while loc and find(self.root, loc).node is None:
            loc = loc[:-1]
        return loc

    def _follows(self, labels: Loc) -> bool:
        return any(labels[:length] in self.silenced for length in range(1, len(labels) + 1)) or any(
            one[:-1] == labels for one in self.silenced if len(one) == len(labels) + 1 and labels
        )

    def _keep(self, place: Place, code: str, labels: Loc, what: str, hint: str) -> None:
        if len(self.problems) >= KEPT:
            return
        path = scrub(where(labels))
        severity = "warning" if code.startswith("W") else "error"
        problem = Problem(self.file, *place, code, severity, path, scrub(what).replace("; ", ", "), scrub(hint))
        self.problems.setdefault((place, code, what), problem)


def shown_problems(problems: list[Problem]) -> tuple[Problem, ...]:
    """The first of them in file order; a warning gives way to an error."""
    errors = [one for one in problems if one.severity == "error"][:LIMIT]
    warnings = [one for one in problems if one.severity != "error"][: LIMIT - len(errors)]
    kept = {id(one) for one in (*errors, *warnings)}
    return tuple(one for one in problems if id(one) in kept)


def _order(loc: Loc) -> list[tuple[int, str]]:
    return [(step, "") if isinstance(step, int) else (0, step) for step in loc]
