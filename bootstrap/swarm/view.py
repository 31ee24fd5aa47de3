"""The swarm as one manager tells it: one is asked, and all of them where it does not answer at once."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from bootstrap.errors import BootstrapError
from bootstrap.model.cluster import Role
from bootstrap.providers.base import Instance, Provider
from bootstrap.remote.agent import STATUS_DEADLINE, Agent


class Times(NamedTuple):
    """Seconds: how long the first lot is asked alone, how long all are asked, and how long once no quorum can be."""

    patience: float = 0.8  # a frozen one must not hold up the answer
    limit: float = STATUS_DEADLINE
    grace: float = 3.0


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

    `broken` are those whose engine answers and says that its swarm is in `error`, `down` those whose engine does not
    run: no waiting mends either. `electing`: it looks like an election, as one is a member that sees no quorum, and so
    many engines run that they can elect.
    """

    reasons: Mapping[str, str] = field(default_factory=dict)
    broken: frozenset[str] = frozenset()
    electing: bool = False
    down: frozenset[str] = frozenset()

    def __str__(self) -> str:
        alike: dict[str, list[str]] = {}
        for name, why in sorted(self.reasons.items()):
            alike.setdefault(why, []).append(name)
        return "; ".join(f"{', '.join(names)}: {why}" for why, names in alike.items()) or "no manager is running"


class _Refusal(NamedTuple):
    """Why one manager's answer is none. `lost`: it is a member and sees no quorum; the others as in Silence."""

    where: str
    why: str
    broken: bool = False
    down: bool = False
    lost: bool = False


_Answers = queue.Queue[View | _Refusal]


def observe(
    provider: Provider,
    control: Mapping[str, Any] | None,
    instances: Iterable[Instance],
    *,
    leaving: Collection[str] = (),
) -> View | Silence:
    """Ask the running managers until one has a quorum; those with a fault late, those on hosts in `leaving` last.

    Where no manager that stays answers, one that goes is good enough to tell, and to have changes refused by its guard.

    `control` and `instances` are the provider's, as read just now. An answer about another swarm than the published
    one is no answer: it may be an orphan, or a cut-off half.
    """
    every = [one for one in instances if one.role is Role.MANAGER]
    needed = min(len(every), len(known_managers(control)) or len(every)) // 2 + 1
    able = managers(every, leaving)
    told = {one.hostname: one.fault.what for one in able if one.fault is not None and _in_vain(one, needed)}
    asked = [one for one in able if one.hostname not in told]
    well, ill, going = ([Agent(provider.runner(one), one.hostname) for one in lot] for lot in _by_use(asked, leaving))
    # Where one is off or has a fault there may be an election. All are slow then: no first one has a time of its own.
    first = 0 if any(one.fault is not None or one.state == "stopped" for one in every) else 1
    lots = (well[:first], well[first:], ill, going)
    answer = first_answer(lots, swarm_id=(control or {}).get("swarm_id"), needed=needed, times=TIMES)
    if isinstance(answer, View):
        return answer
    electing = answer.electing and len(asked) - len(answer.down) >= needed
    return replace(answer, reasons={**told, **answer.reasons}, electing=electing)


def known_managers(control: Mapping[str, Any] | None) -> set[str]:
    """The node ids of all raft members that are known without asking: who was published, and who has joined since."""
    known = control or {}
    published = {one["node_id"] for one in known.get("managers") or ()}
    seated = {seat["node_id"] for seat in (known.get("seats") or {}).values() if not seat.get("lost")}
    return (published | seated) - {None, *known.get("removed", ())}


def _in_vain(one: Instance, needed: int) -> bool:
    """Whether it cannot answer, or has no quorum: who is cut off tells for some seconds what it remembers of one."""
    return one.fault is not None and (one.fault.silent or (one.fault.alone and needed > 1))


def _by_use(instances: Iterable[Instance], leaving: Collection[str]) -> tuple[list[Instance], ...]:
    """Those that stay and have no fault, those that stay and have one, and those that go."""
    every = list(instances)
    stay = [one for one in every if not _goes(one, leaving)]
    return (
        [one for one in stay if one.fault is None],
        [one for one in stay if one.fault is not None],
        [one for one in every if _goes(one, leaving)],
    )


def _goes(one: Instance, leaving: Collection[str]) -> bool:
    return one.hostname in leaving or one.state == "terminating"


def managers(instances: Iterable[Instance], leaving: Collection[str] = ()) -> list[Instance]:
    """The managers that can be asked: first those that stay, and last who may be cut off and not know it yet."""
    able = (one for one in instances if one.role is Role.MANAGER and one.state in {"running", "terminating"})

    def rank(one: Instance) -> tuple[bool, bool, str]:
        return one.fault is not None, _goes(one, leaving), one.hostname

    return sorted(able, key=rank)


def first_answer(
    lots: Sequence[Sequence[Agent]], *, swarm_id: str | None, needed: int = 1, times: Times = TIMES
) -> View | Silence:
    """The first good answer. A lot is asked side by side, once those of the lots before refused or their time is over.

    `needed` managers are a quorum. Where so many are outside of one that the others are too few, these get `grace`.
    """
    answers, waiting, refusals = _Answers(), dict[str, Agent](), list[_Refusal]()
    spare = max(0, sum(len(lot) for lot in lots) - needed)  # how many may be outside of a quorum that there is
    start = time.monotonic()
    try:
        for number, lot in enumerate(lots):
            waiting |= {agent.where: agent for agent in lot}
            _send(lot, swarm_id, answers)
            end = start + times.patience if number == 0 else max(start + times.limit, time.monotonic() + times.grace)
            while waiting:
                if sum(one.lost or one.down for one in refusals) > spare:
                    end = min(end, time.monotonic() + times.grace)
                if (answer := _next(answers, end)) is None:
                    break
                waiting.pop(answer.agent.where if isinstance(answer, View) else answer.where)
                if isinstance(answer, View):
                    return answer
                refusals.append(answer)
    finally:  # nobody reads what they answer now; a poll asks again
        for agent in waiting.values():
            agent.stop()
    return _silence(refusals, waiting, time.monotonic() - start)


def _send(agents: Sequence[Agent], swarm_id: str | None, answers: _Answers) -> None:
    """Ask all of them at once, in threads that are not waited for: a frozen host may keep one for long."""
    for agent in agents:
        threading.Thread(target=_ask, args=(agent, swarm_id, answers), daemon=True).start()


def _next(answers: _Answers, end: float) -> View | _Refusal | None:
    """The next answer, or None where there is none until `end`."""
    try:
        return answers.get(timeout=max(0.0, end - time.monotonic()))
    except queue.Empty:
        return None


def _silence(refusals: Sequence[_Refusal], silent: Iterable[str], seconds: float) -> Silence:
    """What each of them said, or did not say in time."""
    return Silence(
        {one.where: one.why for one in refusals} | dict.fromkeys(silent, f"no answer within {max(1.0, seconds):.0f} s"),
        broken=frozenset(one.where for one in refusals if one.broken),
        electing=any(one.lost for one in refusals),
        down=frozenset(one.where for one in refusals if one.down),
    )


def _ask(agent: Agent, swarm_id: str | None, answers: _Answers) -> None:
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
    """Of a manager that shows no swarm. One whose engine answers too late is no broken one: it may elect."""
    state = document.get("state")
    codes = {one.get("code") for one in document.get("problems") or ()}
    if "engine_down" in codes:
        return _Refusal(where, "its engine is down", down=True)
    if "engine_slow" in codes:
        return _Refusal(where, "its engine does not answer in time, as while a leader is elected", lost=True)
    why = f"it sees no quorum (its engine: {state}{_reason(document)})"
    return _Refusal(where, why, broken=state == "error", lost=state in {"error", "active"})


def _reason(document: Mapping[str, Any]) -> str:
    """Why its node is no member, and what a person can do about that, in the agent's words."""
    said = (one for one in document.get("problems") or () if one.get("code") == "not_joined")
    # An engine in `error` may say nothing more, and then the agent's sentence ends with its colon.
    # Its first word is the agent's own name of a step, as `take seat`.
    told = ([str(one["what"]).partition(": ")[2].rstrip(": "), str(one.get("fix") or "")] for one in said)
    return "".join(f"; {': '.join(filter(None, parts))}" for parts in told)
