"""YAML text to a tree, from ruamel's events: nothing is constructed, so that no tag, alias or depth can do harm."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml import events as ev
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from bootstrap.inventory.compose import Complaint, Composer
from bootstrap.inventory.source import Unreadable
from bootstrap.inventory.tree import Map, Node

_SPACES = "indent with spaces, and quote text that holds ': ' or begins with a special character"
_BRACES = "quote ${VAR} inside braces and brackets"


def parse(text: str) -> tuple[Map, list[Complaint]]:
    """The top-level map and what is wrong with it; Unreadable when no tree can be made at all."""
    composer = Composer()
    roots: list[Node] = []
    for event in _events(text):
        _document(event, roots)
        root = composer.take(event, *_place(event))
        if root is not None:
            roots.append(root)
    if not roots or not isinstance(roots[0], Map) or not roots[0].entries:
        line, col = roots[0].place if roots else (1, 1)
        what = "the top level is not a map" if roots and not _blank(roots[0]) else "the file is empty"
        raise Unreadable("E006", what, "begin with `version: 1`, or let `bootstrap init` write one", line=line, col=col)
    return roots[0], composer.complaints


def _blank(root: Node) -> bool:
    return root.weight <= 1


def _events(text: str) -> Iterator[Any]:
    """Events with YAML's own complaints translated: `rt` would also keep comments, which nobody needs here."""
    try:
        yield from YAML(typ="safe", pure=True).parse(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, col = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        what = error.problem or error.context or "not YAML"
        hint = _BRACES if "${" in text.split("\n")[min(line, text.count("\n") + 1) - 1] else _SPACES
        raise Unreadable("E005", f"not YAML: {what}", hint, line=line, col=col) from None
    except (YAMLError, ValueError, IndexError, AttributeError, TypeError, AssertionError) as error:
        # The scanner lets a few of Python's own errors through for malformed escapes and directives.
        raise Unreadable("E005", f"not YAML: {error}", _SPACES) from None


def _place(event: Any) -> tuple[int, int]:
    mark = event.start_mark
    return mark.line + 1, mark.column + 1


def _document(event: Any, roots: list[Node]) -> None:
    """One document, without directives."""
    if not isinstance(event, ev.DocumentStartEvent):
        return
    line, col = _place(event)
    if roots:
        raise Unreadable("E006", "several documents in one file", "one file is one cluster", line=line, col=col)
    if event.version or event.tags:
        raise Unreadable("E005", "directives (%YAML, %TAG) are not allowed", "remove the line", line=line, col=col)
