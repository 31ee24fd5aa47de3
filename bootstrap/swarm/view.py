"""The swarm as one manager tells it: found by asking managers in turn."""

from __future__ import annotations

import queue
import threading
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from bootstrap.errors import BootstrapError
from bootstrap.model.cluster import Role
from bootstrap.providers.base import Instance, Provider
from bootstrap.remote.agent import STATUS_DEADLINE, Agent

PATIENCE = 3.0  # seconds until the next manager is asked as well: a frozen one must not hold up the answer


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

    `broken` are those whose engine answers and says that its swarm is in `error`: no waiting mends that.
    """

    reasons: Mapping[str, str] = field(default_factory=dict)
    broken: frozenset[str] = frozenset()

    def __str__(self) -> str:
        alike: dict[str, list[str]] = {}
        for name, why in sorted(self.reasons.items()):
            alike.setdefault(why, []).append(name)
        return "; ".join(f"{', '.join(names)}: {why}" for why, names in alike.items()) or "no manager is running"


class _Refusal(NamedTuple):
    """What one manager said that has no quorum."""

    where: str
    why: str
    broken: bool = False


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
    asked = [Agent(provider.runner(one), one.hostname) for one in managers(instances, leaving)]
    return first_answer(asked, swarm_id=(control or {}).get("swarm_id"))


def managers(instances: Iterable[Instance], leaving: Collection[str] = ()) -> list[Instance]:
    """The managers that can be asked, those that stay first."""
    able = (one for one in instances if one.role is Role.MANAGER and one.state in {"running", "terminating"})
    return sorted(able, key=lambda one: (one.hostname in leaving or one.state == "terminating", one.hostname))


def first_answer(agents: Sequence[Agent], *, swarm_id: str | None, patience: float = PATIENCE) -> View | Silence:
    """The first good answer; each further agent is asked when the one before failed or took its time."""
    answers: queue.Queue[View | _Refusal] = queue.Queue()
    broken: set[str] = set()
    reasons = {agent.where: f"no answer within {STATUS_DEADLINE:.0f} s" for agent in agents}
    waiting = 0
    for last, agent in ((agent is agents[-1], agent) for agent in agents):
        # A thread that is not waited for: the answer of a frozen host may come long after the command has ended.
        threading.Thread(target=_ask, args=(agent, swarm_id, answers), daemon=True).start()
        waiting += 1
        while waiting:
            try:
                answer = answers.get(timeout=STATUS_DEADLINE if last else patience)
            except queue.Empty:
                break
            if isinstance(answer, View):
                return answer
            waiting -= 1
            reasons[answer.where] = answer.why
            broken |= {answer.where} if answer.broken else set()
    return Silence(reasons, frozenset(broken))


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
        state = document.get("state")
        why = f"it sees no quorum (its engine: {state}{_reason(document)})"
        answers.put(_Refusal(agent.where, why, broken=state == "error"))


def _reason(document: Mapping[str, Any]) -> str:
    """Why its node is no member, and what a person can do about that, in the agent's words."""
    said = (one for one in document.get("problems") or () if one.get("code") == "not_joined")
    # An engine in `error` may say nothing more, and then the agent's sentence ends with its colon.
    told = ([str(one["what"]).rstrip(": "), str(one.get("fix") or "")] for one in said)
    return "".join(f"; {': '.join(filter(None, parts))}" for parts in told)
