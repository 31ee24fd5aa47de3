"""The cluster as a whole: sizes, zones, tokens, networks and stacks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from bootstrap.engine.health.facts import Facts, Problem, named
from bootstrap.providers.base import Instance
from bootstrap.swarm.view import View


def sizes(facts: Facts) -> Iterator[Problem]:
    """Every pool has as many nodes as it should."""
    for pool, wanted in facts.sizes.items():
        have = sum(1 for node in facts.nodes if node["pool"] == pool and node["instance"])
        if have < wanted:
            yield _short(facts, pool, have, wanted)
        elif have > wanted:
            yield Problem("pool_long", None, f"pool {pool} has {have} nodes instead of {wanted}", facts.up)


def _short(facts: Facts, pool: str, have: int, wanted: int) -> Problem:
    """Machines that have not joined are the cause where there are enough of them."""
    joined = {node["instance"] for node in facts.nodes}
    late = [one for one in facts.instances if one.pool == pool and one.state == "running" and one.id not in joined]
    message = f"pool {pool} has {have} of {wanted} nodes"
    if have + len(late) < wanted:
        return Problem("pool_short", None, message, facts.up)
    told = named(f"{one.hostname} ({_step(one)})" for one in late)
    fix = f"{facts.wait}; if it stays: {facts.command('logs', late[0].hostname, '--boot')}"
    return Problem("pool_short", None, f"{message}: not joined yet: {told}", fix)


def _step(one: Instance) -> str:
    return f"{one.step or one.state}, {one.age:.0f} s old"


def spread(facts: Facts) -> Iterator[Problem]:
    """No zone has more managers than its share."""
    zones = facts.document["zones"]
    counts = {zone: zones[zone]["managers"] for zone in facts.cluster.zones}
    if counts and max(counts.values()) - min(counts.values()) > 1:
        told = ", ".join(f"{zone} {count}" for zone, count in counts.items())
        yield Problem("zones", None, f"managers are unevenly spread over the zones: {told}", facts.up)


def tokens(facts: Facts) -> Iterator[Problem]:
    """The published join tokens are the swarm's."""
    if facts.document["tokens"]["published_is_live"] is not False:
        return
    message = (
        "the published join token is not the swarm's, nobody new can join; the leader publishes it within a minute"
    )
    paused = (facts.control or {}).get("reconcile") is False
    fix = (
        facts.command("reconcile", "on")
        if paused
        else f"{facts.wait}; if it stays: {facts.command('logs', facts.leader)}"
    )
    yield Problem("token_stale", None, message, fix)


def drift(facts: Facts) -> Iterator[Problem]:
    """Networks and stacks are as the file says."""
    for change in facts.drift.changes:
        if change.resource.kind in {"network", "stack"}:
            message = f"{change.resource.kind} {change.resource.name} is not as the file says ({change.action})"
            yield Problem("drift", None, message, facts.up)


def stacks(facts: Facts) -> Iterator[Problem]:
    """The file's stacks run: every service has as many tasks as it wants."""
    ours = {stack.name for stack in facts.cluster.stacks}
    found = facts.view.stacks if isinstance(facts.view, View) else []
    for stack in found:
        for service in stack.get("waiting") or () if stack["name"] in ours else ():
            yield _waiting(facts, service)


def _waiting(facts: Facts, service: Mapping[str, Any]) -> Problem:
    told = f"service {service['name']} runs {service['running']} of {service['desired']} tasks"
    look = facts.command("ssh", facts.leader, "--", "docker", "service", "ps", "--no-trunc", service["name"])
    if not service["error"]:
        return Problem("stack_starting", None, told, f"{facts.wait}; {look}")
    return Problem("stack_failing", None, f"{told}: {service['error']}", f"mend what it says; all of its tasks: {look}")
