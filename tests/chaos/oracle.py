"""Judges a recorded history by what is promised. What it says is a list of broken promises; empty is well."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from tests.chaos.history import Generation, History, Host, Sample, Seat

LIVE = 60.0  # seconds without a fault, after which a node that was hurt once counts as live again
DEAD = 15.0  # seconds: `dead` of local is 20, less what samples and a new list may be late
SLACK = 2.5  # seconds by which what is seen may be late: two samples
FORMED = "FORMED"


class Change(NamedTuple):
    """A node that was demoted or removed between two samples in which the swarm's own list is sure."""

    what: str
    node_id: str
    before: Sample
    after: Sample
    had: tuple[Seat, ...]
    has: tuple[Seat, ...]

    def __str__(self) -> str:
        return f"{self.what} of {self.node_id} about {self.after.at:.1f}"


def judge(history: History, holders_may_lose: bool = False) -> list[str]:
    """Every broken promise in words. `holders_may_lose`: holders of a claim were hurt, so orphan swarms may be seen."""
    rules: list[Callable[[History], Iterator[str]]] = [
        one_swarm, only_the_first_init, no_live_node_removed, dead_for_long_enough, quorum_kept, one_change_at_a_time,
        every_change_is_recorded,
    ]  # fmt: skip
    if not holders_may_lose:
        rules.append(no_other_root)
    return [f"{rule.__name__}: {word}" for rule in rules for word in rule(history)]


def one_swarm(history: History) -> Iterator[str]:
    """P1: one swarm id is ever published for a uid, the epoch never falls, and FORMED is never left by itself."""
    published: dict[str, str] = {}
    last: Generation | None = None
    for one in history.generations:
        uid, swarm_id = one.control["uid"], one.control.get("swarm_id")
        if swarm_id and published.setdefault(uid, swarm_id) != swarm_id:
            yield f"generation {one.number} publishes {swarm_id} after {published[uid]}"
        if last and last.control["uid"] == uid and one.control["epoch"] < last.control["epoch"]:
            yield f"the epoch falls in generation {one.number}"
        if last and last.control["phase"] == FORMED and one.control["phase"] in ("CLAIMED", "EMPTY"):
            yield f"generation {one.number} goes from FORMED back to {one.control['phase']}"
        last = one
    sole = set(published.values())
    for sample in history.samples:
        for host in sample.hosts:
            strange = host.engine and host.engine.swarm_id and len(sole) == 1 and host.engine.swarm_id not in sole
            if strange and host.engine and host.engine.seats and sum(seat.member for seat in host.engine.seats) > 1:
                yield f"{host.hostname} serves {host.engine.swarm_id} with others, which was never published"


def formed_at(history: History) -> float | None:
    """When the swarm was published, or None."""
    return next((one.at for one in history.generations if one.control["phase"] == FORMED), None)


def only_the_first_init(history: History) -> Iterator[str]:
    """P2: nobody says `swarm init` once a swarm is published."""
    formed = formed_at(history)
    for at, hostname in history.inits:
        if formed is not None and at > formed:
            yield f"{hostname} made a swarm {at - formed:.1f} s after one was published"


def no_other_root(history: History) -> Iterator[str]:
    """P2, from the disks: a swarm that is made leaves its CA there, and only one is ever seen."""
    roots = {(host.root, host.hostname) for sample in history.samples for host in sample.hosts if host.root}
    if len({root for root, _ in roots}) > 1:
        yield f"more than one CA was on the disks: {', '.join(sorted(f'{root} on {name}' for root, name in roots))}"


def changes(history: History) -> Iterator[Change]:
    """Demotions and removals, from one sure list to the next."""
    before: tuple[Sample, tuple[Seat, ...]] | None = None
    for sample in history.samples:
        truth = sample.truth(history.published)
        if truth is None:
            continue
        if before:
            yield from _between(before[0], before[1], sample, truth)
        before = sample, truth


def _between(old: Sample, had: tuple[Seat, ...], new: Sample, has: tuple[Seat, ...]) -> Iterator[Change]:
    present = {seat.id: seat for seat in has}
    for seat in had:
        now = present.get(seat.id)
        if now is None:
            yield Change("removal", seat.id, old, new, had, has)
        elif seat.role == "manager" and now.role == "worker":
            yield Change("demotion", seat.id, old, new, had, has)


def no_live_node_removed(history: History) -> Iterator[str]:
    """P12: what was demoted or removed was hurt in the last minute, has another identity by now, or is not wanted."""
    for change in changes(history):
        why = _alive(history, change)
        if why:
            yield f"{change}: {why}"


def _alive(history: History, change: Change) -> str:
    """Why the node was live, "" when it was not."""
    seen = [
        (sample.at, host)
        for sample in history.samples
        if sample.at <= change.before.at
        for host in sample.hosts
        if host.engine and host.engine.node_id == change.node_id
    ]
    if not seen:
        return ""
    hostname = seen[-1][1].hostname
    mine = [
        (sample.at, host)
        for sample in history.samples
        if max(seen[0][0], change.before.at - LIVE) <= sample.at <= change.before.at
        for host in sample.hosts
        if host.hostname == hostname
    ]
    stays = any(host.hostname == hostname and not host.doomed for host in change.after.hosts)  # else it was scaled away
    excused = not stays or any(host.doomed or not host.well(change.node_id) for _, host in mine)
    return "" if excused else f"{hostname} was on, linked and active as that node for {mine[-1][0] - mine[0][0]:.0f} s"


def dead_for_long_enough(history: History) -> Iterator[str]:
    """P12: unless its host has another identity or is not wanted, the swarm's own list had it as dead all the time."""
    gone: set[str] = set()
    for change in changes(history):
        if change.node_id in gone or _has_left(history, change):
            gone.add(change.node_id)
            continue
        gone.add(change.node_id)
        ready = 0
        for sample in history.samples:
            if change.before.at - DEAD <= sample.at <= change.before.at:
                seat = next((one for one in sample.truth(history.published) or () if one.id == change.node_id), None)
                ready = ready + 1 if seat and seat.state == "ready" and (seat.reachable or not seat.member) else 0
                if ready > 1:
                    yield f"{change}: the list had it as ready {change.before.at - sample.at:.0f} s before"
                    break


def _has_left(history: History, change: Change) -> bool:
    """Whether no host has that identity any more, by what the cloud or their own engines say, or its host is to go."""
    was = _hosts(history).get(change.node_id)
    bearer = next((host for host in change.after.hosts if was and host.hostname == was.hostname), None)
    if was is None or bearer is None or bearer.doomed or bearer.instance != was.instance:
        return True
    return bearer.engine is not None and bearer.engine.node_id != change.node_id


def quorum_kept(history: History) -> Iterator[str]:
    """P4: those who stay after a demotion or removal are quorate by managers that are really well."""
    for change in changes(history):
        stay = {seat.id for seat in change.had if seat.member and seat.id != change.node_id}
        if not any(seat.member and seat.id == change.node_id for seat in change.had):
            continue
        lately = [one for one in history.samples if change.before.at - SLACK <= one.at <= change.before.at]
        well = {node_id for node_id in stay if any(_well(one, node_id) for one in lately)}
        if len(well) < len(stay) // 2 + 1:
            yield f"{change}: only {len(well)} of the {len(stay)} managers that stay were well"


def _well(sample: Sample, node_id: str) -> bool:
    return any(host.well(node_id) for host in sample.hosts)


def one_change_at_a_time(history: History) -> Iterator[str]:
    """P5: never two leases at once, and never two managers on their way out."""
    held: str | None = None
    for one in history.generations:
        lease = (one.control.get("change") or {}).get("id")
        if held and lease and lease != held:
            yield f"generation {one.number} takes the lease {lease} from {held}"
        held = lease
    for sample in history.samples:
        leaving = [seat.id for seat in sample.truth(history.published) or () if seat.member and seat.role == "worker"]
        if len(leaving) > 1:
            yield f"{len(leaving)} managers leave at once at {sample.at:.1f}"


def every_change_is_recorded(history: History) -> Iterator[str]:
    """P26: a node that went, and whose host nobody took away, stands in the audit trail; only where there is one."""
    if not history.events:
        return
    told = " ".join(f"{event.get('node')} {event.get('detail')}" for event in history.events)
    names = {node_id: host.hostname for node_id, host in _hosts(history).items()}
    for change in changes(history):
        if change.what == "removal" and change.node_id not in told and names.get(change.node_id, "?") not in told:
            yield f"{change} stands nowhere in the audit trail"


def _hosts(history: History) -> dict[str, Host]:
    """Each node's host, as it was when its engine last was that node."""
    return {
        host.engine.node_id: host
        for sample in history.samples
        for host in sample.hosts
        if host.engine and host.engine.node_id
    }


def at_the_end(hosts: tuple[Host, ...], truth: tuple[Seat, ...] | None) -> Iterator[str]:
    """P12 at the end: each host is one active node, each node is a host, and nothing else is in the list."""
    if truth is None:
        yield "no list is borne out by a majority"
        return
    engines = {host.engine.node_id: host.hostname for host in hosts if host.engine and host.engine.node_id}
    yield from (f"node {seat.id} is no host's ({seat.state})" for seat in truth if seat.id not in engines)
    present = {seat.id for seat in truth}
    yield from (f"{name} is not in the list" for node_id, name in engines.items() if node_id not in present)
    yield from (f"{host.hostname} is in no swarm" for host in hosts if not host.engine or not host.engine.node_id)
    yield from (f"node {seat.id} is {seat.state}" for seat in truth if seat.state != "ready")
