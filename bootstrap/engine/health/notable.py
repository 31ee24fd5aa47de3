"""Worth knowing, and no ill health: what somebody switched off, what is under way, what could not be seen."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from bootstrap.engine.health.facts import Facts, Problem
from bootstrap.swarm.view import View

Note = Problem  # the same form, in another list
_SETTLED = 60.0  # seconds of age from which a manager should have told how it is: it booted, joined and was asked


def notes(facts: Facts) -> Iterator[Note]:
    """Each of them."""
    yield from standing(facts)
    yield from _unseen(facts)
    yield from _misdescribed(facts)
    yield from _late(facts)


def standing(facts: Facts) -> Iterator[Note]:
    """What the control object alone tells; a plan tells it too, since it says what `up` does later, or leaves undone."""
    control = facts.control or {}
    if control.get("reconcile") is False:
        left = "join tokens are not rotated, new nodes get no tasks, and lost ones stay"
        message = f"the cluster's own upkeep is paused: {left}"
        yield Note("reconcile_off", None, message, facts.command("reconcile", "on"))
    if surge := control.get("surge"):
        since = f"a manager of zone {surge.get('zone')} is being replaced since {surge.get('since')}"
        again = facts.command("replace", str(surge.get("hostname")))
        message = f"{since}: once a new one is in service, the one beside it is removed with its machine"
        fix = f"if that run died, end it: `{facts.up}`, or `{again}`"
        yield Note("replacing", surge.get("hostname"), message, fix)


def _unseen(facts: Facts) -> Iterator[Note]:
    """What this status does not tell, because nobody could be asked."""
    if (facts.control or {}).get("phase") != "FORMED":
        return
    if not isinstance(facts.view, View):
        known = "nodes, networks, stacks, live tokens, and which managers are reachable"
        message = f"only a manager with a quorum knows {known}: they are not shown"
        yield Note("unseen", None, message, f"what each machine says: `{facts.command('doctor')}`")
        return
    said = facts.view.document.get("health")
    silent = [node["hostname"] for node in facts.nodes
              if node["role"] == "manager" and _is_settled(facts, node) and node["instance"] not in (said or {})]  # fmt: skip
    if said is not None and silent:
        yield Note("unseen", None, f"these managers never told how they are: {', '.join(silent)}", facts.wait)
    if facts.document["tokens"]["published_is_live"] is None:
        yield Note("unseen", None, "nobody could tell whether the published token is the swarm's", facts.wait)


def _is_settled(facts: Facts, node: Mapping[str, Any]) -> bool:
    machine = facts.machine(node["instance"])
    return machine is not None and machine.age >= _SETTLED


def _misdescribed(facts: Facts) -> Iterator[Note]:
    """Swarm's own entry of a node describes another: nothing of ours relies on it, and placement by hostname does."""
    names = {node["id"]: node["hostname"] for node in facts.nodes}
    for raw in facts.view.nodes if isinstance(facts.view, View) else ():
        if raw.get("described_as"):
            message = f"the swarm shows node {raw['id'][:12]} with another's hostname and labels; its agent mends that"
            fix = f"{facts.wait}; until then `docker node ls` tells it so, and placement by hostname goes wrong"
            yield Note("misdescribed", names.get(raw["id"], raw["hostname"]), message, fix)


def _late(facts: Facts) -> Iterator[Note]:
    """Tokens are older than twice the time after which they should be new."""
    every, at = facts.cluster.rotate_every, (facts.control or {}).get("rotated_at")
    if not every or not at:
        return
    try:
        age = (datetime.now(UTC) - datetime.fromisoformat(at)).total_seconds()
    except (TypeError, ValueError):
        return
    if age > 2 * every:
        message = f"the join tokens are {age / 3600:.0f} h old, they should be new every {every / 3600:.0f} h"
        yield Note("rotation_late", None, message, f"see `{facts.command('logs', facts.leader)}`")
