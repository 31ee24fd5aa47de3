"""The swarm as one manager tells it: one is asked, and all of them where it does not answer at once."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from bootstrap.errors import BootstrapError
from bootstrap.model.cluster import Role
from bootstrap.providers.base import Instance, Provider
from bootstrap.remote.agent import STATUS_DEADLINE, Agent


class Times(NamedTuple):
    """Seconds since the first manager was asked, but for `more`.

    In an election every manager is silent for up to half a minute. Once one has said that it sees no quorum, the others
    have had about as long as that takes: they get `more`, and no less than `enough` in all.
    """

    patience: float = 0.8  # until all others are asked as well: a frozen one must not hold up the answer
    enough: float = 4.0
    more: float = 1.0
    limit: float = STATUS_DEADLINE


TIMES = Times()


@dataclass(frozen=True)
class View:
    """One manager's answer: its status document (`swarm` is not null) and the agent that gave it."""

    document: Mapping[str, Any]
    agent: Agent = field(compare=False)

    @property
    def nodes(self) -> list[dict[str, Any]]:
        """Every node object of the swarm, ghosts included."""
        return list(self.document["swarm"]["nodes"])

    @property
    def networks(self) -> list[dict[str, Any]]:
        """Every overlay network that a user could have made."""
        return list(self.document["swarm"]["networks"])

    @property
    def stacks(self) -> list[dict[str, Any]]:
        """Every stack, with the hash of what it was deployed from where we deployed it."""
        return list(self.document["swarm"]["stacks"])


@dataclass(frozen=True)
class Silence:
    """No manager answered with a quorum: what each that was asked said instead, by hostname.

    `broken` are those whose engine answers and says that its swarm is in `error`: no waiting mends that. `electing`: it
    looks like an election, as a majority of the managers is on and one of them is a member that sees no quorum.
    """

    reasons: Mapping[str, str] = field(default_factory=dict)
    broken: frozenset[str] = frozenset()
    electing: bool = False

    def __str__(self) -> str:
        alike: dict[str, list[str]] = {}
        for name, why in sorted(self.reasons.items()):
            alike.setdefault(why, []).append(name)
        return "; ".join(f"{', '.join(names)}: {why}" for why, names in alike.items()) or "no manager is running"


class _Refusal(NamedTuple):
    """Why one manager's answer is none. `lost`: it is a member and sees no quorum."""

    where: str
    why: str
    broken: bool = False
    lost: bool = False


def observe(
    provider: Provider,
    control: Mapping[str, Any] | None,
    instances: Iterable[Instance],
    *,
    leaving: Collection[str] = (),
) -> View | Silence:
    """Ask the running managers until one has a quorum; those on hosts in `leaving` only as the last resort.

    `control` and `instances` are the provider's, as read just now. An answer about another swarm than the published
    one is no answer: it may be an orphan, or a cut-off half.
    """
    every = list(instances)
    able = managers(every, leaving)
    asked = [Agent(provider.runner(one), one.hostname) for one in able if not _is_silent(one)]
    ill = any(one.role is Role.MANAGER and (one.fault is not None or one.state == "stopped") for one in every)
    times = TIMES._replace(patience=0.0) if ill else TIMES  # there may be an election: every manager is slow then
    answer = first_answer(asked, swarm_id=(control or {}).get("swarm_id"), times=times)
    if isinstance(answer, View):
        return answer
    told = {one.hostname: one.fault.what for one in able if one.fault is not None and one.fault.silent}
    majority = 2 * len(asked) > sum(one.role is Role.MANAGER for one in every)
    return Silence({**told, **answer.reasons}, answer.broken, answer.electing and majority)


def _is_silent(one: Instance) -> bool:
    return one.fault is not None and one.fault.silent


def managers(instances: Iterable[Instance], leaving: Collection[str] = ()) -> list[Instance]:
    """The managers that can be asked: first those that stay, and last who may be cut off and not know it yet."""
    able = (one for one in instances if one.role is Role.MANAGER and one.state in {"running", "terminating"})

    def rank(one: Instance) -> tuple[bool, bool, str]:
        return one.fault is not None, one.hostname in leaving or one.state == "terminating", one.hostname

    return sorted(able, key=rank)


def first_answer(agents: Sequence[Agent], *, swarm_id: str | None, times: Times = TIMES) -> View | Silence:
    """The first good answer. Where the first manager fails or takes its time, all others are asked side by side."""
    asking = _Asking(swarm_id, times)
    for some, limit in ((agents[:1], times.patience), (agents[1:], times.limit)):
        asking.ask(some)
        if (view := asking.wait(limit)) is not None:
            return view
    return asking.silence()


class _Asking:
    """The managers that were asked, and what those said that have no quorum."""

    def __init__(self, swarm_id: str | None, times: Times) -> None:
        self._swarm_id, self._times = swarm_id, times
        self._asked: list[str] = []
        self._refusals: dict[str, _Refusal] = {}
        self._answers: queue.Queue[View | _Refusal] = queue.Queue()
        self._start = time.monotonic()
        self._lost = float("inf")  # seconds after which one said first that there is no quorum

    def ask(self, agents: Sequence[Agent]) -> None:
        """Send the question to all of them at once."""
        self._asked += [agent.where for agent in agents]
        for agent in agents:
            # A thread that is not waited for: the answer of a frozen host may come long after the command has ended.
            threading.Thread(target=_ask, args=(agent, self._swarm_id, self._answers), daemon=True).start()

    def wait(self, limit: float) -> View | None:
        """The first good answer, or None where every one refused or time is up."""
        while len(self._refusals) < len(self._asked):
            end = min(limit, max(self._times.enough, self._lost + self._times.more))
            try:
                answer = self._answers.get(timeout=max(0.0, end - self._passed()))
            except queue.Empty:
                return None
            if isinstance(answer, View):
                return answer
            self._refusals[answer.where] = answer
            self._lost = min(self._lost, self._passed()) if answer.lost else self._lost
        return None

    def silence(self) -> Silence:
        """What each of them said, or did not say in time."""
        silent = f"no answer within {max(1.0, self._passed()):.0f} s"
        reasons = {where: self._refusals[where].why if where in self._refusals else silent for where in self._asked}
        broken = frozenset(one.where for one in self._refusals.values() if one.broken)
        return Silence(reasons, broken, any(one.lost for one in self._refusals.values()))

    def _passed(self) -> float:
        return time.monotonic() - self._start


def _ask(agent: Agent, swarm_id: str | None, answers: queue.Queue[View | _Refusal]) -> None:
    try:
        document = agent.status()
    except BootstrapError as error:
        answers.put(_Refusal(agent.where, error.what))
        return
    swarm = document.get("swarm")
    if swarm and swarm_id in {None, swarm["id"]}:
        answers.put(View(document, agent))
    elif swarm:
        answers.put(_Refusal(agent.where, f"it is in another swarm ({swarm['id']})"))
    else:
        answers.put(_refusal(agent.where, document))


def _refusal(where: str, document: Mapping[str, Any]) -> _Refusal:
    """Of a manager that shows no swarm. One whose engine does not answer in time is no broken one: it may elect."""
    state = document.get("state")
    if any(one.get("code") == "engine_down" for one in document.get("problems") or ()):
        return _Refusal(where, "its engine does not answer, as while a leader is elected", lost=True)
    why = f"it sees no quorum (its engine: {state}{_reason(document)})"
    return _Refusal(where, why, broken=state == "error", lost=state in {"error", "active"})


def _reason(document: Mapping[str, Any]) -> str:
    """Why its node is no member, and what a person can do about that, in the agent's words."""
    said = (one for one in document.get("problems") or () if one.get("code") == "not_joined")
    # An engine in `error` may say nothing more, and then the agent's sentence ends with its colon.
    # Its first word is the agent's own name of a step, as `take seat`.
    told = ([str(one["what"]).partition(": ")[2].rstrip(": "), str(one.get("fix") or "")] for one in said)
    return "".join(f"; {': '.join(filter(None, parts))}" for parts in told)
