"""What a hand on a machine's power switch, or on its network cable, can do to a host."""

from __future__ import annotations

import os
import signal
from contextlib import suppress

from bootstrap.errors import BootstrapError
from bootstrap.lab import command, host, network, paths, supervisor
from bootstrap.lab.records import HostRecord

POWER_OFF = signal.SIGRTMIN + 4  # systemd(1): start poweroff.target
REBOOT = signal.SIGRTMIN + 5  # start reboot.target


def off(record: HostRecord, timeout: float = 30.0) -> None:
    """Press the power button: systemd stops everything in order. BootstrapError when it is still on after `timeout` s."""
    _signal(record, POWER_OFF)
    _until_off(record, timeout)


def kill(record: HostRecord, timeout: float = 10.0) -> None:
    """Pull the power cord: the others hear no goodbye. Nothing is left running; the disk stays."""
    _link(record, "down")  # a killed kernel sends nothing, but a killed process closes its connections
    _signal(record, signal.SIGKILL)
    host.group(record).freeze(False)
    _until_off(record, timeout)


def reboot(record: HostRecord) -> None:
    """Ask systemd for a reboot; the host comes back by itself."""
    if not _signal(record, REBOOT):
        raise BootstrapError("the host is off", where=record.hostname, fix="start it", code="host_off")


def pause(record: HostRecord) -> None:
    """Stop the host's time: no process of it runs, its memory stays."""
    host.group(record).freeze(True)


def resume(record: HostRecord) -> None:
    """Let a paused host go on."""
    host.group(record).freeze(False)


def cut(record: HostRecord) -> None:
    """Pull its network cable; it stays out over reboots until `heal`."""
    (host.folder(record) / "cut").touch()
    _link(record, "down")


def heal(record: HostRecord) -> None:
    """Put its network cable back."""
    (host.folder(record) / "cut").unlink(missing_ok=True)
    _link(record, "up")


def _link(record: HostRecord, state: str) -> None:
    # No port is no failure: an off host has none.
    fabric = paths.fabric_namespace(record.cluster)
    command.attempt(["ip", "-n", fabric, "link", "set", network.port(record.address), state])


def _signal(record: HostRecord, number: int) -> bool:
    pid = host.init_pid(record)
    if pid is None:
        return False
    with suppress(ProcessLookupError):
        os.kill(pid, number)
    return True


def _until_off(record: HostRecord, timeout: float) -> None:
    """Off is when its power supply has unplugged it, not only when its systemd is gone."""
    if not supervisor.wait(lambda: not host.group(record).pids(), timeout=timeout):
        fix = "use `bootstrap local kill`"
        raise BootstrapError(f"the host is still on after {timeout:g} s", where=record.hostname, fix=fix, code="timeout")
