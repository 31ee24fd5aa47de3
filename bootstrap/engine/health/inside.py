"""The cluster as a whole: sizes, zones, tokens, networks and stacks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from bootstrap.engine.health.facts import Facts, Problem, doing, named
from bootstrap.model.cluster import MANAGERS
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
    fix = f"{facts.wait}; if it stays: `{facts.command('logs', late[0].hostname, *_boot(late[0]))}`"
    if pool == MANAGERS and not facts.upkeep:
        seats = "a new manager may wait for the seat of a lost one, which the leader clears"
        fix = f"`{facts.command('reconcile', 'on')}` ({seats}); {fix}"
    return Problem("pool_short", None, f"{message}: {_late(late)}", fix)


def _late(machines: Sequence[Instance]) -> str:
    """Those on their way, and those that say that they joined and that the swarm does not show."""
    coming = named(f"{one.hostname} ({doing(one)}, {one.age:.0f} s old)" for one in machines if one.step != "joined")
    lost = named(one.hostname for one in machines if one.step == "joined")
    told = (("not joined yet", coming), ("joined once, and no node of the swarm now", lost))
    return "; ".join(f"{what}: {names}" for what, names in told if names)


def _boot(machine: Instance) -> tuple[str, ...]:
    return () if machine.step == "joined" else ("--boot",)


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
    who, fix = facts.by_leader("publishes it within a minute")
    message = f"the published join token is not the swarm's, nobody new can join; {who}"
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
        return Problem("stack_starting", None, told, f"{facts.wait}; `{look}`")
    return Problem(
        "stack_failing", None, f"{told}: {service['error']}", f"mend what it says; all of its tasks: `{look}`"
    )
