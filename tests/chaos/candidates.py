"""First managers that are held at a named step of the agent and released together, as often as one likes."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bootstrap.agent import control as rules
from bootstrap.agent.context import replace_file
from bootstrap.agent.engine_api import EngineError
from bootstrap.agent.store.directory import DirectoryStore
from bootstrap.lab import paths, state
from bootstrap.lab.records import HostRecord
from tests.chaos import oracle
from tests.chaos.cluster import UNITS, Chaos, chaos
from tests.chaos.history import Generation, History
from tests.chaos.recorder import ask, engine_of, generations, inits, root_of

CLAIM, INIT, PUBLISH = "join.claim", "join.init", "form.secrets"  # steps of the agent: each stands before the deed
HOLD = "#!/bin/sh\nmkdir -p /run/bootstrap\numask 077\necho 'join.claim=hold' >/run/bootstrap/checkpoint\n"
TAKEOVER = 8  # seconds, instead of the 30 of `local`
MEETING = 600.0  # seconds for all of them to come to the step, an image made first: no promise, only an end
BOUND = 300.0  # seconds for all of them to be members: likewise
LEAVE = 60.0  # seconds for an engine to leave its swarm
UNSWARM = """systemctl kill -s KILL docker; systemctl stop docker
rm -rf /var/lib/docker/swarm /var/lib/docker/network/files; systemctl start docker"""
SPEC = 60.0  # seconds until somebody leads and tells
EXPIRY, POOL = 100 * 3600 * 1_000_000_000, ["10.221.0.0/16"]  # what the inventory asks for


@dataclass
class Candidates:
    """Hosts that could all found the cluster."""

    chaos: Chaos
    up: subprocess.Popen[bytes]  # it ends by itself once the first swarm is there
    first: int = 0  # the generation that this round began with
    since: float = 0.0

    @property
    def hosts(self) -> list[HostRecord]:
        """All of them."""
        return self.chaos.hosts()

    @property
    def control(self) -> dict[str, Any]:
        """The control object as it is now."""
        return self._store.read()[0]

    @property
    def _store(self) -> DirectoryStore:
        return DirectoryStore(str(paths.cluster_dir(self.chaos.name) / "store"))

    def each(self, deed: Callable[[HostRecord], object]) -> None:
        """Do it on all hosts at once."""
        with ThreadPoolExecutor(len(self.hosts)) as hands:
            list(hands.map(deed, self.hosts))

    def wish(self, text: str, *, besides: str = "") -> None:
        """Let the agents of all hosts but that one read these wishes; with an empty text they only tell their steps."""
        for one in self.hosts:
            if one.hostname != besides:
                wish(one, text)

    def release(self) -> None:
        """Let all go on that are held."""
        doors = [_inside(one, "checkpoint") for one in self.hosts]  # first: they are opened within a moment
        for door in doors:
            with suppress(OSError):
                door.unlink(missing_ok=True)

    def release_but(self, held: HostRecord) -> None:
        """Nobody but this one is held any more."""
        for one in self.hosts:
            if one.hostname != held.hostname:
                with suppress(OSError):
                    _inside(one, "checkpoint").unlink(missing_ok=True)

    def at(self, step: str) -> list[HostRecord]:
        """The hosts whose agent has come to that step."""
        return [one for one in self.hosts if step in told(one)]

    def meet(self, step: str, count: int) -> list[HostRecord]:
        """Wait until so many are there."""
        found: list[HostRecord] = self.chaos.until(
            f"{count} hosts are at {step}",
            lambda: (there := self.at(step)) if len(self.at(step)) >= count else [],
            MEETING,
        )
        return found

    def begin(self, *steps: str, takeover: int = TAKEOVER, mode: str = "hold") -> None:
        """Everything as before the first boot's claim: no swarm, no memory, EMPTY; the agents will hold at `steps`.

        With the mode `kill` each of them is killed there instead, once.
        """
        self.up.wait(MEETING)
        self.each(lambda one: self.chaos.run(one.hostname, "systemctl", "stop", *UNITS))
        self.each(self._forget)
        old, generation = self._store.read()
        fresh = rules.new(
            old["uid"], old["name"], managers_target=len(self.hosts), pools=old["pools"],
            timers={**old["timers"], "takeover": takeover},
        )  # fmt: skip
        self.first = int(self._store.swap(fresh, generation))
        self.since = time.time()
        self.wish("".join(f"{step}={mode}\n" for step in steps))
        self.each(lambda one: self.chaos.run(one.hostname, "systemctl", "start", "--no-block", *UNITS))

    def _forget(self, record: HostRecord) -> None:
        """It is in no swarm, and its agent remembers none."""
        self._leave(record)
        memory = Path(f"/proc/{state.init_pid(record)}/root/var/lib/bootstrap/agent/memory.json")
        known = json.loads(memory.read_text()) if memory.exists() else {}
        replace_file(str(memory), json.dumps({"instance": known.get("instance", record.instance)}))

    def _leave(self, record: HostRecord) -> None:
        """An engine may hang for good when all managers leave at once: then it is killed, and what it knew removed."""
        engine = engine_of(record, LEAVE)
        try:
            if engine:
                engine.leave()
        except EngineError:
            self.chaos.run(record.hostname, "sh", "-c", UNSWARM, timeout=2 * LEAVE)

    def members(self) -> bool:
        """Whether every host is a manager of the published swarm, in every manager's list."""
        seen = [ask(one) for one in self.hosts]
        count = len(seen)
        return all(
            engine
            and engine.swarm_id == self.control["swarm_id"]
            and sum(s.member for s in engine.seats or ()) == count
            for engine in seen
        )

    def settle(self) -> None:
        """Wait until all are members; where that fails, what each of them says is in the error."""
        try:
            self.chaos.until("all are managers of one swarm", self.members, BOUND)
        except AssertionError as error:
            control = {key: self.control.get(key) for key in ("phase", "epoch", "holder", "swarm_id")}
            told = [f"{one.hostname} {one.instance}: {ask(one)}\n{self._journal(one)}" for one in self.hosts]
            raise AssertionError("\n".join([str(error), str(control), *told])) from None

    def _journal(self, record: HostRecord) -> str:
        units = [f"--unit={one}" for one in (*UNITS, "docker")]
        return self.chaos.run(record.hostname, "journalctl", "--no-pager", "--lines=15", *units)

    def verdict(self, *, lost: tuple[str, ...] = ()) -> list[str]:
        """What is wrong with this round. `lost` are holders that were hurt: what they made may have been seen."""
        store = paths.cluster_dir(self.chaos.name) / "store" / "control"
        history = History([s for s in self.chaos.recorder.history.samples if s.at > self.since])
        history.generations = [one for one in generations(store) if one.number >= self.first]
        told = [init for one in self.hosts for init in inits(one.hostname, self.chaos.journal(one.hostname))]
        history.inits = [(at, name) for at, name in told if at > self.since]
        wrong = oracle.judge(history, holders_may_lose=bool(lost)) + list(self._of_one_swarm())
        if len(history.inits) > 1 + len(lost):
            wrong.append(f"`swarm init` was said {len(history.inits)} times: {history.inits}")
        strangers = {name for _, name in history.inits} - set(_holders(history.generations, self.hosts))
        return wrong + [f"{name} made a swarm and never held the claim" for name in sorted(strangers)]

    def _of_one_swarm(self) -> Iterator[str]:
        """The end: one CA, one swarm id, the published one, and the spec that was asked for."""
        roots = {root_of(one) for one in self.hosts}
        ids: set[str] = set()
        with suppress(AssertionError):
            ids = self.chaos.until("an engine answers", self._swarm_ids, SPEC)
        if len(roots) != 1 or ids != {self.control["swarm_id"]}:
            yield f"swarms {ids} with roots {roots}, published is {self.control['swarm_id']}"
        spec = None
        with suppress(AssertionError):
            spec = self.chaos.until("the spec is told", self._spec, SPEC)
        if spec != (EXPIRY, POOL):
            yield f"the spec is {spec}"

    def _swarm_ids(self) -> set[str]:
        return {engine.swarm_id for engine in map(ask, self.hosts) if engine}

    def _spec(self) -> Any:
        """What the swarm was made with; None while nobody leads."""
        engine = engine_of(self.hosts[0], 10)
        with suppress(EngineError):
            swarm = engine.swarm() if engine else None
            return (swarm["Spec"]["CAConfig"]["NodeCertExpiry"], swarm["DefaultAddrPool"]) if swarm else None
        return None


def _inside(record: HostRecord, name: str) -> Path:
    return Path(f"/proc/{state.init_pid(record)}/root/run/bootstrap", name)


def _reached(record: HostRecord) -> Path:
    return _inside(record, "checkpoint.reached")


def wish(record: HostRecord, text: str) -> None:
    """Let the agents of that host read these wishes, and forget which steps they told."""
    with suppress(OSError):
        _reached(record).unlink(missing_ok=True)
        replace_file(str(_inside(record, "checkpoint")), text, lasting=False)


def told(record: HostRecord) -> list[str]:
    """The steps that its agents came to since the last wish, or since its boot."""
    try:
        return _reached(record).read_text().split()
    except OSError:
        return []


def _holders(found: list[Generation], hosts: list[HostRecord]) -> list[str]:
    held = {(one.control.get("holder") or {}).get("instance") for one in found}
    return [one.hostname for one in hosts if one.instance in held]


@contextmanager
def candidates(folder: Path, name: str, count: int = 5) -> Iterator[Candidates]:
    """Hosts at their very first boot, all held before they claim; recorded, and taken down at the end."""
    (folder / "hold.sh").write_text(HOLD)
    made = chaos(folder, name, managers=count, workers=0)
    made.face.file.write_text(made.face.file.read_text().split("pools:")[0] + "hooks: {pre_docker: [hold.sh]}\n")
    made.down()
    command = [sys.executable, "-m", "bootstrap", "up", str(made.face.file), "--yes", "--no-wait"]
    quiet = subprocess.DEVNULL
    with subprocess.Popen(command, stdin=quiet, stdout=quiet, stderr=quiet) as up:
        try:
            made.until("the hosts are made", lambda: len(made.hosts()) == count, MEETING)
            with made.recorder:
                yield Candidates(made, up)
        finally:
            up.terminate()
            up.wait(MEETING)
            made.down()
