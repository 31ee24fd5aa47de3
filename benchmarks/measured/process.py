"""What processes cost: time, CPU and peak memory of one that is run to its end, memory and CPU of those that stay."""

from __future__ import annotations

import os
import resource
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from bootstrap.lab import cgroups, state
from bootstrap.lab.records import HostRecord

TICKS = os.sysconf("SC_CLK_TCK")
CORES = os.cpu_count() or 1


class Cost(NamedTuple):
    """Of one run. `seconds` on the wall; `cpu` seconds of the command, all it starts, and the cluster's hosts.

    `peak` is memory in MiB, of the command itself or of the largest that it started, without the hosts. `others` is
    the percentage of this machine's cores that all other programs took meanwhile.
    """

    seconds: float
    cpu: float
    peak: float
    others: float


class Standing(NamedTuple):
    """Of one that stays: its own share of the memory in MiB, CPU in percent of one core."""

    memory: float
    cpu: float


def run(argv: Sequence[str], cluster: str, log: Path) -> Cost:
    """Run it with its output in `log`; the benchmark ends where it fails, and it ends where the benchmark does."""
    began, before, busy = time.perf_counter(), spent(cluster), _busy()
    with log.open("wb") as output:
        actions = [(os.POSIX_SPAWN_DUP2, output.fileno(), 1), (os.POSIX_SPAWN_DUP2, output.fileno(), 2)]
        pid = os.posix_spawnp(argv[0], list(argv), os.environ, file_actions=actions, setsid=True)
    status, used = _wait(pid)
    took = time.perf_counter() - began
    cpu = used.ru_utime + used.ru_stime + max(0.0, spent(cluster) - before)
    if status != 0:
        sys.exit(f"`{' '.join(argv)}` failed:\n{log.read_text(errors='replace')[-3000:]}")
    others = 100 * max(0.0, _busy() - busy - cpu) / (took * CORES)
    return Cost(took, cpu, used.ru_maxrss / 1024, others)


def _wait(pid: int) -> tuple[int, resource.struct_rusage]:
    """Its exit status and what it used. Interrupted, it is told once and its own end is waited for."""
    try:
        _, status, used = os.wait4(pid, 0)
    except KeyboardInterrupt:
        os.kill(pid, signal.SIGINT)
        os.wait4(pid, 0)
        raise
    return status, used


def spent(cluster: str) -> float:
    """CPU seconds of the hosts and services that the cluster has now, since they were made."""
    total = 0.0
    for tree in cgroups.hierarchies():
        for group in (tree.path / cgroups.TOP / cluster).glob("*/"):
            if "cpuacct" in tree.controllers:
                total += int((group / "cpuacct.usage").read_text()) / 1e9
            elif tree.unified and (fields := _fields(group / "cpu.stat")) and not _has_v1():
                total += fields.get("usage_usec", 0) / 1e6
    return total


def standing(processes: Sequence[tuple[HostRecord, str]], seconds: float) -> list[Standing]:
    """A process of each host, found by a word of its command line, all watched at the same time for so long."""
    pids = [find(record, word) for record, word in processes]
    before = [_ticks(pid) for pid in pids]
    time.sleep(seconds)
    used = [(_ticks(pid) - first) / TICKS for pid, first in zip(pids, before, strict=True)]
    return [Standing(_share(pid), 100 * one / seconds) for pid, one in zip(pids, used, strict=True)]


def find(record: HostRecord, word: str) -> int:
    """The first process of that host whose command line has the word."""
    for pid in sorted(state.group(record).pids()):
        line = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        if word in line:
            return pid
    sys.exit(f"{record.hostname} has no {word}")


def _share(pid: int) -> float:
    """PSS in MiB: what others map too is counted in parts."""
    lines = dict(line.split(":") for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:])
    return int(lines["Pss"].split()[0]) / 1024


def _ticks(pid: int) -> int:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def _busy() -> float:
    """CPU seconds of everything on this machine since it started: user, nice, system, interrupts."""
    user, nice, system, _, _, irq, soft = (int(one) for one in Path("/proc/stat").read_text().split()[1:8])
    return (user + nice + system + irq + soft) / TICKS


def _has_v1() -> bool:
    return any("cpuacct" in tree.controllers for tree in cgroups.hierarchies())


def _fields(file: Path) -> dict[str, int]:
    if not file.exists():
        return {}
    return {name: int(value) for name, value in (line.split() for line in file.read_text().splitlines())}
