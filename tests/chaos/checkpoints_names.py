"""The list of all checkpoints, read from the source: a new step is in it by itself."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import bootstrap
from bootstrap.model.resource import Resource

SOURCE = Path(bootstrap.__file__).parent
VERBS = {  # what `up`, `down` and `scale` do to a resource of that kind
    "node": ("update", "delete"),  # a node comes by joining
    "fabric": ("create", "update", "delete"),
    "control": ("create", "update", "delete"),
    "group": ("create", "update", "delete"),
    "host": ("create", "update", "delete"),
    "network": ("create", "delete"),  # every field of it is immutable
    "stack": ("create", "update", "delete"),
}


def literals(part: str = "") -> list[tuple[str, str]]:
    """(name, file) of every `reach("…")` in the source, or in one part of it; one without a literal is an error."""
    found = []
    for path in sorted((SOURCE / part).rglob("*.py")):
        for call in _calls(path):
            (name,) = call.args
            if isinstance(name, ast.Constant) and isinstance(name.value, str):
                found.append((name.value, str(path.relative_to(SOURCE))))
            elif path != SOURCE / "engine" / "apply.py":  # the one place where names are made
                raise AssertionError(f"{path}:{call.lineno}: a checkpoint's name is a literal")
    return found


def on_the_machine() -> list[str]:
    """Every checkpoint of the command line, sorted."""
    return sorted({name for name, file in literals() if not file.startswith("agent/")} | set(applied()))


def on_a_node() -> list[str]:
    """Every checkpoint of the agent, sorted."""
    return sorted({name for name, _ in literals("agent")})


def applied() -> list[str]:
    """Those that the engine makes around each verb of each kind of resource."""
    ends = ("begin", "end")
    return [f"apply.{kind}.{verb}.{end}" for kind, verbs in VERBS.items() for verb in verbs for end in ends]


def kinds() -> set[str]:
    """Every kind of resource in the program."""
    return {one.kind for one in _below(Resource) if "kind" in vars(one) and one.__module__.startswith("bootstrap.")}


def _below(parent: Any) -> Iterator[Any]:
    for child in parent.__subclasses__():
        yield child
        yield from _below(child)


def _calls(path: Path) -> Iterator[ast.Call]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "reach":
            yield node
