"""Hosts of ssh: each stands once, and in no range that the overlay takes."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator

from bootstrap.inventory.draft import Draft
from bootstrap.inventory.problem import Finding, Loc
from bootstrap.inventory.schema.groups import HostBlock


def check(draft: Draft) -> Iterator[Finding]:
    """Duplicates by name, by address for SSH, and by address in the swarm."""
    seen: dict[tuple[str, str], Loc] = {}
    for loc, host in draft.hosts():
        for kind, key, value in _identities(host):
            first = seen.setdefault((kind, value), (*loc, key))
            if first != (*loc, key):
                yield Finding("E024", (*loc, key), f"{kind} '{value}'", "each host stands once", other=first)


def _identities(host: HostBlock) -> Iterator[tuple[str, str, str]]:
    """Kind, key and normal form of what must be unique."""
    port = f":{host.port}" if host.port else ""
    yield "address", "address", normal(host.address) + port
    if host.name:
        yield "name", "name", host.name
    if host.advertise:
        yield "advertise address", "advertise", normal(host.advertise)


def normal(address: str) -> str:
    """An address as it compares: IPv6 shortened, names in small letters without the last dot."""
    try:
        return str(ipaddress.ip_address(address))
    except ValueError:
        return address.lower().removesuffix(".")
