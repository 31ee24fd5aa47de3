from __future__ import annotations

import signal
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from bootstrap.errors import BootstrapError
from bootstrap.lab import cgroups, command, power, state, supervisor
from bootstrap.lab.power import POWER_OFF, REBOOT
from bootstrap.remote.runner import Result
from tests.lab.folders import WORKER, cluster


@dataclass
class Machine:
    """A host whose systemd needs some time to listen, and an init that drops what it has not asked for.

    `boots` are the lives it has left, each the number of looks until it listens; `heard` is what reached systemd.
    """

    boots: list[int]
    now: float = 0.0
    heard: list[int] = field(default_factory=list)
    lost: list[int] = field(default_factory=list)
    on: bool = True

    def pid(self) -> int | None:
        return 7 if self.on and self.boots and self.boots[0] < 1000 else None

    def status(self, pid: int) -> dict[str, str]:
        return {"Name": "systemd", "SigBlk": "7be3c0fe28014a03" if self.boots[0] <= 0 else "0" * 16}

    def kill(self, pid: int, number: int) -> None:
        if number == signal.SIGKILL:
            self.on = False
        elif self.boots[0] > 0:
            self.lost.append(number)
        else:
            self.heard.append(number)

    def pids(self) -> set[int]:
        return {6} if self.on else set()

    def wait(self, done: Callable[[], bool], *, timeout: float) -> bool:
        while not done():
            self.now += 0.5
            self.boots[0] -= 1
            if self.now > timeout:
                return False
        return True


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    """It listens at the third look."""
    made = Machine([3])
    monkeypatch.setenv("BOOTSTRAP_LOCAL_DIR", str(tmp_path))
    monkeypatch.setattr(state, "init_pid", lambda record: made.pid())
    monkeypatch.setattr(power, "init_pid", lambda record: made.pid())
    monkeypatch.setattr(state, "_status", made.status)
    monkeypatch.setattr("os.kill", made.kill)
    monkeypatch.setattr(cgroups.Group, "pids", lambda self, half="": made.pids())
    monkeypatch.setattr(cgroups.Group, "freeze", lambda self, frozen: None)
    monkeypatch.setattr(command, "attempt", lambda argv: Result(0))
    monkeypatch.setattr(supervisor, "wait", made.wait)
    monkeypatch.setattr("time.monotonic", lambda: made.now)
    cluster(tmp_path / "prod")
    return made


def test_a_reboot_right_after_power_on_is_heard(machine: Machine) -> None:
    """Asked as soon as systemd listens: a namespace's init loses signals that it did not ask for."""
    power.reboot(WORKER)

    assert (machine.heard, machine.lost) == ([REBOOT], [])


def test_a_power_button_is_pressed_until_it_is_off(machine: Machine) -> None:
    """The first press comes while a reboot is under way and is lost on the old systemd; the next boot hears one."""
    with pytest.raises(BootstrapError, match="still on"):
        power.off(WORKER, timeout=4)

    assert set(machine.heard) == {POWER_OFF}
    assert len(machine.heard) > 1
    assert machine.lost == []


def test_a_power_cord_is_pulled_until_it_is_off(machine: Machine) -> None:
    """In the middle of a reboot there is nothing to kill at first."""
    machine.boots = [1002]

    power.kill(WORKER)

    assert not machine.on


def test_an_off_host_is_not_rebooted(machine: Machine) -> None:
    """What to do stands in the message."""
    machine.on = False

    with pytest.raises(BootstrapError, match="is off"):
        power.reboot(WORKER)


def test_a_systemd_that_never_listens_is_told(machine: Machine) -> None:
    """After half a minute, with a way out."""
    machine.boots = [900]

    with pytest.raises(BootstrapError, match="takes no orders") as caught:
        power.reboot(WORKER)

    assert "kill" in caught.value.fix
    assert machine.lost == []


@pytest.mark.parametrize(
    ("options", "supervised", "expected"),
    [("rw,discard", True, True), ("rw,discard", False, False), ("rw,emergency_ro", True, False), ("ro", True, False)],
)
def test_a_host_is_on_when_it_has_power_and_a_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: str, supervised: bool, expected: bool
) -> None:
    """Without a power supply, or with a disk that takes no more writes, `up` boots it again."""
    monkeypatch.setenv("BOOTSTRAP_LOCAL_DIR", str(tmp_path))
    cluster(tmp_path / "prod")
    (state.folder(WORKER) / "disk.img").touch()
    mounts = tmp_path / "mountinfo"
    mounts.write_text(
        f"9 1 7:1 /docker /var/lib/docker rw - ext4 /dev/loop1 {options}\n8 1 0:1 / / rw - overlay o ro\n"
    )
    monkeypatch.setattr(state, "supervised", lambda folder: supervised)
    monkeypatch.setattr(state, "init_pid", lambda record: 7)
    monkeypatch.setattr(state, "_mounts", lambda pid: mounts.read_text())

    assert state.running(WORKER) is expected
