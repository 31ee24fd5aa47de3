"""Hooks and stack files: there, readable, inside the inventory's directory, and fit to travel."""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator
from pathlib import Path

from bootstrap.inventory.draft import Draft
from bootstrap.inventory.problem import Finding, Loc
from bootstrap.inventory.redaction import looks_secret, shown
from bootstrap.inventory.source import Unreadable, inside, read_text
from bootstrap.inventory.values import SECRET_HINT

MAX_HOOK = 64 << 10
MAX_STACK = 1 << 20
MOMENTS = ("pre_docker", "pre_join", "post_join", "pre_drain")
_HOOK_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


def check(draft: Draft) -> Iterator[Finding]:
    """Reads each file once into `draft.texts`."""
    for loc, layer in draft.layers():
        hooks = layer.hooks
        for moment in MOMENTS if hooks else ():
            for index, path in enumerate(getattr(hooks, moment) or ()):
                yield from _hook(draft, (*loc, "hooks", moment, index), path)
    for name, stack in (draft.file.stacks or {}).items():
        for index, path in enumerate(stack.files):
            yield from _text(draft, ("stacks", name, "files", index), path, MAX_STACK)
    yield from _weight(draft)


def _hook(draft: Draft, loc: Loc, path: str) -> Iterator[Finding]:
    if not _HOOK_NAME.fullmatch(Path(path).name):
        yield Finding("E023", loc, f"{shown(Path(path).name)} is no hook name", "use letters, digits, dots and dashes")
    yield from _text(draft, loc, path, MAX_HOOK)
    text = draft.texts.get(path)
    if text is not None and not text.startswith("#!"):
        yield Finding("W070", loc, f"{shown(path)} does not begin with #!", "begin it with #!/bin/sh, as it is run")


def _text(draft: Draft, loc: Loc, path: str, limit: int) -> Iterator[Finding]:
    try:
        text = draft.texts.get(path)
        if text is None:
            real = inside(draft.directory / path, draft.directory)
            text = draft.texts.setdefault(path, read_text(real, limit)[0])
    except Unreadable as error:
        at = f" at {error.line}:{error.col}" if error.code == "E004" else ""
        yield Finding(error.code, loc, f"{shown(path)}: {error.what}{at}", error.hint)
        return
    if looks_secret(text):
        what = f"{shown(path)} holds what looks like a secret, it would travel in the open"
        yield Finding("E051", loc, what, SECRET_HINT)


def _weight(draft: Draft) -> Iterator[Finding]:
    """User-data is small on clouds; hooks that cannot fit even alone are told here, before anything is rendered."""
    limit = draft.provider.user_data_limit if draft.provider else None
    for name, loc, group in draft.groups() if limit else ():
        hooks = draft.merged(group).get("hooks", {})
        text = "".join(draft.texts.get(path, "") for moment in MOMENTS for path in hooks.get(moment) or ())
        size = len(zlib.compress(text.encode(), 9))
        if limit and size > limit:
            place: Loc = (*loc, "hooks") if group.hooks else ("hooks",)
            what = f"hooks of '{name}' have {size} bytes compressed, user-data holds {limit}"
            yield Finding("E075", place, what, "let a short hook fetch the rest")
