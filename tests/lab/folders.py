"""Cluster folders for the tests of the fabric's services."""

from __future__ import annotations

from pathlib import Path

from bootstrap.lab.records import FabricRecord, GroupRecord, HostRecord, save_fabric, save_group, save_host
from bootstrap.lab.roster import Roster

CREATED = "2026-01-01T00:00:00Z"


def host(number: int, *, role: str = "manager", slot: int = 1) -> HostRecord:
    """The host at 10.91.0.<10 + number>: `prod-managers-a-<slot>` or `prod-web-<slot>`."""
    manager = role == "manager"
    return HostRecord(
        instance=f"i-{number:017x}",
        hostname=f"prod-managers-a-{slot}" if manager else f"prod-web-{slot}",
        cluster="prod",
        uid="u-1",
        group="prod-managers-a" if manager else "prod-pool-web",
        slot=slot,
        role=role,
        pool="managers" if manager else "web",
        zone="a" if manager else "b",
        address=f"10.91.0.{10 + number}",
        mac=f"02:00:0a:5b:00:{10 + number:02x}",
        image="debian-13",
        template="t",
        memory=1 << 30,
        created=CREATED,
    )


MANAGER, WORKER, EXTRA = host(1), host(2, role="worker"), host(3, role="worker", slot=2)


def cluster(folder: Path) -> Path:
    """One manager (.11) and two workers (.12, .13), of which the pool wants one; user-data and a key."""
    save_fabric(folder, FabricRecord("prod", "u-1", "10.91.0.0/20", "10.91.0.1", "10.91.0.2", CREATED))
    save_group(folder, GroupRecord("prod-managers-a", "managers", "manager", "a", 1))
    save_group(folder, GroupRecord("prod-pool-web", "web", "worker", "", 1))
    for one in (MANAGER, WORKER, EXTRA):
        save_host(folder, one)
        (folder / "hosts" / one.hostname / "user-data").write_text(f"#!/bin/sh\n# {one.pool}\n")
    (folder / "ssh").mkdir()
    (folder / "ssh" / "id_ed25519.pub").write_text("ssh-ed25519 AAAA prod\n")
    return folder


def roster(folder: Path, *, running: frozenset[str] = frozenset(), booted: frozenset[str] = frozenset()) -> Roster:
    """The roster of such a folder, where the named hosts are on, or were once."""
    return Roster(folder, running=lambda one: one.name in running, started=lambda one: one.name in booted)
