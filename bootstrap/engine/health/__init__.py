"""What keeps a cluster from being healthy, and what is worth knowing although it is: each names the cause and the mend."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from bootstrap.engine.health import inside, nodes, notable, silence
from bootstrap.engine.health.facts import Facts, Problem
from bootstrap.model.cluster import Cluster
from bootstrap.model.resource import Plan
from bootstrap.swarm.view import Silence

__all__ = ["Facts", "Problem", "notes", "problems", "with_notes"]


def problems(facts: Facts) -> list[Problem]:
    """Every problem; a cluster that was never made has just that one, and so has one whose control object is lost."""
    if facts.control is None:
        return list(silence.unmade(facts))
    if isinstance(facts.view, Silence) or facts.control.get("phase") != "FORMED":
        return [*silence.silent(facts), *nodes.machines(facts)]
    return [problem for check in CHECKS for problem in check(facts)]


def notes(facts: Facts) -> list[Problem]:
    """What makes no cluster unhealthy, and what could not be seen."""
    return [] if facts.control is None else list(notable.notes(facts))


def with_notes(plan: Plan, cluster: Cluster, control: Mapping[str, Any]) -> Plan:
    """The plan with what its changes do not tell: what `up` does once they are carried out, and what it leaves undone."""
    facts = Facts(cluster, {}, {}, dict(control), Silence(), plan)
    return replace(plan, notes=tuple(one.as_json() for one in notable.standing(facts)))


CHECKS: tuple[Callable[[Facts], Iterator[Problem]], ...] = (
    silence.losing,
    nodes.machines,
    inside.sizes,
    nodes.readiness,
    nodes.managers,
    nodes.roles,
    nodes.availability,
    inside.spread,
    inside.tokens,
    inside.drift,
    inside.stacks,
)
