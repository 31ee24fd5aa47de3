"""Plays a schedule on a cluster: each action in its own thread at its time; what would end the cluster is left out."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

from bootstrap.lab import state
from tests.chaos.cluster import Chaos
from tests.chaos.history import Sample
from tests.chaos.schedule import LENGTH, Action

COMMAND = 300.0  # seconds for a command that a person would have interrupted by then


class Play:
    """One schedule on one cluster."""

    def __init__(self, chaos: Chaos, actions: list[Action]) -> None:
        self.chaos = chaos
        self.failed: list[str] = []  # what the test itself could not do, which is no finding but has to be seen
        self._actions = actions
        self._over = threading.Event()
        self._wiping = threading.Lock()
        self._commands: list[subprocess.Popen[bytes]] = []

    def run(self) -> None:
        """Do it all, and return when a minute is over and every command that was given has ended."""
        began = time.monotonic()
        with ThreadPoolExecutor(len(self._actions) or 1) as hands:
            for action in self._actions:
                hands.submit(self._at, began, action)
            self._over.wait(max(0.0, LENGTH - (time.monotonic() - began)))
            self._over.set()
            self.chaos.recorder.did("the minute is over")

    def finish(self) -> None:
        """Wait for the commands; a cluster that is whole again lets them end."""
        for command in self._commands:
            try:
                command.wait(COMMAND)
            except subprocess.TimeoutExpired:
                command.kill()
                command.wait()
                self.failed.append(f"a command did not end within {COMMAND:g} s")

    def _at(self, began: float, action: Action) -> None:
        self._over.wait(max(0.0, action.at - (time.monotonic() - began)))
        if self._over.is_set():
            return
        try:
            self._do(action)
        except Exception as error:  # noqa: BLE001 - told at the end; the schedule goes on
            self.failed.append(f"{action}: {type(error).__name__}: {error}")

    def _do(self, action: Action) -> None:
        whole: dict[str, Callable[[], None]] = {
            "partition": lambda: self._partition(action),
            "rotate-tokens": lambda: self._command("rotate-tokens"),
            "up": lambda: self._command("up", "--no-wait", "--yes"),
            "two ups": self._two_ups,
            "scale": lambda: self._command("scale", f"web={action.target}", "--yes"),
        }
        if action.what in whole:
            return whole[action.what]()
        hostname = self._leader() if action.target == "leader" else action.target
        if not self._may(action.what, hostname):
            return self.chaos.recorder.did(f"left out: {action.what} {hostname}")
        return self._on_host(action.what, hostname, action.lasts)

    def _on_host(self, what: str, hostname: str, lasts: float) -> None:
        chaos = self.chaos
        deeds: dict[str, tuple[Callable[[str], None], Callable[[str], None] | None]] = {
            "kill": (chaos.kill, chaos.start),
            "pause": (chaos.pause, chaos.resume),
            "cut": (chaos.cut, chaos.heal),
            "fill": (chaos.fill, chaos.heal),
            "wipe": (chaos.wipe, None),
            "reboot": (chaos.reboot, None),
            "kill agent": (chaos.kill_agent, None),
            "kill engine": (chaos.kill_engine, None),
        }
        do, undo = deeds[what]
        if what == "wipe":
            with self._wiping:  # the second of two that are wiped at once would take the majority's disks away
                return do(hostname) if self._may(what, hostname) else None
        do(hostname)
        self._over.wait(lasts)
        return undo(hostname) if undo else None

    def _partition(self, action: Action) -> None:
        groups = [part.split(",") for part in action.target.split("|")]
        if any(self.chaos.hurts(name) & {"partition", "cut", "fill"} for part in groups for name in part):
            return self.chaos.recorder.did(f"left out: {action}")
        self.chaos.partition(groups)
        self._over.wait(action.lasts)
        for name in (name for part in groups for name in part):
            self.chaos.heal(name)
        return None

    def _command(self, verb: str, *argv: str) -> None:
        self.chaos.recorder.did(f"{verb} {' '.join(argv)}")
        command = [sys.executable, "-m", "bootstrap", verb, str(self.chaos.face.file), *argv]
        quiet = subprocess.DEVNULL
        self._commands.append(subprocess.Popen(command, stdin=quiet, stdout=quiet, stderr=quiet))

    def _two_ups(self) -> None:
        self._command("up", "--no-wait", "--yes")
        self._command("up", "--no-wait", "--yes")

    def _leader(self) -> str:
        for sample in reversed(self.chaos.recorder.history.samples[-20:]):
            for host in sample.hosts:
                seats = (host.engine and host.engine.seats) or ()
                if host.engine and any(seat.leader and seat.id == host.engine.node_id for seat in seats):
                    return host.hostname
        return self.chaos.managers()[0]

    def _may(self, what: str, hostname: str) -> bool:
        """A host has one fault at a time; and a manager's disk goes only while all the others are there."""
        with suppress(AssertionError):
            record = self.chaos.record(hostname)
            if self.chaos.hurts(hostname) or not state.running(record):
                return False
            if what == "wipe" and record.role == "manager":
                samples = self.chaos.recorder.history.samples
                return bool(samples) and whole(samples[-1])
            return True
        return False


def whole(sample: Sample) -> bool:
    """Whether every manager is a well member of the swarm, and nobody else is one."""
    managers = [host for host in sample.hosts if host.role == "manager"]
    members = {seat.id for seat in sample.truth() or () if seat.member}
    ids = {host.engine.node_id for host in managers if host.engine and host.well(host.engine.node_id)}
    return bool(managers) and len(ids) == len(managers) and ids == members
