"""What stands in for the kernel where the local provider is tried without one."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import pytest

from bootstrap.errors import BootstrapError
from bootstrap.lab import fabric, host, image, paths, preflight, records, sysctl
from bootstrap.lab.records import FabricRecord, HostRecord
from bootstrap.providers.local import access


@dataclass
class Machine:
    """What stands in for the kernel: which hosts are on, and what was asked."""

    on: set[str] = field(default_factory=set)
    fabrics: set[str] = field(default_factory=set)
    binds: dict[str, list[tuple[str, str, bool]]] = field(default_factory=dict)
    no_boot: set[str] = field(default_factory=set)
    rooms: list[int] = field(default_factory=list)  # for how many hosts room was made

    def create_fabric(self, name: str, uid: str, avoid: tuple[str, ...]) -> FabricRecord:
        record = FabricRecord(name, uid, "10.91.0.0/20", "10.91.0.1", "10.91.0.2", records.now())
        records.save_fabric(paths.cluster_dir(name), record)
        self.fabrics.add(name)
        return record

    def create(self, record: HostRecord) -> HostRecord:
        mark = paths.host_dir(record.cluster, record.hostname) / host.IMAGE
        if not mark.exists():
            record = host.templated(record)
        records.save_host(paths.cluster_dir(record.cluster), record)
        records.write_text(mark, "/nowhere")
        return record

    def boot(self, record: HostRecord, binds: list[tuple[str, str, bool]]) -> None:
        if record.hostname in self.no_boot:
            raise BootstrapError("the host does not start", where=record.hostname)
        self.on.add(record.hostname)
        self.binds[record.hostname] = binds

    def discard(self, name: str, hostname: str, address: str | None = None) -> None:
        self.on.discard(hostname)
        records.remove(paths.host_dir(name, hostname))


def stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    """A machine whose hosts are switches, in place of this one."""
    one = Machine()
    monkeypatch.setenv("BOOTSTRAP_LOCAL_DIR", str(tmp_path / "local"))
    monkeypatch.setattr(paths, "NAMESPACES", tmp_path / "netns")
    monkeypatch.setattr(fabric, "create", one.create_fabric)
    monkeypatch.setattr(fabric, "start", one.fabrics.add)
    monkeypatch.setattr(fabric, "running", lambda name: name in one.fabrics)
    monkeypatch.setattr(fabric, "destroy", one.fabrics.discard)
    monkeypatch.setattr(host, "create", one.create)
    monkeypatch.setattr(host, "boot", one.boot)
    monkeypatch.setattr(host, "discard", one.discard)
    monkeypatch.setattr(host, "running", lambda record: record.hostname in one.on)
    monkeypatch.setattr(sysctl, "raise_inotify", lambda hosts, say: one.rooms.append(hosts))
    monkeypatch.setattr(image, "ensure", lambda name, say: Path("/nowhere"))
    monkeypatch.setattr(preflight, "check", lambda hosts, images: None)
    monkeypatch.setattr(preflight, "check_root", lambda: None)
    monkeypatch.setattr(access, "make_key", lambda folder: None)
    return one
