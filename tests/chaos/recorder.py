"""Watches a cluster from outside: engines by their sockets, disks, the store, and what we know that we did."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any

from bootstrap.agent import engine_api, nodes
from bootstrap.agent.local import ca_digests
from bootstrap.lab import paths, records, state
from bootstrap.lab.records import HostRecord
from tests.chaos.history import Engine, Generation, History, Host, Sample, Seat

PERIOD = 1.0  # seconds between two samples
PATIENCE = 1.5  # seconds for an engine's answer
ROOT_CA = "var/lib/docker/swarm/certificates/swarm-root-ca.crt"
Hurts = Callable[[str], frozenset[str]]


class Recorder:
    """Samples in a thread of its own as long as it is entered; `history` grows meanwhile."""

    def __init__(self, cluster: str, hurts: Hurts) -> None:
        self.history = History()
        self._cluster = cluster
        self._hurts = hurts
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Recorder:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stop.set()
        self._thread.join(30)
        self.read_store()

    def did(self, what: str) -> None:
        """Note what we do ourselves."""
        self.history.deeds.append((time.time(), what))

    def read_store(self) -> None:
        """Take every generation and audit event that the store keeps."""
        store = paths.cluster_dir(self._cluster) / "store"
        self.history.generations = generations(store / "control")
        self.history.events = [json.loads(path.read_text()) for path in sorted((store / "audit").glob("[!.]*.json"))]

    def _watch(self) -> None:
        with ThreadPoolExecutor(8) as hands:
            while not self._stop.is_set():
                began = time.monotonic()
                self.history.samples.append(self._sample(hands))
                self._stop.wait(max(0.0, PERIOD - (time.monotonic() - began)))

    def _sample(self, hands: ThreadPoolExecutor) -> Sample:
        folder = paths.cluster_dir(self._cluster)
        with contextlib.suppress(Exception):  # a record is being written or removed: the next sample sees it
            sizes = {group.name: group.size for group in records.load_groups(folder)}
            hosts = records.load_hosts(folder)
            seen = tuple(hands.map(lambda one: self._host(one, one.slot > sizes.get(one.group, one.slot)), hosts))
            return Sample(time.time(), seen)
        return Sample(time.time(), ())

    def _host(self, record: HostRecord, doomed: bool) -> Host:
        before = self._hurts(record.hostname)
        engine = ask(record)
        return Host(
            record.hostname, record.instance, record.role, state.running(record),
            before | self._hurts(record.hostname), doomed, root_of(record), engine,
        )  # fmt: skip


def root_of(record: HostRecord) -> str:
    """The digest of the swarm's CA on the disk of a host that is on, "" when there is none."""
    try:
        found = ca_digests(Path(f"/proc/{state.init_pid(record)}/root", ROOT_CA).read_text())
    except OSError:
        return ""
    return " ".join(digest[:12] for digest in found)


def engine_of(record: HostRecord, patience: float = PATIENCE) -> engine_api.Engine | None:
    """The host's engine, spoken to over its socket from outside; None when the host is off."""
    pid = state.init_pid(record)
    return engine_api.Engine(f"/proc/{pid}/root/run/docker.sock", patience) if pid else None


def ask(record: HostRecord) -> Engine | None:
    """What the host's engine says now; None when it does not answer in time."""
    engine = engine_of(record)
    try:
        swarm = engine.info()["Swarm"] if engine else None
    except (engine_api.EngineError, KeyError):
        return None
    if swarm is None:
        return None
    seats = _seats(engine) if engine and swarm.get("ControlAvailable") else None
    return Engine(
        swarm.get("LocalNodeState") or "",
        swarm.get("NodeID") or "",
        (swarm.get("Cluster") or {}).get("ID") or "",
        seats,
    )


def _seats(engine: engine_api.Engine) -> tuple[Seat, ...] | None:
    try:
        found = nodes.read(engine)
    except engine_api.EngineError:
        return None
    return tuple(
        Seat(one.id, one.role, one.state, one.member, one.reachability == "reachable", one.leader) for one in found
    )


def generations(folder: Path) -> list[Generation]:
    """Every generation of the control object in that folder, oldest first."""
    found = []
    for path in folder.glob("control.*.json"):
        control: dict[str, Any] = json.loads(path.read_text())
        found.append(Generation(int(path.name.split(".")[1]), path.stat().st_mtime, control))
    return sorted(found, key=lambda one: one.number)


def inits(hostname: str, journal: str) -> list[tuple[float, str]]:
    """(when, host) for each `swarm init` in a journal of format short-iso-precise, or short-unix."""
    found = []
    for line in journal.splitlines():
        if "swarm init on" in line:
            stamp = line.split(" ", 1)[0]
            at = float(stamp) if stamp.replace(".", "").isdigit() else datetime.fromisoformat(stamp).timestamp()
            found.append((at, hostname))
    return found
