"""How the local provider looks at many hosts."""

from __future__ import annotations

import threading

import pytest

from bootstrap.lab import disk
from bootstrap.lab.records import HostRecord
from bootstrap.model.cluster import Size
from bootstrap.providers.local.provider import LocalProvider
from tests.fakes.cluster import cluster, pool
from tests.providers.machine import Machine
from tests.providers.test_local import up


def test_no_host_waits_for_another_s_disk(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each first writes what its kernel holds back: all of them side by side, and the plan is as it was."""
    one = LocalProvider(cluster(pool("web", Size(1, 6, 2))), lambda line: None)
    up(one)
    meeting = threading.Barrier(5, timeout=20)

    def settle(record: HostRecord) -> None:
        meeting.wait()

    monkeypatch.setattr(disk, "settle", settle)

    hosts = [found.name for found in one.existing() if found.kind == "host"]
    assert hosts == sorted(machine.on)
