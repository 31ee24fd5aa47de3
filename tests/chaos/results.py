"""Results that survive a run that is cut short: one JSON document a line."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

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
    with _LOCK:
        text = path.read_text() if path.exists() else ""
        with path.open("a") as file:
            file.write(("\n" if text and not text.endswith("\n") else "") + json.dumps(outcome) + "\n")
