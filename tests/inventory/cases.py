"""Inventories as files: `#> LINE` at the top is a problem that is expected, `#$ JSON` the environment."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
EXAMPLES = HERE.parents[1] / "inventories"


@dataclass(frozen=True)
class Case:
    """One file, what it should say, and the variables that it sees."""

    path: Path
    expected: tuple[str, ...]
    environ: dict[str, str]


def read_case(path: Path) -> Case:
    """The case that a file is."""
    lines = path.read_text(encoding="utf-8").split("\n")
    expected = tuple(line[3:] for line in lines if line.startswith("#> "))
    environ: dict[str, str] = next((json.loads(line[3:]) for line in lines if line.startswith("#$ ")), {})
    return Case(path, expected, environ)


def cases(folder: str) -> list[Case]:
    """Every case of a folder, by name."""
    return [read_case(path) for path in sorted((HERE / folder).glob("*.yml"))]


def examples() -> list[Path]:
    """The inventories that we publish."""
    return sorted(EXAMPLES.glob("*.yml"))
