"""Results that survive a run that is cut short: one JSON document a line, with the commit that it was tried on."""

from __future__ import annotations

import json
import subprocess
import threading
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
_LOCK = threading.Lock()


def read(path: Path) -> list[dict[str, Any]]:
    """Every whole line; one that a killed run left half written does not count."""
    found = []
    for line in path.read_text().splitlines() if path.exists() else []:
        try:
            found.append(json.loads(line))
        except ValueError:
            continue
    return found


def add(path: Path, outcome: dict[str, Any]) -> None:
    """Append one line, whole; a half-written one before it is ended first."""
    told = {**outcome, "commit": commit()}
    with _LOCK:
        text = path.read_text() if path.exists() else ""
        with path.open("a") as file:
            file.write(("\n" if text and not text.endswith("\n") else "") + json.dumps(told) + "\n")


def commit(root: Path = ROOT) -> str:
    """The checkout's commit as it is now, `-dirty` where files differ from it; "" where git does not say.

    Asked for each line: a sweep of hours may outlive a commit. The documents do not count, since results end in them.
    """
    head = _git(root, "rev-parse", "--short=7", "HEAD")
    changed = _git(root, "status", "--porcelain", "--untracked-files=no", "--", ".", ":!docs")
    return f"{head}-dirty" if head and changed else head


def _git(root: Path, *argv: str) -> str:
    """What git prints, without writing anything: this may be root in somebody else's checkout."""
    words = ["git", "--no-optional-locks", "-C", str(root), "-c", f"safe.directory={root}", *argv]
    try:
        return subprocess.run(words, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""
