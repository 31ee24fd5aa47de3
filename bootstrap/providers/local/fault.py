"""What was done to a host by `bootstrap local`, so that `status` names the cause and not its signs."""

from __future__ import annotations

from collections.abc import Sequence

from bootstrap.lab import disk, partition, paths
from bootstrap.lab.records import HostRecord
from bootstrap.lab.state import group
from bootstrap.providers.base import Fault
from bootstrap.providers.local.readable import readable


def fault(record: HostRecord, file: str) -> Fault | None:
    """All that applies as one; `file` is the inventory, as it stands in commands."""
    return _as_one(each(record, file))


def each(record: HostRecord, file: str) -> list[Fault]:
    """All that applies, one by one. A partition is lifted for all at once, and it alone: it is one thing."""
    folder = paths.host_dir(record.cluster, record.hostname)
    parted = any(record.hostname in names for names in readable(partition.current, record.cluster) or [])
    heal = f"bootstrap local heal {file} {record.hostname}"
    found = []
    if group(record).frozen():
        resume = f"bootstrap local resume {file} {record.hostname}"
        found.append(Fault("paused", "its machine is paused", resume, silent=True, alone=True))
    if (folder / "cut").exists():
        found.append(Fault("cut off", "its machine is cut off the network", heal, alone=True))
    if parted:
        found.append(
            Fault("parted", "the network is parted: it does not reach all others", f"bootstrap local heal {file}")
        )
    if (folder / disk.FULL).exists():
        found.append(Fault("disk full", "its disk was filled", heal, full=True))
    return found


def _as_one(found: Sequence[Fault]) -> Fault | None:
    """The first gives the word; each is told, and what lifts several is told once."""
    if not found:
        return None
    return Fault(
        found[0].word,
        ", and ".join(one.what for one in found),
        "; ".join(dict.fromkeys(one.fix for one in found)),
        full=any(one.full for one in found),
        silent=any(one.silent for one in found),
        alone=any(one.alone for one in found),
    )
