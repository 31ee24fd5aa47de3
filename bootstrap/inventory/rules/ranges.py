"""Address ranges: what overlays take must be free of everything that is reached otherwise."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from functools import lru_cache

from bootstrap.inventory.draft import Draft
from bootstrap.inventory.problem import Finding, Loc
from bootstrap.inventory.providers.base import Range
from bootstrap.inventory.schema.sections import SwarmBlock

POOL: Loc = ("swarm", "address_pool")
# Nobody may give these to an overlay: they are the hosts' own, the engine's, or routed by carriers.
TAKEN = (
    Range("0.0.0.0/8", "this network"),
    Range("127.0.0.0/8", "loopback"),
    Range("169.254.0.0/16", "link-local addresses and metadata services"),
    Range("100.64.0.0/10", "carrier-grade NAT"),
    Range("172.17.0.0/16", "docker0"),
    Range("224.0.0.0/4", "multicast"),
    Range("240.0.0.0/4", "reserved addresses"),
)


def check(draft: Draft) -> Iterator[Finding]:
    """Every overlay range against everything before it: each pair is told once."""
    swarm = draft.file.swarm or SwarmBlock()
    yield from _pool(swarm)
    written = "address_pool" in swarm.model_fields_set
    pool = Range(swarm.address_pool, "the overlay networks", POOL if written else None)
    taken = [*TAKEN, *(draft.provider.ranges(draft) if draft.provider else ())]
    yield from _against(pool, taken)
    taken.append(pool)
    for name, network in (draft.file.networks or {}).items():
        if network.subnet:
            one = Range(network.subnet, f"network '{name}'", ("networks", name, "subnet"))
            yield from _against(one, taken)
            taken.append(one)
    yield from _hosts(draft, pool)


def _pool(swarm: SwarmBlock) -> Iterator[Finding]:
    prefix = int(swarm.address_pool.rpartition("/")[2])
    if prefix > swarm.subnet_size:
        what = f"a /{prefix} holds no network of /{swarm.subnet_size}"
        yield Finding("E040", POOL, what, "give a larger range, or a larger subnet_size")


def _against(one: Range, taken: list[Range]) -> Iterator[Finding]:
    mine = _network(one.cidr)
    for other in taken:
        if mine.overlaps(_network(other.cidr)):
            what = f"{one.cidr} ({one.owner}) overlaps {other.cidr} ({other.owner})"
            yield Finding("E040", one.loc or other.loc or POOL, what, "choose ranges that share no address")


def _hosts(draft: Draft, pool: Range) -> Iterator[Finding]:
    network = _network(pool.cidr)
    for loc, host in draft.hosts():
        for key in ("address", "advertise"):
            value = getattr(host, key)
            if value and _inside(value, network):
                what = f"{value} is inside {pool.cidr} ({pool.owner})"
                yield Finding("E040", (*loc, key), what, "choose another swarm.address_pool")


@lru_cache(maxsize=4096)  # a thousand networks are compared each with each
def _network(cidr: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    return ipaddress.ip_network(cidr)


def _inside(value: str, network: ipaddress.IPv4Network | ipaddress.IPv6Network) -> bool:
    try:
        return ipaddress.ip_address(value) in network
    except ValueError:
        return False
