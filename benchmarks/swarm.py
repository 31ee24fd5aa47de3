"""How long `bootstrap` takes for a swarm of 5, 10 and 30 local hosts, beside a script written by hand for just that.

Both make the same hosts of the same image and form them, in turn, in one run on one machine. The results are written to
docs/benchmarks.md and docs/benchmarks.svg, and printed. Needs root; about ten minutes on two cores.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from measured import page, process
from measured.process import Cost

from bootstrap.lab import paths, records

ROOT = Path(__file__).resolve().parent.parent
FLOOR = [sys.executable, str(ROOT / "benchmarks" / "measured" / "floor.py")]
OURS = [sys.executable, "-m", "bootstrap"]
CLUSTER = "bench"
INVENTORY = """\
version: 1
cluster: {cluster}
provider: local
managers: {{count: 3}}
pools:
  web: {{count: {workers}}}
"""
WATCHED = 60.0  # seconds that idle processes are watched


def measure(hosts: int, rounds: int, folder: Path) -> dict[str, Any]:
    """Everything for one size: medians of `rounds`, ours and the floor's in turn."""
    file = folder / f"{hosts}.yml"
    file.write_text(INVENTORY.format(cluster=CLUSTER, workers=hosts - 3))
    taken: dict[str, list[tuple[Cost, Cost]]] = {"form": [], "again": [], "list": []}
    found: dict[str, Any] = {"hosts": hosts, "rounds": rounds}
    for last in [False] * (rounds - 1) + [True]:
        floor = by_hand(hosts)
        ours, standing = with_bootstrap(file, watch=last)
        for step, pairs in taken.items():
            pairs.append((ours[step], floor[step]))
        found.update(standing)
    return found | {step: _pair(pairs) for step, pairs in taken.items()}


def by_hand(hosts: int) -> dict[str, Cost]:
    """One life of the floor's swarm."""
    size = str(hosts)
    try:
        return {
            "form": process.run([*FLOOR, "up", CLUSTER, size]),
            "again": process.run([*FLOOR, "check", CLUSTER, size]),
            "list": process.run([*FLOOR, "list", CLUSTER, size]),
        }
    finally:
        process.run([*FLOOR, "down", CLUSTER, size])


def with_bootstrap(file: Path, *, watch: bool) -> tuple[dict[str, Cost], dict[str, Any]]:
    """One life of ours; with `watch`, also what its idle processes cost."""
    try:
        costs = {
            "form": process.run([*OURS, "up", str(file), "--yes"]),
            "again": process.run([*OURS, "up", str(file), "--yes"]),
            "list": process.run([*OURS, "status", str(file)]),
        }
        return costs, idle() if watch else {}
    finally:
        process.run([*OURS, "down", str(file), "--yes"])


def idle() -> dict[str, Any]:
    """The agent and the engine of one manager and one worker, when nothing happens."""
    hosts = records.load_hosts(paths.cluster_dir(CLUSTER))
    found = {}
    for role in ("manager", "worker"):
        record = next(one for one in hosts if one.role == role)
        for name, word in (("agent", "agent.pyz reconcile"), ("engine", "dockerd")):
            found[f"{role}_{name}"] = process.standing(record, word, WATCHED)._asdict()
    return {"idle": found}


def _pair(pairs: Sequence[tuple[Cost, Cost]]) -> dict[str, float]:
    ours, floor = ([pair[side] for pair in pairs] for side in (0, 1))
    seconds, base = (statistics.median(one.seconds for one in side) for side in (ours, floor))
    ratio = statistics.median(one.seconds / other.seconds for one, other in pairs)
    peaks = (max(one.peak for one in ours), max(one.peak for one in floor))
    return {"ours": seconds, "floor": base, "ratio": ratio, "peak": peaks[0], "floor_peak": peaks[1]}


def main() -> None:
    """Measure, write the page and the plot, print what stands there."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", default="5,10,30", help="numbers of hosts (5,10,30)")
    parser.add_argument("--rounds", type=int, default=3, help="for each size but the largest, which has one (3)")
    parser.add_argument("--json", action="store_true", help="print one JSON document and write nothing")
    options = parser.parse_args()
    sizes = sorted({int(size) for size in options.sizes.split(",")})
    if options.rounds < 1 or sizes[0] < 5:
        parser.error("--rounds is 1 or more, --sizes 5 or more")
    with tempfile.TemporaryDirectory() as folder:
        rounds = {size: options.rounds if size < 30 else 1 for size in sizes}
        found = [measure(size, rounds[size], Path(folder)) for size in sizes]
    if options.json:
        print(json.dumps(found, indent=2))
    else:
        print(page.write(found, ROOT / "docs"))


if __name__ == "__main__":
    main()
