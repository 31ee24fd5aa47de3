"""Take one member out for good: node and machine, and its place in the group where the group may shrink."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING

from bootstrap.checkpoint import reach
from bootstrap.engine.events import Event
from bootstrap.engine.member import Member
from bootstrap.errors import BootstrapError, FailedTogether, InterruptedRun
from bootstrap.model.cluster import MANAGERS
from bootstrap.model.resource import Action, Change, Plan
from bootstrap.providers.base import Instance
from bootstrap.swarm.node import single_node

if TYPE_CHECKING:
    from bootstrap.engine.session import Session


def remove(session: Session, member: Member, *, parallel: int) -> Iterator[Event]:
    """Drain, demote, remove, destroy. Refuses at the call where too few would be left; the rest is done as it is read."""
    session.ask()
    return _steps(session, member, shrinks(session, member), parallel)


def _steps(session: Session, member: Member, shrink: bool, parallel: int) -> Iterator[Event]:
    host = member.instance
    if host is None and member.node is not None:
        yield from forget(session, member, parallel)
        return
    if host is None:
        yield from carried_out(session, deletes(of(session.plan_up(), member.name)), parallel)
        return
    yield from leave(
        session, host, lambda: deletes(of(session.plan_up(), host.hostname)), shrink=shrink, parallel=parallel
    )


def shrinks(session: Session, member: Member) -> bool:
    """Whether its group gets one place less. BootstrapError for a manager that works and is still wanted."""
    machine = member.instance
    if machine is None or machine.state == "terminating":
        return False
    pool, sizes = session.cluster.pool(machine.pool), session.provider.sizes()
    there = sum(one.pool == machine.pool and one.state != "terminating" for one in session.instances())
    floor = 0 if pool is None else sizes[MANAGERS] if pool.name == MANAGERS else pool.size.minimum
    size = there if pool is None or pool.size.fixed else sizes[pool.name]
    if size > floor:
        return True
    if member.works and machine.pool == MANAGERS:
        raise _wanted(session, machine, floor)
    return False  # a worker may always go; where the file wants one, `up` makes another in its place


def _wanted(session: Session, machine: Instance, floor: int) -> BootstrapError:
    file = session.cluster.path or "FILE"
    return BootstrapError(
        f"the file wants {floor} managers and {floor - 1} would be left",
        where=machine.hostname,
        fix=f"for a new machine in its place: `bootstrap replace {file} {machine.hostname}`; "
        f"for fewer, lower `count` by two in the file, then `bootstrap up {file}`",
        code="guard",
    )


def forget(session: Session, member: Member, parallel: int) -> Iterator[Event]:
    """Remove an entry without a machine of ours: only the swarm knows it."""
    view = session.ask()
    raw = next(node for node in view.nodes if member.node is not None and node["id"] == member.node["id"])
    entry = single_node(session.cluster, view, raw, session.say)
    yield from carried_out(session, Plan(session.cluster.name, (Change(Action.DELETE, entry, entry),)), parallel)


def leave(
    session: Session, machine: Instance, plan: Callable[[], Plan], *, shrink: bool, parallel: int
) -> Iterator[Event]:
    """Mark the machine as going and carry out the plan; where its node then stays after all, nothing stays marked."""
    marked = machine.state != "terminating"
    if marked:
        session.provider.leave(machine, shrink=shrink)
        reach("remove.marked")
    try:
        yield from carried_out(session, plan(), parallel)
    except InterruptedRun:
        raise
    except BootstrapError:
        if marked and _is_node(session, machine):
            session.provider.stay(machine)
        raise


def carried_out(session: Session, plan: Plan, parallel: int) -> Iterator[Event]:
    """Apply it; what one step alone says is the error, not that a step failed."""
    try:
        yield from session.apply(plan, parallel=parallel)
    except FailedTogether as error:
        raise (error.errors[0] if len(error.errors) == 1 else error) from error


def of(plan: Plan, hostname: str) -> Plan:
    """What the plan does to that machine and to its nodes. BootstrapError where nobody could be asked about these."""
    seen(plan, hostname)
    return Plan(plan.cluster, tuple(one for one in plan.changes if _concerns(one, hostname)))


def seen(plan: Plan, where: str) -> None:
    """BootstrapError for a plan that was made blind: it leaves members alone, and would pass for one that is done."""
    if plan.unknown:
        fix = "run the same command again when one does: it goes on from here"
        raise BootstrapError("no manager answers with a quorum any more", where=where, fix=fix, code="no_quorum")


def _concerns(change: Change, hostname: str) -> bool:
    kind, name = change.resource.kind, change.resource.name
    if kind == "node":  # a machine that joined twice has several
        return name == hostname or name.startswith(f"{hostname}.")
    return kind == "host" and name == hostname


def deletes(plan: Plan) -> Plan:
    """The same without making anything anew: `up` does that."""
    gone = (Change(Action.DELETE, one.old, one.old) for one in plan.changes if one.old is not None)
    return Plan(plan.cluster, tuple(gone))


def _is_node(session: Session, machine: Instance) -> bool:
    """Whether the swarm still knows the machine; not to know counts as no."""
    with suppress(BootstrapError):
        return any(node["instance"] == machine.id for node in session.ask().nodes)
    return False
