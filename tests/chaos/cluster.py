"""A cluster on this machine, the faults that are done to it, and a book of which of them are on."""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bootstrap.errors import BootstrapError
from bootstrap.lab import host, partition, paths, power, records, state
from bootstrap.lab.records import HostRecord
from bootstrap.lab.runner import HostRunner
from bootstrap.providers.local.host import switch_on
from tests.chaos.recorder import Recorder, inits
from tests.e2e.face import Face

INVENTORY = """\
version: 1
cluster: {name}
provider: local
local: {{memory: 1GiB}}
timeouts: {{healthy: 5m}}
swarm: {{cert_expiry: 100h, address_pool: 10.221.0.0/16}}
managers: {{count: {managers}}}
pools:
  web: {{min: 1, max: 4, desired: {workers}}}
"""
UNITS = ("bootstrap-agent", "docker-swarm-join")


@dataclass
class Chaos:
    """Every fault is noted before it is done and crossed out after it is undone, so the book never flatters."""

    face: Face
    name: str
    recorder: Recorder = field(init=False)
    lost: list[tuple[float, str]] = field(default_factory=list)  # `swarm init`s that stood in journals that were wiped
    _book: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self.recorder = Recorder(self.name, self.hurts)

    def hurts(self, hostname: str) -> frozenset[str]:
        """The faults that are on that host now."""
        with self._lock:
            return frozenset(self._book[hostname])

    def _hurt(self, hostname: str, fault: str) -> None:
        self.recorder.did(f"{fault} {hostname}")
        with self._lock:
            self._book[hostname].add(fault)

    def _mended(self, hostname: str, *faults: str) -> None:
        self.recorder.did(f"end of {' and '.join(faults)} {hostname}")
        with self._lock:
            self._book[hostname].difference_update(faults)

    def hosts(self) -> list[HostRecord]:
        """The hosts that there are, sorted by hostname."""
        return records.load_hosts(paths.cluster_dir(self.name))

    def record(self, hostname: str) -> HostRecord:
        """That host's record as it is now."""
        found = records.load_host(paths.cluster_dir(self.name), hostname)
        assert found is not None, f"there is no host {hostname}"
        return found

    def managers(self) -> list[str]:
        """The hostnames of the managers."""
        return [one.hostname for one in self.hosts() if one.role == "manager"]

    def run(self, hostname: str, *argv: str, timeout: float = 60) -> str:
        """What a command on the host prints; "" when the host is off or does not answer."""
        with suppress(BootstrapError):
            return HostRunner(self.record(hostname)).run(argv, timeout=timeout).stdout
        return ""

    # ---- faults ------------------------------------------------------------------------------------------------------

    def kill(self, hostname: str) -> None:
        """Pull the power cord."""
        self._hurt(hostname, "kill")
        power.kill(self.record(hostname))

    def start(self, hostname: str) -> None:
        """Switch it on."""
        switch_on(self.record(hostname), lambda _: None)
        self._mended(hostname, "kill", "pause")

    def is_on(self, hostname: str) -> None:
        """Somebody else has switched it on: that fault is over."""
        self.until("it is on", lambda: state.running(self.record(hostname)), 60)
        self._mended(hostname, "kill")

    def pause(self, hostname: str) -> None:
        """Stop its time."""
        self._hurt(hostname, "pause")
        power.pause(self.record(hostname))

    def resume(self, hostname: str) -> None:
        """Let its time go on."""
        power.resume(self.record(hostname))
        self._mended(hostname, "pause")

    def cut(self, hostname: str) -> None:
        """Pull its network cable."""
        self._hurt(hostname, "cut")
        power.cut(self.record(hostname))

    def heal(self, hostname: str) -> None:
        """Put the cable back, lift its part of a partition, and free its disk."""
        if "fill" in self.hurts(hostname):
            self.face.run("local", "heal", str(self.face.file), hostname)
        power.heal(self.record(hostname))
        partition.lift(self.name, hostname)
        self._mended(hostname, "cut", "partition", "fill")

    def partition(self, groups: Sequence[Sequence[str]]) -> None:
        """Part the hosts; all but those in the group with most managers count as hurt, or all when none has a majority."""
        managers = self.managers()
        by_managers = sorted(groups, key=lambda group: -len(set(group) & set(managers)))
        serving = set(by_managers[0]) if len(set(by_managers[0]) & set(managers)) > len(managers) // 2 else set()
        for hostname in {name for group in groups for name in group} - serving:
            self._hurt(hostname, "partition")
        partition.split(self.name, groups)

    def fill(self, hostname: str) -> None:
        """Fill its disk."""
        self._hurt(hostname, "fill")
        self.face.run("local", "fill", str(self.face.file), hostname)

    def wipe(self, hostname: str) -> None:
        """Switch it off, give it an empty disk as another instance, and switch it on: as a replaced machine."""
        self.lost += inits(hostname, self.journal(hostname))
        self.kill(hostname)
        host.wipe(self.record(hostname))
        self.start(hostname)

    def reboot(self, hostname: str) -> None:
        """Ask its systemd for a reboot."""
        self.recorder.did(f"reboot {hostname}")
        with suppress(BootstrapError):
            power.reboot(self.record(hostname))

    def kill_engine(self, hostname: str) -> None:
        """Kill -9 its engine; systemd starts it again."""
        self.recorder.did(f"kill the engine of {hostname}")
        self.run(hostname, "systemctl", "kill", "--signal=KILL", "docker", timeout=5)

    def kill_agent(self, hostname: str) -> None:
        """Kill -9 what runs of the agent; systemd starts it again."""
        self.recorder.did(f"kill the agent of {hostname}")
        self.run(hostname, "systemctl", "kill", "--signal=KILL", *UNITS, timeout=5)

    def mend(self) -> None:
        """Undo every fault that is on, and switch on what is off."""
        for one in self.hosts():
            hurts = self.hurts(one.hostname)
            if not state.running(one):
                self.start(one.hostname)
            if "pause" in self.hurts(one.hostname):
                self.resume(one.hostname)
            if hurts & {"cut", "partition", "fill"}:
                self.heal(one.hostname)

    # ---- what comes of it --------------------------------------------------------------------------------------------

    def status(self) -> Any:
        """The status document."""
        return self.face.status()

    def leader(self) -> str:
        """The leader's hostname, asked for until there is one."""

        def found() -> str:
            return next((str(node["hostname"]) for node in self.status()["nodes"] if node["leader"]), "")

        return str(self.until("there is a leader", found, 180))

    def until(self, what: str, test: Callable[[], Any], seconds: float) -> Any:
        """The first true answer of `test`; AssertionError after `seconds`."""
        end = time.monotonic() + seconds
        while not (answer := test()):
            assert time.monotonic() < end, f"not within {seconds:g} s: {what}"
            time.sleep(0.5)
        return answer

    def healthy(self, bound: float) -> float:
        """Seconds until `status` says healthy; AssertionError with its problems after `bound`."""
        began, last = time.monotonic(), {}
        while time.monotonic() - began < bound:
            last = self.status()
            if last["healthy"]:
                return time.monotonic() - began
            time.sleep(1)
        told = "; ".join(f"{one['code']} {one['node']}: {one['message']}" for one in last.get("problems", []))
        raise AssertionError(f"not healthy within {bound:g} s: {told}")

    def journal(self, hostname: str) -> str:
        """What the agent of that host ever said."""
        units = [word for unit in (*UNITS, "bootstrap-boot") for word in ("-u", unit)]
        return self.run(hostname, "journalctl", "--no-pager", "-o", "short-iso-precise", *units)

    def down(self) -> None:
        """Take it away, whatever state it is in."""
        self.face.run("down", str(self.face.file), "--yes", code=None)


def chaos(folder: Path, name: str, *, managers: int = 3, workers: int = 2) -> Chaos:
    """A cluster that is not made yet."""
    file = folder / f"{name}.yml"
    file.write_text(INVENTORY.format(name=name, managers=managers, workers=workers))
    return Chaos(Face(file), name)
