"""Put a new machine in the place of one. A manager that works gets another beside it first, so that quorum stays."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from bootstrap.checkpoint import reach
from bootstrap.engine.events import Event, Note
from bootstrap.engine.health import with_notes
from bootstrap.engine.member import Member, wait_in_service
from bootstrap.engine.remove import carried_out, forget, leave, of, seen
from bootstrap.errors import BootstrapError
from bootstrap.model.cluster import MANAGERS
from bootstrap.model.resource import Action, Plan
from bootstrap.swarm.node import is_manager
from bootstrap.swarm.view import Silence, View

if TYPE_CHECKING:
    from bootstrap.engine.session import Session

Surge = Mapping[str, Any]  # {"instance", "hostname", "zone", "since"} of the manager that is replaced


def replace(session: Session, member: Member, *, parallel: int) -> Iterator[Event]:
    """Remove the node, destroy its machine, make it anew and wait for it; a killed run is finished by the next one.

    What can be refused at once is refused at the call; the rest is done as it is read.
    """
    control = session.provider.control() or {}
    surge = control.get("surge")
    _allowed(session, member, control)
    if surge is None and member.manager and member.works and member.instance is not None:
        since = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        machine = member.instance
        surge = {"instance": machine.id, "hostname": machine.hostname, "zone": machine.zone, "since": since}
    if surge is None:
        return _renew(session, member, None, parallel)
    return _surged(session, member, surge, parallel)


def _allowed(session: Session, member: Member, control: Surge) -> None:
    session.ask()
    file = session.cluster.path or "FILE"
    other = (control.get("surge") or {}).get("hostname", member.name)
    if other != member.name:
        fix = f"end it first: `bootstrap replace {file} {other}`, or `bootstrap up {file}`"
        raise BootstrapError(f"{other} is being replaced", where=member.name, fix=fix, code="change_in_flight")
    if not control.get("reconcile", True):
        fix = f"`bootstrap reconcile {file} on` first"
        what = "the cluster's upkeep is off, so a new machine would stay drained"
        raise BootstrapError(what, where=member.name, fix=fix, code="upkeep_off")


def _surged(session: Session, member: Member, surge: Surge, parallel: int) -> Iterator[Event]:
    """One manager more, then the old one anew, then one manager less: at each moment a majority stays."""
    yield Note(f"{member.name}: one manager more in zone {surge['zone']} while it is replaced")
    yield from carried_out(session, _makes(_managers(session.plan_surge(surge)), besides=member.name), parallel)
    reach("replace.surged")
    others = [name for name in _wanted_managers(session, surge) if name != member.name]
    yield from _wait(session, others)
    reach("replace.covered")
    if member.instance is None or member.instance.id == surge["instance"]:
        yield from _renew(session, member, surge, parallel)
    else:  # an earlier run came that far
        yield from _wait(session, [member.name])
    reach("replace.renewed")
    yield from carried_out(session, _managers(session.plan_surge(None)), parallel)


def _renew(session: Session, member: Member, surge: Surge | None, parallel: int) -> Iterator[Event]:
    """The node out, its machine away, a new one in its place."""

    def plan() -> Plan:
        found = of(session.plan_surge(surge), member.name)
        if all(one.action is Action.DELETE for one in found.changes):
            fix = f"`bootstrap up {session.cluster.path or 'FILE'}` takes it away"
            raise BootstrapError("its group has no place for it any more", where=member.name, fix=fix, code="no_place")
        return found

    if member.instance is None:
        plan()
        if member.node is not None:
            yield from forget(session, member, parallel)
        yield from carried_out(session, plan(), parallel)
    else:
        yield from leave(session, member.instance, plan, shrink=False, parallel=parallel)
    yield from _wait(session, [member.name])


def _managers(plan: Plan) -> Plan:
    """What the plan does to managers: how many are wanted, their groups, their machines. BootstrapError for a blind one."""
    seen(plan, MANAGERS)
    chosen = (one for one in plan.changes if one.resource.kind == "control" or _is_managers(one.resource))
    return Plan(plan.cluster, tuple(chosen))


def _makes(plan: Plan, besides: str) -> Plan:
    """What it makes or switches on, but for the machine named."""
    makes = (one for one in plan.changes if one.action in {Action.CREATE, Action.UPDATE})
    return Plan(plan.cluster, tuple(one for one in makes if one.resource.name != besides))


def _is_managers(resource: Any) -> bool:
    return getattr(resource, "pool", "") == MANAGERS or is_manager(resource)


def _wanted_managers(session: Session, surge: Surge) -> list[str]:
    return [one.name for one in session.provider.desired(surge) if one.kind == "host" and is_manager(one)]


def _wait(session: Session, names: list[str]) -> Iterator[Event]:
    limit = float(max(one.timeouts.boot + one.timeouts.healthy for one in session.cluster.groups))
    patience, switch = session.patience(limit), session.switch
    yield from wait_in_service(session.status, session.provider.instances, names, patience, switch)


def end_surge(session: Session, *, parallel: int) -> Iterator[Event]:
    """Where a surge is still recorded: wait until it is needed no more, and carry out what that leaves to do."""
    surge = (session.provider.control() or {}).get("surge")
    if surge is None:
        return
    yield Note(f"{surge['hostname']}: ending its replacement")
    yield from _wait(session, _wanted_managers(session, surge))
    yield from carried_out(session, _managers(session.plan_up()), parallel)


def planned(session: Session, view: Callable[[], View | Silence]) -> Plan:
    """What `up` would do. A surge that is still needed stays in it; a note says that `up` ends it afterwards."""
    control = session.provider.control() or {}
    return with_notes(session.plan_surge(kept(control.get("surge"), view, session)), session.cluster, control)


def kept(surge: Surge | None, view: Callable[[], View | Silence], session: Session) -> Surge | None:
    """The recorded surge while it is still needed: not where the old manager never went, nor where a new one is there."""
    if surge is None:
        return None
    seen = view()
    if isinstance(seen, Silence):
        return surge
    on = {one.id for one in session.provider.instances() if one.state == "running"}
    ready = (node for node in seen.nodes if node["state"] == "ready" and node["reachability"] == "reachable")
    well = {node["instance"] for node in ready} & on
    needed = surge["instance"] not in well and len(well) <= session.provider.sizes()[MANAGERS]
    return surge if needed else None
