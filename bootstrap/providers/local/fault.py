"""What was done to a host by `bootstrap local`, so that `status` names the cause and not its signs."""

from __future__ import annotations

from bootstrap.lab import disk, partition, paths
from bootstrap.lab.records import HostRecord
from bootstrap.lab.state import group
from bootstrap.providers.base import Fault
from bootstrap.providers.local.readable import readable


def fault(record: HostRecord, file: str) -> Fault | None:
    """The first that applies; `file` is the inventory, as it stands in commands."""
    folder = paths.host_dir(record.cluster, record.hostname)
    heal = f"bootstrap local heal {file} {record.hostname}"
    if group(record).frozen():
        return Fault("paused", "its machine is paused", f"bootstrap local resume {file} {record.hostname}")
    if (folder / "cut").exists():
        return Fault("cut off", "its machine is cut off the network", heal)
    if any(record.hostname in names for names in readable(partition.current, record.cluster) or []):
        return Fault("parted", "the network is parted: it does not reach all others", heal)
    if (folder / disk.FULL).exists():
        return Fault("disk full", "its disk was filled", heal, full=True)
    return None
