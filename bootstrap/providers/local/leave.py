"""Take one host out of its group, or have it made anew in its place; both only mark it, a plan carries it out."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from bootstrap.lab import records
from bootstrap.lab.records import HostRecord
from bootstrap.providers.local.layout import at_places


def leave(folder: Path, host: HostRecord, *, shrink: bool) -> None:
    """From now on it is terminating: it does not join again. `shrink` takes its place from its group as well."""
    if not shrink:
        records.save_host(folder, replace(host, leaving=True))
        return
    for group in records.load_groups(folder):
        if group.name == host.group:
            records.save_group(folder, at_places(group, set(group.slots) - {host.slot}))


def stay(folder: Path, host: HostRecord) -> None:
    """Take that back: the place is its own again."""
    if host.leaving:
        records.save_host(folder, replace(host, leaving=False))
        return
    for group in records.load_groups(folder):
        if group.name == host.group:
            records.save_group(folder, at_places(group, {*group.slots, host.slot}))
