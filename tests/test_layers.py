from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
STDLIB_3_9 = sys.stdlib_module_names - {"tomllib"}  # nothing else is newer than what a node has

BROKEN = [
    ("layers", "bootstrap/model/naming.py", "import bootstrap.engine.diff"),
    ("layers", "bootstrap/remote/runner.py", "import bootstrap.userdata"),
    ("layers", "bootstrap/misplaced.py", ""),
    ("agent-alone", "bootstrap/agent/guard.py", "import bootstrap.errors"),
    ("agent-users", "bootstrap/engine/diff.py", "import bootstrap.agent"),
    ("cloud-doors", "bootstrap/providers/base.py", "import boto3"),
    ("cloud-doors", "bootstrap/swarm/view.py", "from google.cloud import compute_v1"),
    ("ssh-door", "bootstrap/engine/session.py", "import fabric"),
]


def lint_imports(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Run import-linter as a developer would, over the package in `folder`."""
    code = "from importlinter.cli import lint_imports_command; lint_imports_command()"
    return subprocess.run(
        [sys.executable, "-c", code, "--no-cache", "--no-logo", *options],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.process
def test_every_contract_is_kept() -> None:
    """Dependencies point one way, the agent stands alone, and each outside world has one door."""
    result = lint_imports(ROOT)

    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.process
@pytest.mark.parametrize(("contract", "file", "line"), BROKEN, ids=[f"{one[0]}:{one[2]}" for one in BROKEN])
def test_a_broken_import_is_caught(tmp_path: Path, contract: str, file: str, line: str) -> None:
    """A contract that cannot fail would prove nothing."""
    shutil.copytree(ROOT / "bootstrap", tmp_path / "bootstrap", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    with (tmp_path / file).open("a", encoding="utf-8") as module:
        module.write(f"\n{line}\n")

    result = lint_imports(tmp_path, "--contract", contract)

    assert result.returncode == 1
    assert "BROKEN" in result.stdout, result.stdout + result.stderr


def imports(path: Path) -> set[str]:
    """The top-level names that a module imports; a relative import is `.`."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {one.name.split(".")[0] for one in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add("." if node.level else (node.module or "").split(".")[0])
    return found


def test_the_agent_needs_nothing_but_python() -> None:
    """A node has a bare Python 3.9: every import of the agent is of its own package or of the standard library."""
    files = sorted((ROOT / "bootstrap" / "agent").rglob("*.py"))

    strange = {(file.name, name) for file in files for name in imports(file) - STDLIB_3_9 - {".", "bootstrap"}}

    assert files
    assert not strange


def test_the_two_lists_of_developer_tools_are_equal() -> None:
    """`pip install .[dev]` (pip 23.0 knows no groups) and `--group dev` install the same."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))

    assert project["project"]["optional-dependencies"]["dev"] == project["dependency-groups"]["dev"]
