"""Wait for what machines do by themselves, and tell how far each of them is. What only a person mends ends a wait."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from bootstrap.checkpoint import reach
from bootstrap.engine import hindrance
from bootstrap.engine.clock import Clock
from bootstrap.engine.events import Event
from bootstrap.engine.health.silence import PHASES
from bootstrap.engine.progress import Problem, Progress, named, step, steps
from bootstrap.engine.switch import Switch
from bootstrap.errors import BootstrapError
from bootstrap.model.cluster import Role
from bootstrap.providers.base import Instance, Provider
from bootstrap.swarm.view import Silence, View, observe

POLL = 1.0  # seconds; a poll costs a manager about 0.1 s of one core


@dataclass(frozen=True)
class Patience:
    """How long to wait (s) and by which clock, for what, the command that goes on from there, and what was told before."""

    timeout: float
    clock: Clock
    cluster: str = ""
    again: str = "bootstrap up FILE"
    told: dict[str, str] = field(default_factory=dict)  # the last step of each machine

    def begin(self) -> Progress:
        """A wait begins now."""
        return Progress(self.clock, self.told)

    def over(self, progress: Progress) -> bool:
        """Whether the time is over."""
        return progress.waited >= self.timeout


def wait_formed(provider: Provider, patience: Patience, switch: Switch) -> Iterator[Event]:
    """Until a manager answers with a quorum; BootstrapError when the time is over, or no waiting helps.

    A first boot is told by the machines' steps, and who is late; what was a cluster before says why nobody answers.
    """
    progress = patience.begin()
    was_formed = (provider.control() or {}).get("phase") == "FORMED"
    while True:
        reach("wait.quorum")
        control, machines = provider.control(), provider.instances()
        yield from progress.of({one.hostname: step(one) for one in machines})
        phase = (control or {}).get("phase")
        view = observe(provider, control, machines) if phase == "FORMED" else Silence()
        if isinstance(view, View):
            return
        managers = [one for one in machines if one.role is Role.MANAGER]
        if found := hindrance.in_forming(control, managers, progress.settled(managers)):
            raise found.error(patience.cluster, patience.again, "not_formed")
        yield from switch.look(machines)
        yield from progress.why(_silence(view) if was_formed else _late(machines), machines)
        if patience.over(progress):
            what = f"no manager answered within {patience.timeout:.0f} s ({PHASES.get(str(phase), 'it was never made')}; {view})"
            raise _unformed(what, machines, patience)
        patience.clock.sleep(POLL)


def wait_healthy(
    status: Callable[[], dict[str, Any]],
    instances: Callable[[], Sequence[Instance]],
    patience: Patience,
    switch: Switch | None,
    seen: Callable[[dict[str, Any]], None],
) -> Iterator[Event]:
    """Until `status` says healthy; BootstrapError with its problems when the time is over, or no waiting helps."""
    progress = patience.begin()
    while True:
        reach("wait.health")
        machines = instances()
        document = status()
        seen(document)
        yield from progress.of(steps(machines, document["nodes"]))
        if document["healthy"]:
            return
        if found := hindrance.in_health(document, machines, progress.lost(document["problems"])):
            raise found.error(document["cluster"], patience.again, "unhealthy")
        if switch is not None:
            yield from switch.look(machines)
        yield from progress.why(document["problems"], machines)
        if patience.over(progress):
            raise _unhealthy(document, patience)
        patience.clock.sleep(POLL)


def _silence(view: Silence) -> list[Problem]:
    return [{"code": "no_quorum", "node": None, "message": f"no manager answers with a quorum ({view})"}]


def _late(machines: Sequence[Instance]) -> list[Problem]:
    """One sentence however many there are: each that joins is told by its step."""
    late = [f"{one.hostname} ({step(one) or one.state})" for one in machines if step(one) != "joined"]
    return [{"code": "late", "node": None, "message": f"not joined yet: {named(late)}"}] if late else []


def _unformed(what: str, machines: Sequence[Instance], patience: Patience) -> BootstrapError:
    slow = ", ".join(f"{one.hostname} ({step(one) or one.state})" for one in machines if step(one) != "joined")
    look = "`bootstrap logs FILE NODE --boot` of the first" if slow else "`bootstrap status FILE`: it names the mend"
    return BootstrapError(
        f"{what}; not yet there: {slow or 'none'}",
        fix=f"see {look}; `{patience.again}` goes on from here",
        code="not_formed",
    )


def _unhealthy(document: dict[str, Any], patience: Patience) -> BootstrapError:
    told = "; ".join(f"{one['node'] or document['cluster']}: {one['message']}" for one in document["problems"])
    return BootstrapError(
        f"not healthy within {patience.timeout:.0f} s: {told}",
        where=document["cluster"],
        fix=f"see `bootstrap status`; `{patience.again}` goes on from here",
        code="unhealthy",
    )
