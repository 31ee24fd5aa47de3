"""What processes cost: time and peak memory of one that is run to its end, memory and CPU of those that stay."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from bootstrap.lab import cgroups, state
from bootstrap.lab.records import HostRecord

TICKS = os.sysconf("SC_CLK_TCK")


class Cost(NamedTuple):
    """Of one run: seconds on the wall, peak memory in MiB of the process itself (not of the cluster)."""

    seconds: float
    peak: float


class Standing(NamedTuple):
    """Of one that stays: its own share of the memory in MiB, CPU in percent of one core."""

    memory: float
    cpu: float


def run(argv: Sequence[str]) -> Cost:
    """Run it with its output in a file; the benchmark ends where it fails."""
    log = Path("/tmp/bootstrap-benchmark.log")
    with log.open("wb") as output:
        actions = [(os.POSIX_SPAWN_DUP2, output.fileno(), 1), (os.POSIX_SPAWN_DUP2, output.fileno(), 2)]
        began = time.perf_counter()
        pid = os.posix_spawnp(argv[0], list(argv), os.environ, file_actions=actions)
        _, status, used = os.wait4(pid, 0)
        took = time.perf_counter() - began
    if status != 0:
        sys.exit(f"`{' '.join(argv)}` failed:\n{log.read_text(errors='replace')[-3000:]}")
    return Cost(took, used.ru_maxrss / 1024)


def standing(record: HostRecord, word: str, seconds: float) -> Standing:
    """A host's process whose command line has `word` in it, watched for so long."""
    pid = find(record, word)
    before = _ticks(pid)
    time.sleep(seconds)
    spent = (_ticks(pid) - before) / TICKS
    lines = dict(line.split(":") for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:])
    return Standing(int(lines["Pss"].split()[0]) / 1024, 100 * spent / seconds)


def find(record: HostRecord, word: str) -> int:
    """The first process of that host whose command line has the word."""
    group: cgroups.Group = state.group(record)
    for pid in sorted(group.pids()):
        line = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        if word in line:
            return pid
    sys.exit(f"{record.hostname} has no {word}")


def _ticks(pid: int) -> int:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])
