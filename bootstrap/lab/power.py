"""What a hand on a machine's power switch, or on its network cable, can do to a host."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from bootstrap.checkpoint import reach
from bootstrap.errors import BootstrapError
from bootstrap.lab import cgroups, command, disk, network, partition, paths, records, supervisor
from bootstrap.lab.recipe import recipe
from bootstrap.lab.records import HostRecord
from bootstrap.lab.state import folder, group, hears, init_pid, ready, running, switch

Bind = tuple[str | Path, str, bool]  # source on the machine, target in the host, read only

POWER_OFF = signal.SIGRTMIN + 4  # systemd(1): start poweroff.target
REBOOT = signal.SIGRTMIN + 5  # start reboot.target
AGAIN = 1.0  # seconds between two presses of the power button; systemd takes the second one for the first
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
        reach("host.off")
        group(record).make(record.memory)
        reach("host.grouped")
        disk.mend(folder(record))
        records.write(folder(record) / "boot.json", _description(record, binds))
        console, ended = folder(record) / "console.log", folder(record) / "ended"
        ended.unlink(missing_ok=True)  # the power supply makes it when it ends
        reach("host.described")
        supervisor.power(_environment(record), console)
        reach("host.powered")
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
    """Press the power button: systemd stops everything in order. BootstrapError when it is still on after `timeout` s.

    Pressed again each second: in the middle of a reboot nobody listens, and then the next boot has to hear it.
    """
    pressed = -AGAIN

    def ended() -> bool:
        nonlocal pressed
        if time.monotonic() - pressed >= AGAIN and _tell(record, POWER_OFF):
            pressed = time.monotonic()
        return not group(record).pids()

    _until(record, ended, timeout)


def kill(record: HostRecord, timeout: float = cgroups.GONE) -> None:
    """Pull the power cord: the others hear no goodbye. Nothing is left running; the disk stays."""

    def ended() -> bool:
        # Over and over: in the middle of a reboot there is nothing to kill yet, and a frozen process dies when thawed.
        _link(record, "down")  # a machine without power sends nothing, but a killed process closes its connections
        _signal(record, signal.SIGKILL)
        group(record).freeze(False)
        return not group(record).pids()

    _until(record, ended, timeout)


def reboot(record: HostRecord) -> None:
    """Ask systemd for a reboot; the host comes back by itself. BootstrapError when it is off.

    A host that is still booting is asked as soon as it listens.
    """
    if not _on(record):
        raise BootstrapError("the host is off", where=record.hostname, fix="start it", code="host_off")
    if not supervisor.wait(lambda: _tell(record, REBOOT) or not _on(record), timeout=START):
        what = f"its systemd takes no orders after {START:g} s"
        raise BootstrapError(what, where=record.hostname, fix="use `bootstrap local kill`", code="timeout")


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
    """Put its network cable back, let it reach everybody, and empty what was filled."""
    (folder(record) / "cut").unlink(missing_ok=True)
    _link(record, "up")
    partition.lift(record.cluster, record.hostname)
    disk.empty(record)


def _link(record: HostRecord, state: str) -> None:
    # No port is no failure: an off host has none.
    fabric = paths.fabric_namespace(record.cluster)
    command.attempt(["ip", "-n", fabric, "link", "set", network.port(record.address), state])


def _on(record: HostRecord) -> bool:
    """Whether it is on or, in the middle of a reboot, about to be."""
    return bool(group(record).pids())


def _tell(record: HostRecord, number: int) -> bool:
    """Give systemd an order that it will carry out; False while it could not hear it.

    A signal that the first process of a PID namespace has not asked for yet is dropped by the kernel without a word.
    """
    return hears(record, number) and _signal(record, number)


def _signal(record: HostRecord, number: int) -> bool:
    pid = init_pid(record)
    if pid is None:
        return False
    with suppress(ProcessLookupError):
        os.kill(pid, number)
    return True


def _until(record: HostRecord, ended: Callable[[], bool], timeout: float) -> None:
    """Off is when its power supply has unplugged it, not only when its systemd is gone."""
    if not supervisor.wait(ended, timeout=timeout):
        fix = "use `bootstrap local kill`"
        what = f"the host is still on after {timeout:g} s"
        raise BootstrapError(what, where=record.hostname, fix=fix, code="timeout")
