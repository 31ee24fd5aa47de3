"""Which address the next host of a cluster gets."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Collection
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network

from bootstrap.errors import BootstrapError
from bootstrap.lab import partition, paths, records
from bootstrap.lab.network import mac
from bootstrap.lab.records import HostRecord
from bootstrap.lab.state import running

FIRST = 11  # below it: the gateway, this machine, and room for more of ours

__all__ = ["claim", "free", "mac", "move", "pick"]


def pick(subnet: IPv4Network, taken: Collection[str]) -> str:
    """The lowest address of the subnet for a host that is not in `taken`. BootstrapError when there is none."""
    for number in range(int(subnet.network_address) + FIRST, int(subnet.broadcast_address)):
        if (found := str(IPv4Address(number))) not in taken:
            return found
    what = f"the network {subnet} has no free address"
    raise BootstrapError(what, fix="scale a pool down first", code="no_address")


def free(cluster: str) -> str:
    """The next free address, never one that a host record holds. Two callers at once: use `claim`."""
    folder = paths.cluster_dir(cluster)
    fabric = records.load_fabric(folder)
    if fabric is None:
        raise BootstrapError("the cluster has no network yet", where=cluster, code="no_fabric")
    return pick(IPv4Network(fabric.subnet), {host.address for host in records.load_hosts(folder)})


def move(record: HostRecord) -> HostRecord:
    """Give an off host another address, as a cloud may after a stop; it has it from its next boot on.

    Its name, disk and instance stay. BootstrapError where it is on.
    """
    if running(record):
        what = "a host that is on keeps its address"
        raise BootstrapError(what, where=record.hostname, fix="switch it off first", code="host_on")

    moved = claim(record.cluster, lambda found: replace(record, address=found, mac=mac(found)))
    partition.apply(record.cluster)  # its rules go by the port, and that is named after the address
    return moved


def claim(cluster: str, make: Callable[[str], HostRecord]) -> HostRecord:
    """Make a host's record with the next free address and write it: no other run or thread gets the same one."""
    folder = paths.cluster_dir(cluster)
    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        record = make(free(cluster))
        records.save_host(folder, record)
        return record
    finally:
        os.close(descriptor)
