"""How long `bootstrap` takes for a swarm of 5, 10 and 30 local hosts, beside a script written by hand for just that.

Both make the same hosts of the same image and form them, in turn, in one run on one machine. The results are written to
docs/benchmarks.md and docs/benchmarks.svg, and printed. Needs root; about a quarter of an hour on two idle cores.

Each round is kept in bench.results/ until the page is written: a run that was stopped goes on where it was. To measure
in pieces, give `--sizes 5 --collect`, then `--sizes 10 --collect`, and at last nothing.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

from measured import page, process
from measured.results import ROOT, Results, summary

from bootstrap.lab import image, paths, records

FLOOR = [sys.executable, str(ROOT / "benchmarks" / "measured" / "floor.py")]
OURS = [sys.executable, "-m", "bootstrap"]
INVENTORY = """\
version: 1
cluster: {cluster}
provider: local
managers: {{count: 3}}
pools:
  web: {{count: {workers}}}
"""
WATCHED = 60.0  # seconds that idle processes are watched


class Bench(NamedTuple):
    """A folder for inventories and logs, and the name of our cluster; the floor's has another."""

    folder: Path
    cluster: str

    @property
    def other(self) -> str:
        """The floor's."""
        return f"{self.cluster}-floor"

    def file(self, hosts: int) -> Path:
        """The inventory of so many."""
        file = self.folder / f"{hosts}.yml"
        file.write_text(INVENTORY.format(cluster=self.cluster, workers=hosts - 3))
        return file

    def ours(self, verb: str, hosts: int) -> dict[str, Any]:
        """What one command of ours costs."""
        yes = [] if verb == "status" else ["--yes"]
        argv = [*OURS, verb, str(self.file(hosts)), *yes]
        return process.run(argv, self.cluster, self.folder / "ours.log")._asdict()

    def floor(self, verb: str, hosts: int) -> dict[str, Any]:
        """What one of the floor's costs."""
        return process.run([*FLOOR, verb, self.other, str(hosts)], self.other, self.folder / "floor.log")._asdict()

    def clear(self, hosts: int) -> None:
        """Remove what an earlier run left when it was killed."""
        self.floor("down", hosts)
        self.ours("down", hosts)


def one_round(bench: Bench, hosts: int, number: int, *, watch: bool) -> dict[str, Any]:
    """One life of both, the one first that was second in the round before."""
    lives = [lambda: by_hand(bench, hosts), lambda: with_bootstrap(bench, hosts, watch=watch)]
    taken = dict(pair for life in (lives if number % 2 else lives[::-1]) for pair in life().items())
    ours, floor, idle = taken["ours"], taken["floor"], taken["idle"]
    return {step: {"ours": ours[step], "floor": floor[step]} for step in ours} | {"idle": idle}


def by_hand(bench: Bench, hosts: int) -> dict[str, Any]:
    """One life of the floor's swarm."""
    try:
        verbs = {"form": "up", "again": "check", "list": "list"}
        return {"floor": {step: bench.floor(verb, hosts) for step, verb in verbs.items()}}
    finally:
        bench.floor("down", hosts)


def with_bootstrap(bench: Bench, hosts: int, *, watch: bool) -> dict[str, Any]:
    """One life of ours; with `watch`, also what its idle processes cost."""
    try:
        verbs = {"form": "up", "again": "up", "list": "status"}
        costs = {step: bench.ours(verb, hosts) for step, verb in verbs.items()}
        return {"ours": costs, "idle": idle(bench.cluster) if watch else {}}
    finally:
        bench.ours("down", hosts)


def idle(cluster: str) -> dict[str, Any]:
    """The agent and the engine of one manager and one worker, when nothing happens."""
    hosts = records.load_hosts(paths.cluster_dir(cluster))
    watched: dict[str, tuple[records.HostRecord, str]] = {}
    for role in ("manager", "worker"):
        record = next(one for one in hosts if one.role == role)
        watched |= {f"{role}_agent": (record, "agent.pyz reconcile"), f"{role}_engine": (record, "dockerd")}
    found = process.standing(list(watched.values()), WATCHED)
    return {name: one._asdict() for name, one in zip(watched, found, strict=True)}


def measure(bench: Bench, results: Results, wanted: dict[int, int]) -> None:
    """The rounds that are missing. `wanted` is size -> rounds; the first of a size watches the idle processes."""
    for hosts, rounds in wanted.items():
        for number in range(len(results.rounds(hosts)) + 1, rounds + 1):
            print(f"swarm: {hosts} hosts, round {number} of {rounds}", file=sys.stderr, flush=True)
            results.add(hosts, one_round(bench, hosts, number, watch=number == 1))


def main() -> None:
    """Measure, write the page and the plot, print what stands there."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", default="5,10,30", help="numbers of hosts (5,10,30)")
    parser.add_argument("--rounds", type=int, default=3, help="for each size but 30 and more, which have one (3)")
    parser.add_argument("--collect", action="store_true", help="keep what was measured for a later run; write no page")
    parser.add_argument("--fresh", action="store_true", help="forget what an earlier run has kept")
    parser.add_argument("--json", action="store_true", help="print one JSON document and write no page")
    parser.add_argument("--cluster", default="bench", help="the name of the cluster (bench)")
    options = parser.parse_args()
    sizes = sorted({int(size) for size in options.sizes.split(",")})
    if options.rounds < 1 or sizes[0] < 5:
        parser.error("--rounds is 1 or more, --sizes 5 or more")
    wanted = {size: options.rounds if size < 30 else 1 for size in sizes}
    results = Results(ROOT / "bench.results" / "swarm.jsonl")
    if options.fresh:
        results.forget()
    image.ensure("debian-13", lambda line: print(line, file=sys.stderr))  # both stand on it, and neither pays for it
    with tempfile.TemporaryDirectory() as folder:
        # As an installed program both run compiled; the checkout gets no files of root's.
        os.environ["PYTHONPYCACHEPREFIX"] = f"{folder}/compiled"
        os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
        bench = Bench(Path(folder), options.cluster)
        bench.clear(sizes[0])
        measure(bench, results, wanted)
    found = [summary(size, results.rounds(size)) for size in sizes]
    if options.json:
        print(json.dumps(found, indent=2))
    elif not options.collect:
        print(page.write(found, ROOT / "docs"))
        results.forget()


def _interrupted(*_: object) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, _interrupted)
    signal.signal(signal.SIGHUP, _interrupted)
    try:
        main()
    except KeyboardInterrupt:
        sys.exit("interrupted; what was measured is kept, run the same command again")
