"""Nobody can be asked: never made, still forming, going, or without a quorum."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from bootstrap.engine.health.facts import Facts, Problem, doing
from bootstrap.model.cluster import Role
from bootstrap.providers.base import Instance
from bootstrap.swarm.view import Silence

STEPS = ("boot", "engine", "joining", "joined")
PHASES = {
    "EMPTY": "no manager has begun",
    "CLAIMED": "the first manager makes it",
    "RECOVERING": "a manager recovers it",
    "FORMED": "it was formed",
    "DESTROYED": "a `down` of it began",
}  # of the control object, in words


def unmade(facts: Facts) -> Iterator[Problem]:
    """There is no control object."""
    if facts.instances:
        fix = f"`{facts.command('down')}`, then `{facts.up}`"
        yield Problem(
            "control_lost", None, "its machines exist, but the record of their swarm (the control object) is gone", fix
        )
    else:
        yield Problem("no_cluster", None, "there is no such cluster yet", facts.up)


def silent(facts: Facts) -> Iterator[Problem]:
    """Still forming, going, or a lost quorum."""
    phase = (facts.control or {}).get("phase")
    if phase == "FORMED":
        yield Problem("no_quorum", None, f"no manager answers with a quorum ({facts.view})", _mend(facts))
    elif phase == "DESTROYED":
        yield Problem("going", None, "a `down` of it began and did not end", facts.command("down"))
    else:
        yield _forming(facts, str(phase))


def losing(facts: Facts) -> Iterator[Problem]:
    """A leader that answers still, and has lost the majority: it knows that for some seconds before it falls silent."""
    quorum = facts.document["quorum"]
    seats = [node for node in facts.nodes if node["role"] == "manager"]
    left = sum(not _is_lost(facts, node) for node in seats)
    if left < quorum["needed"]:
        told = f"{left} of {quorum['managers']} managers are reachable, {quorum['needed']} are needed"
        yield Problem("no_quorum", None, f"the quorum is lost: {told}; nothing in the swarm can change", _mend(facts))
    elif not any(node["leader"] for node in seats):
        what = "the managers elect a leader; until they have one nothing in the swarm can change"
        yield Problem("no_leader", None, what, f"{facts.wait}; if it stays: `{facts.command('doctor')}`")


def _is_lost(facts: Facts, node: dict[str, Any]) -> bool:
    """By the swarm's word, or because of what is known of its machine: the swarm may notice half a minute later."""
    machine = facts.machine(node["instance"])
    if node["reachability"] == "unreachable":
        return True
    if machine is None or machine.state == "stopped":
        return machine is not None
    return machine.fault is not None and machine.fault.alone and len(_managers(facts)) > 1


def _mend(facts: Facts) -> str:
    """What brings a quorum back: time where enough managers are on; else lift what was done to one, then start what is off."""
    managers = _managers(facts)
    lifts = list(dict.fromkeys(one.fault.fix for one in managers if one.fault is not None))
    if any(one.state == "stopped" for one in managers):
        lifts.append(facts.up)  # it refuses to wait while what was done to the others bars a quorum
    if _down(facts):  # where it runs already, nothing happens
        lifts.append(facts.command("exec", "--role", "manager", "--", "systemctl", "start", "docker"))
    if lifts and not _enough(facts, managers):
        return "; ".join(lifts)
    if lifts:
        mend = "; ".join(f"`{one}`" for one in lifts)
        return f"{facts.wait}: the others elect a leader; if it stays: {mend}"
    look = facts.command("logs", managers[0].hostname if managers else "NODE")
    lost = "if a majority of the managers lost their disks, only a new cluster helps"
    wait = f"{facts.wait}: they may be electing; if it stays: `{look}`"
    if _all_broken(facts, managers):  # as in an election too: an engine without a leader says `error` and no more
        restart = facts.command("exec", "--role", "manager", "--", "systemctl", "restart", "docker")
        return f"{wait}; mend what the engines complain of, then restart them: `{restart}`; {lost}"
    return f"{wait}; {lost}"


def _enough(facts: Facts, managers: list[Instance]) -> bool:
    """Whether a majority of the managers is on with its engine, and nothing was done to it."""
    needed: int = facts.document["quorum"]["needed"]
    down = _down(facts)
    return sum(one.state == "running" and one.fault is None and one.hostname not in down for one in managers) >= needed


def _all_broken(facts: Facts, managers: list[Instance]) -> bool:
    """Whether the engine of every manager is in `error`: they will not mend themselves."""
    broken = facts.view.broken if isinstance(facts.view, Silence) else frozenset()
    return bool(managers) and broken >= {one.hostname for one in managers}


def _down(facts: Facts) -> frozenset[str]:
    """The managers whose engine does not run: no election brings it back."""
    return facts.view.down if isinstance(facts.view, Silence) else frozenset()


def _forming(facts: Facts, phase: str) -> Problem:
    """The first manager is not there yet."""
    slow = [one for one in _managers(facts) if one.state in {"pending", "running"}]
    steps = ", ".join(f"{one.hostname} {doing(one)}" for one in slow)
    told = f"the swarm is not formed yet: {PHASES.get(phase, phase)}" + (f"; {steps}" if steps else "")
    if not slow:
        return Problem("forming", None, told, facts.up)
    first = min(slow, key=lambda one: STEPS.index(one.step) if one.step in STEPS else 0)
    return Problem("forming", None, told, f"{facts.wait}; if it stays: `{facts.command('logs', first.hostname)}`")


def _managers(facts: Facts) -> list[Instance]:
    return [one for one in facts.instances if one.role is Role.MANAGER]
