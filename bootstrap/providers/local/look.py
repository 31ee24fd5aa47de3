"""One host as the provider sees it from outside: on or off, how old, how far its boot is."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from bootstrap.errors import BootstrapError
from bootstrap.lab import host
from bootstrap.lab.records import GroupRecord, HostRecord
from bootstrap.model.cluster import Role
from bootstrap.providers.base import Instance
from bootstrap.providers.local.layout import terminating

STEPS = ("boot", "engine", "joining", "joined")


def look(record: HostRecord, group: GroupRecord | None) -> Instance:
    """The record with what can be seen of the running host."""
    running = host.running(record)
    going = record.leaving or terminating(record.slot, group)
    state = "terminating" if going else "running" if running else "stopped"
    return Instance(
        id=record.instance,
        hostname=record.hostname,
        role=Role(record.role),
        pool=record.pool,
        zone=record.zone,
        address=record.address,
        state=state,
        age=age(record.created),
        step=step(record) if running else "",
    )


def step(record: HostRecord) -> str:
    """How far the boot is, from the word that user-data and agent leave in /run; "boot" before there is any."""
    try:
        word = Path(f"/proc/{host.init_pid(record)}/root/run/bootstrap/progress").read_text().strip()
    except (OSError, BootstrapError):
        return "boot"
    return word if word in STEPS else "boot"


def age(created: str) -> float:
    """Seconds since a record's `created`."""
    return (datetime.now(UTC) - datetime.fromisoformat(created)).total_seconds()
