"""Change one number in an inventory and not one other byte of it."""

from __future__ import annotations

import json
import os
import re
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from bootstrap.errors import UsageError
from bootstrap.model.cluster import MANAGERS


def with_count(text: str, pool: str, count: int) -> str:
    """The inventory's text with another `count` for `pool` ("managers" as well); UsageError where there is no number.

    The parser only finds the place: comments, quotes and spaces stay as they are because nothing is written anew.
    """
    line, column = _place(YAML(typ="rt").load(text), pool)
    lines = text.splitlines(keepends=True)
    head, rest = lines[line][:column], lines[line][column:]
    number = re.match(r"[0-9]+(?=[\s,}]|$)", rest)
    if number is None:
        raise _no_number(pool, f"line {line + 1} has no plain number there")
    lines[line] = f"{head}{count}{rest[number.end() :]}"
    changed = "".join(lines)
    if _values(changed) != _with_count(_values(text), pool, count):
        raise _no_number(pool, "another part of the file shares it")
    return changed


def _values(text: str) -> Any:
    """What the text says, without anchors: what two keys share is twice there."""
    return json.loads(json.dumps(YAML(typ="safe").load(text), default=str))


def _with_count(document: Any, pool: str, count: int) -> Any:
    section = document[MANAGERS] if pool == MANAGERS else document["pools"][pool]
    section["count"] = count
    return document


def _place(document: Any, pool: str) -> tuple[int, int]:
    """Line and column, from 0, where the value of the pool's `count` begins."""
    section = document.get(MANAGERS) if pool == MANAGERS else (document.get("pools") or {}).get(pool)
    if not isinstance(section, Mapping) or "count" not in section:
        raise _no_number(pool, "it has no `count`")
    place = section.lc.value("count")  # type: ignore[attr-defined]  # ruamel's own mapping
    if place is None:
        raise _no_number(pool, "its `count` comes from another part of the file")
    return int(place[0]), int(place[1])


def _no_number(pool: str, why: str) -> UsageError:
    return UsageError(f"cannot write the size of {pool}: {why}", fix="change the file by hand, then run `bootstrap up`")


@contextmanager
def draft(path: Path, text: str) -> Iterator[Path]:
    """A file beside `path` with the new text, removed at the end: what is checked and planned before it counts."""
    number, name = tempfile.mkstemp(prefix=f".{path.stem}-", suffix=".yml", dir=path.parent)
    try:
        with os.fdopen(number, "w", encoding="utf-8", newline="") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        _resemble(Path(name), path.stat())
        yield Path(name)
    finally:
        with suppress(FileNotFoundError):
            Path(name).unlink()


def _resemble(new: Path, old: os.stat_result) -> None:
    """Owner, group and mode of the file it is to become: under sudo the user's inventory stays the user's.

    Who is not root may keep a group of theirs, and cannot give a file to another owner: then it is as after an editor.
    """
    for owner, group in ((-1, old.st_gid), (old.st_uid, -1)):
        with suppress(PermissionError):
            os.chown(new, owner, group)
    new.chmod(old.st_mode & 0o7777)  # last: a change of the owner clears bits


def put_in_place(new: Path, path: Path) -> None:
    """Make the draft the file, in one step; a symbolic link stays one.

    Where the link leads to another directory, that may be another filesystem, and only a file beside it can take its
    place. The draft itself stands beside the link, as what an inventory names is looked for there.
    """
    real = path.resolve()
    if new.resolve().parent == real.parent:
        new.replace(real)
    else:
        with draft(real, new.read_bytes().decode()) as near:
            near.replace(real)
    directory = os.open(real.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
