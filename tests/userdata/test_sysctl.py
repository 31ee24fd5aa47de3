"""Kernel settings of `os.sysctl`: at the first boot and at every other."""

from __future__ import annotations

from pathlib import Path

import pytest

from bootstrap.model.cluster import OperatingSystem
from tests.userdata.cases import pool, script
from tests.userdata.machine import Machine


@pytest.mark.process
def test_a_sysctl_that_cannot_be_set_is_a_warning(tmp_path: Path) -> None:
    """In a container most keys are read-only."""
    machine = Machine(tmp_path)
    machine.fails("sysctl", 'sysctl: setting key "vm.max_map_count": Read-only file system')
    made = pool("worker", "image", os=OperatingSystem(sysctl={"vm.max_map_count": "262144"}))

    done = machine.run(script("local", made))

    assert done.returncode == 0
    assert "warning: not every sysctl could be set" in done.stderr


def test_sysctls_hold_also_where_the_system_s_own_service_does_not_run() -> None:
    """A host of `local` is a container, whose settings of the network end with each boot; without any, no such step."""
    step = "ExecStartPre=-/bin/sh -c 'systemctl is-active --quiet systemd-sysctl || /usr/lib/systemd/systemd-sysctl'\n"

    assert step in script("local", pool("worker", "image", os=OperatingSystem(sysctl={"net.core.somaxconn": "1"})))
    assert step not in script("local", pool("worker", "image"))
