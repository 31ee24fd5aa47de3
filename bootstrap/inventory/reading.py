"""From a path to a cluster or to everything that is wrong, step by step; no step stops at its first finding."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from bootstrap.inventory.build import build
from bootstrap.inventory.draft import Draft
from bootstrap.inventory.parse import parse
from bootstrap.inventory.problem import Finding, Loc, Problem
from bootstrap.inventory.providers import TABLE, provider_named
from bootstrap.inventory.redaction import scrub
from bootstrap.inventory.report import Report, shown_problems
from bootstrap.inventory.rules import RULES, later
from bootstrap.inventory.rules.document import empty_managers, too_new
from bootstrap.inventory.schema.block import Block
from bootstrap.inventory.schema.document import Inventory, InventoryFile
from bootstrap.inventory.source import Unreadable, inside, read_text
from bootstrap.inventory.translate import finding, unquoted
from bootstrap.inventory.tree import Entry, Map, Scalar, find, plain
from bootstrap.inventory.values import Evaluation, retype
from bootstrap.model.cluster import Cluster

_ROUNDS = 20  # each cuts out what it found wrong; a value can be wrong in one more way than it is deep
_PER_ROUND = 200


@dataclass(frozen=True)
class Reading:
    """What came of a file: `cluster` is None when there are errors. `total` counts errors that are not shown too,
    as far as they were looked for.
    """

    cluster: Cluster | None
    problems: tuple[Problem, ...]
    total: int

    @property
    def errors(self) -> tuple[Problem, ...]:
        """The problems without the warnings."""
        return tuple(one for one in self.problems if one.severity == "error")


def read(path: str | os.PathLike[str], environ: Mapping[str, str] | None = None) -> Reading:
    """See `bootstrap.inventory.read`."""
    name, file = scrub(os.fspath(path)), Path(path)
    try:
        return _read(name, file, os.environ if environ is None else environ)
    except Unreadable as error:
        return _failed(Problem(name, error.line, error.col, error.code, "error", "file", error.what, error.hint))
    except Exception as error:  # noqa: BLE001 - the last net: a file of the user's never gives a traceback
        what, hint = f"not understood ({type(error).__name__})", "please report it with the file"
        return _failed(Problem(name, 1, 1, "E000", "error", "file", what, hint))


def _failed(problem: Problem) -> Reading:
    clean = Problem(**{**problem.document(), "what": scrub(problem.what).replace("; ", ", ")})  # type: ignore[arg-type]
    return Reading(None, (clean,), 1)


def _read(name: str, path: Path, environ: Mapping[str, str]) -> Reading:
    inside(path, path.parent)
    text, shared = read_text(path)
    root, complaints = parse(text)
    report = Report(name, root)
    for complaint in complaints:
        report.complain(complaint)
    if shared:
        report.add(Finding("W002", (), "everybody may write to this file", f"run `chmod o-w {name}`"))
    _evaluate(report, environ)
    empty_managers(root, report)
    draft = None if too_new(root, report) else _draft(report, path.parent)
    if draft:
        for rule in RULES:
            report.add_all(rule(draft))
    if draft is None or report.errors:
        return Reading(None, shown_problems(report.sorted()), report.errors)
    report.add_all(later.check(draft))
    return Reading(build(draft, path), shown_problems(report.sorted()), 0)


def _evaluate(report: Report, environ: Mapping[str, str]) -> None:
    """Values of the scalars; what is refused goes out of the tree."""
    walk = Evaluation(environ)
    walk.walk(report.root)
    found = [*walk.findings, *filter(None, (unquoted(InventoryFile, *one) for one in walk.surprises))]
    report.add_all(found)
    report.drop(one.loc for one in found)


def _draft(report: Report, directory: Path) -> Draft | None:
    """The file as a model, as far as its values are sound one by one."""
    provider = _provider(report.root)
    file = _validated(report)
    if file is None:
        return None
    known = provider_named(provider) if provider else None
    settings = getattr(file, provider) if provider else None
    return Draft(file, known, settings if isinstance(settings, Block) else None, directory)


def _provider(root: Map) -> str | None:
    """The provider that is named; its block is put in where it is left out, so that what misses in it is told."""
    entry = root.entries.get("provider")
    value = entry.node.value if entry and isinstance(entry.node, Scalar) else None
    if entry is None or not isinstance(value, str) or value not in TABLE:
        return None
    root.entries.setdefault(value, Entry(entry.place, Map(entry.place)))
    return value


def _validated(report: Report) -> Inventory | None:
    for _ in range(_ROUNDS):
        try:
            return InventoryFile.model_validate(plain(report.root))
        except ValidationError as error:
            if not _tell(report, error):
                return None
    return None


def _tell(report: Report, error: ValidationError) -> bool:
    """Report the errors of one round and cut them out; False when that cannot go on."""
    found, retyped = list[tuple[Finding, Loc]](), False
    for one in error.errors(include_url=False)[:_PER_ROUND]:
        loc: Loc = tuple(step for step in one["loc"] if step != "[key]")
        if one["type"] in {"int_type", "bool_type", "literal_error"} and retype(find(report.root, loc).node):
            retyped = True
            continue
        found.append((finding(one, InventoryFile), loc[:-1] if one["type"] == "missing" else loc))
    for told, loc in found:
        report.add(told)
        if told.code == "E021" and told.hint.startswith("did you mean"):
            report.silence_absent((*loc[:-1], told.hint.split("'")[1]))
    # With more errors than anybody mends at a time, the rest of the file is not worth its work.
    return error.error_count() <= _PER_ROUND and (report.drop(loc for _, loc in found) or retyped)
