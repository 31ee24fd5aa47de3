"""Switch on what went off while it was waited for: its power failed, or its disk took no more."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence

from bootstrap.engine.clock import Clock
from bootstrap.engine.diff import diff
from bootstrap.engine.events import Event, Note
from bootstrap.engine.progress import MOMENT, named
from bootstrap.errors import BootstrapError, InterruptedRun
from bootstrap.model.resource import Action, Plan
from bootstrap.providers.base import Instance, Provider

TIMES = 2  # a machine is switched on in one wait: what goes off again has a cause that a boot does not mend


class Switch:
    """A hand on the power of the machines that one wait is for; `plan` is what makes those of these hostnames run."""

    def __init__(
        self, clock: Clock, plan: Callable[[Collection[str]], Plan], apply: Callable[[Plan], Iterator[Event]]
    ) -> None:
        self._clock, self._plan, self._apply = clock, plan, apply
        self._since: dict[str, float] = {}  # when each was first seen to be off
        self._times = Counter[str]()

    def look(self, machines: Sequence[Instance]) -> Iterator[Event]:
        """To be asked at each poll. A machine that reboots is off for a moment too: it is left alone."""
        off = {one.hostname for one in machines if one.state == "stopped"}
        now = self._clock.now()
        self._since = {name: self._since.get(name, now) for name in off}
        due = sorted(name for name in off if now - self._since[name] >= MOMENT and self._times[name] < TIMES)
        if due:
            self._times.update(due)
            self._since = {}
            yield from self._try(due)

    def _try(self, due: Collection[str]) -> Iterator[Event]:
        """What fails is told and ends no wait: that may end well without the machine."""
        try:
            if plan := self._plan(due):
                on = named([one.resource.name for one in plan.changes])
                yield Note(f"went off meanwhile, and will be switched on: {on}")
                yield from self._apply(plan)
        except BootstrapError as error:
            if isinstance(error, InterruptedRun) or isinstance(error.__cause__, InterruptedRun):
                raise
            yield Note(f"could not be switched on: {error}")


def switched_on(provider: Provider, names: Collection[str]) -> Plan:
    """What makes these machines run that are there and off; nothing where a group puts new ones in their place."""
    surge = (provider.control() or {}).get("surge")
    wanted, found = (
        [one for one in every if one.kind == "host" and one.name in names]
        for every in (provider.desired(surge), provider.existing())
    )
    plan = diff("", wanted, found)
    return Plan(plan.cluster, tuple(one for one in plan.changes if one.action is Action.UPDATE))
