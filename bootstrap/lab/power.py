"""What a hand on a machine's power switch, or on its network cable, can do to a host."""

from __future__ import annotations

import os
import signal
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from bootstrap.errors import BootstrapError
from bootstrap.lab import cgroups, command, network, paths, records, supervisor
from bootstrap.lab.recipe import recipe
from bootstrap.lab.records import HostRecord
from bootstrap.lab.state import folder, group, init_pid, ready, running, switch

Bind = tuple[str | Path, str, bool]  # source on the machine, target in the host, read only

POWER_OFF = signal.SIGRTMIN + 4  # systemd(1): start poweroff.target
REBOOT = signal.SIGRTMIN + 5  # start reboot.target
START = 30.0  # seconds in which a host's systemd is there, or it never will be; 0.1 on an idle machine


def boot(record: HostRecord, binds: Sequence[Bind] = ()) -> None:
    """Power it on and return when its systemd runs, about 0.1 s later; does nothing when it is on.

    `binds` show folders or files of the machine in the host, also after it reboots. BootstrapError with the last
    lines of its console when it does not start.
    """
    with switch(record):
        if running(record):
            return
        group(record).destroy()  # a power supply without a host is left of a killed run
        group(record).make(record.memory)
        records.write(folder(record) / "boot.json", _description(record, binds))
        console, ended = folder(record) / "console.log", folder(record) / "ended"
        ended.unlink(missing_ok=True)  # the power supply makes it when it ends
        supervisor.power(_environment(record), console)
        supervisor.wait(lambda: ready(record) or ended.exists(), timeout=START)
        if not ready(record):
            raise supervisor.did_not("the host does not start", record.hostname, console)


def _description(record: HostRecord, binds: Sequence[Bind]) -> dict[str, object]:
    home = folder(record)
    return {
        "hostname": record.hostname,
        "namespace": str(paths.NAMESPACES / paths.host_namespace(record.cluster, record.hostname)),
        "disk": str(home),
        "image": (home / "image").read_text(),
        "unified": recipe(record.image).unified,
        "doors": [str(door) for door in group(record).doors(cgroups.INSIDE)],
        "binds": [[str(source), target, read_only] for source, target, read_only in binds],
    }


def _environment(record: HostRecord) -> dict[str, str]:
    return {
        "FOLDER": str(folder(record)),
        "NAMESPACE": paths.host_namespace(record.cluster, record.hostname),
        "FABRIC": paths.fabric_namespace(record.cluster),
        "PORT": network.port(record.address),
        "MAC": record.mac,
        "DOORS": " ".join(str(door) for door in group(record).doors(cgroups.OUTSIDE)),
    }


def off(record: HostRecord, timeout: float = 30.0) -> None:
    """Press the power button: systemd stops everything in order. BootstrapError when it is still on after `timeout` s."""
    _signal(record, POWER_OFF)
    _until_off(record, timeout)


def kill(record: HostRecord, timeout: float = 10.0) -> None:
    """Pull the power cord: the others hear no goodbye. Nothing is left running; the disk stays."""
    _link(record, "down")  # a machine without power sends nothing, but a killed process closes its connections
    _signal(record, signal.SIGKILL)
    group(record).freeze(False)
    _until_off(record, timeout)


def reboot(record: HostRecord) -> None:
    """Ask systemd for a reboot; the host comes back by itself. BootstrapError when it is off."""
    if not _signal(record, REBOOT):
        raise BootstrapError("the host is off", where=record.hostname, fix="start it", code="host_off")


def pause(record: HostRecord) -> None:
    """Stop the host's time: no process of it runs, its memory stays."""
    group(record).freeze(True)


def resume(record: HostRecord) -> None:
    """Let a paused host go on."""
    group(record).freeze(False)


def cut(record: HostRecord) -> None:
    """Pull its network cable; it stays out over reboots until `heal`."""
    (folder(record) / "cut").touch()
    _link(record, "down")


def heal(record: HostRecord) -> None:
    """Put its network cable back."""
    (folder(record) / "cut").unlink(missing_ok=True)
    _link(record, "up")


def _link(record: HostRecord, state: str) -> None:
    # No port is no failure: an off host has none.
    fabric = paths.fabric_namespace(record.cluster)
    command.attempt(["ip", "-n", fabric, "link", "set", network.port(record.address), state])


def _signal(record: HostRecord, number: int) -> bool:
    pid = init_pid(record)
    if pid is None:
        return False
    with suppress(ProcessLookupError):
        os.kill(pid, number)
    return True


def _until_off(record: HostRecord, timeout: float) -> None:
    """Off is when its power supply has unplugged it, not only when its systemd is gone."""
    if not supervisor.wait(lambda: not group(record).pids(), timeout=timeout):
        fix = "use `bootstrap local kill`"
        what = f"the host is still on after {timeout:g} s"
        raise BootstrapError(what, where=record.hostname, fix=fix, code="timeout")
