"""Send the probe to every node at once: they have to hear each other."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Any

from bootstrap.errors import BootstrapError
from bootstrap.model.cluster import Role
from bootstrap.providers.base import Instance
from bootstrap.remote.runner import Runner

LISTEN = 4.0  # seconds
DEADLINE = 30.0
RAFT, GOSSIP = 2377, 7946  # TCP: managers; every node


@dataclass(frozen=True)
class Probe:
    """One node's answer, or why there is none. `skew` is how far its clock is ahead of ours, in seconds."""

    instance: Instance
    answer: Mapping[str, Any] | None
    why: str = ""
    skew: float = 0.0


def gather(
    instances: Sequence[Instance], runner: Callable[[Instance], Runner], port: int, now: Callable[[], float] = time.time
) -> list[Probe]:
    """The answers of all these machines, in their order. `port` is the swarm's data path port."""
    script = resources.files(__package__).joinpath("probe.py").read_text(encoding="utf-8")
    probes: dict[str, Probe] = {}

    def ask(one: Instance) -> None:
        argv = ["python3", "-I", "-", json.dumps(question(one, instances, port))]
        try:
            began = now()
            result = runner(one).run(argv, stdin=script, timeout=DEADLINE)
            probes[one.id] = _parsed(one, result.stdout, result.stderr, began, now())
        except BootstrapError as error:
            probes[one.id] = Probe(one, None, error.what)

    threads = [threading.Thread(target=ask, args=(one,), daemon=True) for one in instances]
    for thread in threads:
        thread.start()
    end = time.monotonic() + DEADLINE + 5
    for thread in threads:
        thread.join(max(0.0, end - time.monotonic()))
    return [probes.get(one.id) or Probe(one, None, f"no answer within {DEADLINE:.0f} s") for one in instances]


def question(one: Instance, instances: Sequence[Instance], port: int) -> dict[str, Any]:
    """What the probe on `one` is to do."""
    peers = {
        peer.hostname: {"address": peer.address, "tcp": [RAFT, GOSSIP] if peer.role is Role.MANAGER else [GOSSIP]}
        for peer in instances
        if peer.id != one.id
    }
    return {"me": one.hostname, "address": one.address, "peers": peers, "udp_port": port, "seconds": LISTEN}


def _parsed(one: Instance, output: str, errors: str, began: float, ended: float) -> Probe:
    try:
        answer = json.loads(output)
        # Its clock is ahead by at least end - ended, and by at most start - began.
        least, most = answer["end"] - ended, answer["start"] - began
    except (ValueError, KeyError, TypeError):
        last = (errors.strip().splitlines() or ["no output"])[-1]
        return Probe(one, None, f"the probe did not end well: {last}")
    skew = 0.0 if least <= 0 <= most else (least + most) / 2
    return Probe(one, answer, skew=skew)
