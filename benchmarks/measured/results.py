"""What was measured so far, one line of JSON for each life of two clusters, so that a run that was stopped goes on."""

from __future__ import annotations

import hashlib
import json
import os
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
SOURCES = ("bootstrap", "templates", "benchmarks")
STEPS = ("form", "again", "list")


def source() -> str:
    """Twelve hex digits of all that is measured and of what measures it: figures of two versions are never mixed."""
    digest = hashlib.sha256()
    files = (path for name in SOURCES for path in (ROOT / name).rglob("*") if path.suffix in {".py", ".sh", ".j2"})
    for path in sorted(files):
        digest.update(f"{path.relative_to(ROOT)}\0".encode() + path.read_bytes())
    return digest.hexdigest()[:12]


class Results:
    """The file. `rounds(hosts)` are those of this version of the program."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._source = source()

    def rounds(self, hosts: int) -> list[dict[str, Any]]:
        """What was measured with so many hosts, oldest first."""
        lines = self._file.read_text(encoding="utf-8").splitlines() if self._file.exists() else []
        found = [json.loads(line) for line in lines if line.endswith("}")]  # a kill may leave a part of one
        return [one for one in found if (one["source"], one["hosts"]) == (self._source, hosts)]

    def add(self, hosts: int, taken: dict[str, Any]) -> None:
        """One more round, on the disk before the next begins; the file is the checkout's owner's."""
        self._file.parent.mkdir(exist_ok=True)
        with self._file.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"source": self._source, "hosts": hosts, **taken}) + "\n")
            os.fsync(file.fileno())
        for path in (self._file, self._file.parent):
            os.chown(path, ROOT.stat().st_uid, ROOT.stat().st_gid)

    def forget(self) -> None:
        """The page is written: the next run begins anew."""
        self._file.unlink(missing_ok=True)


def summary(hosts: int, rounds: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """One size: for each step the medians of both, and the median of the rounds' own ratios."""
    found: dict[str, Any] = {"hosts": hosts, "rounds": len(rounds)}
    for one in rounds:
        found.update({"idle": one["idle"]} if one.get("idle") else {})
    return found | {step: _step([one[step] for one in rounds]) for step in STEPS}


def _step(pairs: Sequence[dict[str, dict[str, float]]]) -> dict[str, Any]:
    step: dict[str, Any] = {
        who: {name: statistics.median(pair[who][name] for pair in pairs) for name in ("seconds", "cpu")}
        | {"peak": max(pair[who]["peak"] for pair in pairs)}
        for who in ("ours", "floor")
    }
    for name in ("seconds", "cpu"):
        step[f"{name}_ratio"] = statistics.median(pair["ours"][name] / pair["floor"][name] for pair in pairs)
    step["others"] = max(pair[who]["others"] for pair in pairs for who in ("ours", "floor"))
    return step
