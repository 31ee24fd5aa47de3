"""Each manager's own word on its health, and what the others make of it: a manager that is Reachable may not be well.

One with a full disk restarts its raft node again and again; swarm shows it as Reachable for seconds at a time, and its
own quorum guard believes that. So each manager says with every sample how much room it has and how often its raft node
stopped. Silence counts as unwell too.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Mapping, Set
from typing import Any

from .context import Context, read_file, replace_file
from .errors import HEALS, explain, log
from .local import Local

_MEMORY = 10  # windows of health for which a stop of the raft node is remembered: ten minutes in production
_PATIENCE = 4.5  # pauses between two samples: 45 seconds in production. Shorter than a window, so none passes unseen
_RESTARTS = 2  # one is a crash that healed, and has a whole window to prove it; two are a pattern
_ROOM = 2 << 30  # bytes
_BREATH = 1.0  # seconds between two words at least


def disk(path: str) -> tuple[int, int]:
    """Free and total bytes of the disk that holds `path`."""
    while not os.path.isdir(path):
        path = os.path.dirname(path)
    space = os.statvfs(path)
    return space.f_bavail * space.f_frsize, space.f_blocks * space.f_frsize


def is_full(free: int, total: int) -> bool:
    """True when too little is left to rely on: less than 2 GiB, or on a small disk less than a tenth.

    Raft itself needs about 200 MB, for two files that it makes ahead and a snapshot. The rest is for what else fills a
    disk while a change is under way. A tenth of a large disk would call a laptop with 80 GB free full.
    """
    return free < min(_ROOM, total // 10)


def note_restart(context: Context) -> None:
    """Remember that the engine which runs now was started by us, on purpose."""
    replace_file(_noted(context), _engine(context), lasting=False)


def _engine(context: Context) -> str:
    """The process of the engine, as text: another one after each start."""
    return read_file(context.paths.at("/run/docker.pid"))


def _noted(context: Context) -> str:
    return os.path.join(context.paths.run, "engine-restarted")


class Pulse:
    """This machine's word. The engine's answers are handed in, since the agent asks for them anyway."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._instance = ""
        self._memory = 600.0
        self._count = 0
        self._stops: deque[float] = deque()
        self._served = self._led = False
        self._engine = ""
        self._node = ""
        self._version = ""
        self._said = float("-inf")
        self._heard = True

    def see(self, instance: str, local: Local, stable: float) -> None:
        """What the engine says now; `stable` is the length of a window in seconds."""
        self._instance, self._memory, self._version = instance, _MEMORY * stable, local.engine or self._version
        serves = local.state == "active" and local.control_available
        engine = _engine(self._context)
        meant = engine != self._engine and engine == read_file(_noted(self._context))
        if self._served and not meant and (not serves or engine != self._engine):
            self._stops.append(self._context.clock.now())
        self._served, self._engine = serves, engine
        self._led = self._led and serves
        if local.node_id and local.node_id != self._node:  # it joined anew: its former life tells nothing
            self._node = local.node_id
            self._stops.clear()

    def looked(self, answered: bool) -> None:
        """Whether the nodes could be read just now: they come from the leader of a quorum. Good news is told at once."""
        news, self._led = answered and not self._led, answered
        if news:
            self._said = float("-inf")
            self.beat()

    def beat(self) -> None:
        """Say it. What cannot be said is as silence to the others, and that is right."""
        now = self._context.clock.now()
        if not self._instance or now - self._said < _BREATH:
            return
        while self._stops and self._stops[0] < now - self._memory:
            self._stops.popleft()
        self._count, self._said = self._count + 1, now
        try:
            free, total = disk(self._context.swarm_dir)
            facts = {"n": self._count, "disk_free": free, "disk_total": total, "raft_restarts": len(self._stops)}
            how = {"serves": self._served, "led": self._node if self._led else "", "engine": self._version}
            self._context.store.beat(self._instance, {**facts, **how})
            self._heard = True
        except HEALS as error:
            if self._heard:
                log(f"the others do not hear of this manager's health: {explain(error)}")
            self._heard = False


class Pulses:
    """What the managers said, with its age on this machine's own clock: theirs are not trusted."""

    def __init__(self, pause: float) -> None:
        self._patience = _PATIENCE * pause
        self._heard: dict[str, tuple[Mapping[str, Any], float]] = {}

    def hear(self, now: float, beats: Mapping[str, Mapping[str, Any]]) -> None:
        """What stands in the store now. A word that did not change is as old as before; one never heard is new."""
        for instance, facts in beats.items():
            before = self._heard.get(instance)
            if before is None or before[0].get("n") != facts.get("n"):
                self._heard[instance] = (facts, now)

    def forget(self, present: Set[str]) -> set[str]:
        """Those that spoke and are not among `present`; they were never heard from now on."""
        gone = set(self._heard) - present
        for instance in gone:
            del self._heard[instance]
        return gone

    def ailment(self, instance: str, now: float) -> str:
        """Why that manager is not well, in plain words; "" when it is."""
        if self._silence(instance, now):
            return self._silence(instance, now)
        facts = self._heard[instance][0]
        try:
            free, total, stops = (int(facts[key]) for key in ("disk_free", "disk_total", "raft_restarts"))
        except (LookupError, TypeError, ValueError):
            return "its agent speaks another language"
        if is_full(free, total):
            return f"its disk is full: {free >> 20} of {total >> 20} MiB are free"
        return f"its raft node stopped {stops} times lately" if stops >= _RESTARTS else ""

    def only_lacks_room(self, instance: str, now: float) -> bool:
        """True when its agent lives and says that the disk is full: it comes back by itself once there is room."""
        if self._silence(instance, now):
            return False
        facts = self._heard[instance][0]
        return is_full(int(facts.get("disk_free") or 0), int(facts.get("disk_total") or 0))

    def has_leader(self, instance: str, node_id: str, now: float) -> bool:
        """True when its agent lives and was answered by the leader: that node is back, whatever swarm still shows."""
        return not self._silence(instance, now) and self._heard[instance][0].get("led") == node_id

    def says_it_does_not_serve(self, instance: str, now: float) -> bool:
        """True when its agent lives and says that its own engine is no manager now: more than silence."""
        return not self._silence(instance, now) and self._heard[instance][0].get("serves") is False

    def _silence(self, instance: str, now: float) -> str:
        if instance not in self._heard:
            return "its agent never spoke"
        silent = now - self._heard[instance][1]
        return f"its agent has been silent for {silent:.0f} s" if silent > self._patience else ""
