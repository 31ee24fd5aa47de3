"""Wait for what machines do by themselves, and tell how far each of them is."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from bootstrap.engine.clock import Clock
from bootstrap.engine.events import Event, NodeProgress, Note
from bootstrap.errors import BootstrapError
from bootstrap.providers.base import Instance, Provider
from bootstrap.swarm.view import Silence, View, observe

PATIENCE = 15.0  # seconds: a first boot takes as long, and is no problem
POLL = 1.0  # seconds; a poll costs a manager about 0.1 s of one core


class Progress:
    """Remembers what was told of each node, so that only news become events."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._start = clock.now()
        self._told: dict[str, str] = {}
        self._why = ""

    def why(self, problems: Sequence[dict[str, Any]]) -> Iterator[Note]:
        """What is waited for, once the machines have had time to boot: the first problem, when it is another one."""
        first = next(iter(problems), None)
        text = f"waiting: {first['node'] or 'the cluster'}: {first['message']}" if first else ""
        if text and text != self._why and self._clock.now() - self._start >= PATIENCE:
            self._why = text
            yield Note(text)

    def of(self, steps: dict[str, str]) -> Iterator[NodeProgress]:
        """Events for the nodes whose step is another than last time."""
        for hostname, step in sorted(steps.items()):
            if step and self._told.get(hostname) != step:
                self._told[hostname] = step
                yield NodeProgress(hostname, step, self._clock.now() - self._start)


def wait_formed(provider: Provider, timeout: float, clock: Clock) -> Iterator[Event]:
    """Until a manager answers with a quorum; BootstrapError after `timeout` seconds.

    Of a first boot the machines' steps tell all there is; what was a cluster before also says why nobody answers.
    """
    progress = Progress(clock)
    deadline = clock.now() + timeout
    was_formed = (provider.control() or {}).get("phase") == "FORMED"
    while True:
        control, machines = provider.control(), provider.instances()
        yield from progress.of({one.hostname: one.step for one in machines})
        phase = (control or {}).get("phase")
        view = observe(provider, control, machines) if phase == "FORMED" else Silence()
        if isinstance(view, View):
            return
        if was_formed:
            yield from progress.why([{"node": None, "message": f"no manager answers with a quorum ({view})"}])
        if clock.now() >= deadline:
            what = f"no manager answered within {timeout:.0f} s (control object: {phase}; {view})"
            raise _late(what, machines)
        clock.sleep(POLL)


def wait_healthy(
    status: Callable[[], dict[str, Any]],
    instances: Callable[[], Sequence[Instance]],
    timeout: float,
    clock: Clock,
) -> Iterator[Event]:
    """Until `status` says healthy; BootstrapError with its problems after `timeout` seconds."""
    progress = Progress(clock)
    deadline = clock.now() + timeout
    while True:
        machines = instances()
        document = status()
        yield from progress.of(_steps(machines, document))
        if document["healthy"]:
            return
        yield from progress.why(document["problems"])
        if clock.now() >= deadline:
            raise _unhealthy(document, timeout)
        clock.sleep(POLL)


def _steps(machines: Sequence[Instance], document: dict[str, Any]) -> dict[str, str]:
    """How far each machine's own boot is, and for nodes what the swarm says."""
    steps = {one.hostname: one.step for one in machines}
    for node in document["nodes"]:
        if node["instance"]:
            up = node["state"] == "ready"
            steps[node["hostname"]] = node["availability"] if up and node["availability"] != "drain" else "joined"
    return steps


def _late(what: str, machines: Sequence[Instance]) -> BootstrapError:
    slow = ", ".join(f"{one.hostname} ({one.step or one.state})" for one in machines if one.step != "joined")
    look = "`bootstrap logs FILE NODE --boot` of the first" if slow else "`bootstrap status FILE`: it names the mend"
    return BootstrapError(
        f"{what}; not yet there: {slow or 'none'}",
        fix=f"see {look}; `bootstrap up` goes on from here",
        code="not_formed",
    )


def _unhealthy(document: dict[str, Any], timeout: float) -> BootstrapError:
    told = "; ".join(f"{one['node'] or document['cluster']}: {one['message']}" for one in document["problems"])
    return BootstrapError(
        f"not healthy within {timeout:.0f} s: {told}",
        where=document["cluster"],
        fix="see `bootstrap status`; `bootstrap up` goes on from here",
        code="unhealthy",
    )
