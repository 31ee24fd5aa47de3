"""Nobody can be asked: never made, still forming, going, or without a quorum."""

from __future__ import annotations

from collections.abc import Iterator

from bootstrap.engine.health.facts import Facts, Problem
from bootstrap.model.cluster import Role
from bootstrap.providers.base import Instance
from bootstrap.swarm.view import Silence

STEPS = ("boot", "engine", "joining", "joined")


def unmade(facts: Facts) -> Iterator[Problem]:
    """There is no control object."""
    if facts.instances:
        fix = f"{facts.command('down')}, then {facts.up}"
        yield Problem("control_lost", None, "its machines exist, but their control object is gone", fix)
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


def _mend(facts: Facts) -> str:
    """What brings a quorum back: start what is off, lift what was done to a machine, else look."""
    managers = _managers(facts)
    lifts = [one.fault.fix for one in managers if one.fault is not None]
    if any(one.state == "stopped" for one in managers):
        lifts.insert(0, f"{facts.up} (it starts the machines that are off)")
    if lifts:
        return "; ".join(lifts)
    look = facts.command("logs", managers[0].hostname if managers else "NODE")
    lost = "if a majority of the managers lost their disks, only a new cluster helps"
    wait = f"{facts.wait}: they may be electing; if it stays: {look}"
    if _all_broken(facts, managers):  # as in an election too: an engine without a leader says `error` and no more
        restart = facts.command("exec", "--role", "manager", "--", "systemctl", "restart", "docker")
        return f"{wait}; mend what the engines complain of, then restart them: {restart}; {lost}"
    return f"{wait}; {lost}"


def _all_broken(facts: Facts, managers: list[Instance]) -> bool:
    """Whether the engine of every manager is in `error`: they will not mend themselves."""
    broken = facts.view.broken if isinstance(facts.view, Silence) else frozenset()
    return bool(managers) and broken >= {one.hostname for one in managers}


def _forming(facts: Facts, phase: str) -> Problem:
    """The first manager is not there yet."""
    slow = [one for one in _managers(facts) if one.state in {"pending", "running"}]
    steps = ", ".join(f"{one.hostname}: {one.step or one.state}" for one in slow)
    told = f"the swarm is not formed yet ({phase})" + (f"; {steps}" if steps else "")
    if not slow:
        return Problem("forming", None, told, facts.up)
    first = min(slow, key=lambda one: STEPS.index(one.step) if one.step in STEPS else 0)
    return Problem("forming", None, told, f"{facts.wait}; if it stays: {facts.command('logs', first.hostname)}")


def _managers(facts: Facts) -> list[Instance]:
    return [one for one in facts.instances if one.role is Role.MANAGER]
