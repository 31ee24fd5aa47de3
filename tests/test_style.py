"""The budget by which a reader judges us: short files, short functions, telling names, a sentence for each test."""

from __future__ import annotations

import ast
import statistics
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FILE_LINES = 250
FUNCTION_LINES = 40
EMPTY_NAMES = ("Manager", "Helper", "Util", "Utils")  # a swarm manager is a manager; a class is named by what it is

Function = ast.FunctionDef | ast.AsyncFunctionDef


@cache
def tree(path: Path) -> ast.Module:
    """The parsed file."""
    return ast.parse(path.read_text(encoding="utf-8"))


def files(folder: str) -> list[Path]:
    """The Python files under a folder of the checkout."""
    return sorted(path for path in (ROOT / folder).rglob("*.py") if "__pycache__" not in path.parts)


def functions(path: Path) -> Iterator[tuple[Function, int]]:
    """Every function with its length in lines, decorators included."""
    for node in ast.walk(tree(path)):
        if isinstance(node, Function):
            first = min([node.lineno, *(one.lineno for one in node.decorator_list)])
            yield node, (node.end_lineno or first) - first + 1


def lines(path: Path) -> int:
    """How long a file is."""
    return len(path.read_text(encoding="utf-8").splitlines())


def at(path: Path, line: int = 1) -> str:
    """`bootstrap/cli/up.py:7`, which an editor can open."""
    return f"{path.relative_to(ROOT)}:{line}"


def test_no_file_is_longer_than_a_reader_can_hold() -> None:
    """Two hundred and fifty lines, in the package and in the agent."""
    assert not [f"{at(path)}: {lines(path)} lines" for path in files("bootstrap") if lines(path) > FILE_LINES]


def test_no_function_is_longer_than_a_screen() -> None:
    """Forty lines, docstring included."""
    assert not [
        f"{at(path, node.lineno)} {node.name}: {length} lines"
        for path in files("bootstrap")
        for node, length in functions(path)
        if length > FUNCTION_LINES
    ]


def test_no_class_has_an_empty_name() -> None:
    """`Manager`, `Helper` and `Util` say nothing about what a thing is."""
    assert not [
        f"{at(path, node.lineno)} {node.name}"
        for path in files("bootstrap")
        for node in ast.walk(tree(path))
        if isinstance(node, ast.ClassDef) and node.name.endswith(EMPTY_NAMES)
    ]


def test_every_test_says_what_it_expects() -> None:
    """A failing test is read by its first sentence."""
    assert not [
        at(path, node.lineno)
        for path in files("tests")
        for node, _ in functions(path)
        if node.name.startswith("test_") and not (ast.get_docstring(node) or "").strip()
    ]


def test_every_module_and_public_function_has_a_docstring() -> None:
    """Ruff asks as well; this also holds where ruff is not installed."""
    assert not [at(path) for path in files("bootstrap") if not ast.get_docstring(tree(path))]


def test_the_sizes_are_near_those_of_our_models(capsys: pytest.CaptureFixture[str]) -> None:
    """The median file is near 100 lines, the median function near 10; the figures are printed."""
    file_sizes = [lines(path) for path in files("bootstrap") if path.name != "__init__.py"]
    function_sizes = [length for path in files("bootstrap") for _, length in functions(path)]
    with capsys.disabled():
        print(  # noqa: T201 - the figures are what a reader of the run wants
            f"\nstyle: {len(file_sizes)} files, {sum(file_sizes)} lines, file median {statistics.median(file_sizes):.0f}"
            f" max {max(file_sizes)}; {len(function_sizes)} functions, median {statistics.median(function_sizes):.0f}"
            f" max {max(function_sizes)}"
        )

    assert statistics.median(file_sizes) <= 150
    assert statistics.median(function_sizes) <= 12
