"""How many: managers odd and fixed, pools by count, by min and max, or by hosts."""

from __future__ import annotations

from collections.abc import Iterator
from operator import itemgetter

from bootstrap.inventory.draft import Draft, Group
from bootstrap.inventory.problem import Finding, Loc
from bootstrap.inventory.schema.groups import MAX_MACHINES, PoolBlock
from bootstrap.model.cluster import MANAGERS

MANY_MANAGERS = 7
MAX_MANAGERS = 9


def check(draft: Draft) -> Iterator[Finding]:
    """The sizes of all groups."""
    sizes: list[tuple[int, Loc]] = [(0, ())]
    for name, loc, group in draft.groups():
        yield from _by_hosts(draft, loc, group)
        if isinstance(group, PoolBlock):
            yield from _name(name, loc)
            if group.hosts is None and not (draft.provider and draft.provider.by_hosts):
                yield from _pool(loc, group)
        else:
            yield from _managers(draft, loc, group)
        sizes.append((len(group.hosts or ()) or getattr(group, "max", None) or group.count or 0, loc))
    total, (_, largest) = sum(size for size, _ in sizes), max(sizes, key=itemgetter(0))
    if total > MAX_MACHINES:
        yield Finding("E080", largest, f"{total} machines", f"a swarm of at most {MAX_MACHINES} is supported")


def _by_hosts(draft: Draft, loc: Loc, group: Group) -> Iterator[Finding]:
    """Hosts on ssh, numbers elsewhere."""
    if draft.provider is None:
        return
    numbers = [key for key in ("count", "min", "max", "desired") if getattr(group, key, None) is not None]
    if not draft.provider.by_hosts and group.hosts is not None:
        hint = "give count, or use provider: ssh"
        yield Finding("E059", (*loc, "hosts"), f"hosts are for ssh, the provider is '{draft.provider.name}'", hint)
    if draft.provider.by_hosts:
        for key in numbers:
            yield Finding("E037", (*loc, key), f"'{key}' on ssh", "list the machines under hosts")
        if group.hosts is None and not numbers:
            yield Finding("E037", loc, "'hosts' is missing", "list the machines under hosts")


def _managers(draft: Draft, loc: Loc, group: Group) -> Iterator[Finding]:
    by_hosts = group.hosts is not None
    count = len(group.hosts) if group.hosts is not None else group.count
    place = (*loc, "hosts" if by_hosts else "count")
    if count is None:
        if draft.provider is None or not draft.provider.by_hosts:
            yield Finding("E030", loc, "'count' is missing", "give an odd number, as in `count: 3`")
    elif count == 0:
        yield Finding("E030", place, "a cluster without managers", "give 1, 3, 5 or 7")
    elif count > MAX_MANAGERS:
        yield Finding("E032", place, f"{count} managers", f"give at most {MAX_MANAGERS}, more make every write slower")
    elif count % 2 == 0 and not draft.file.allow_even:
        what = f"{count} managers tolerate no more failures than {count - 1}"
        yield Finding("E031", place, what, f"give {count - 1} or {count + 1}, or set allow_even: true")
    elif count == 1:
        yield Finding("W031", place, "one manager tolerates no failure", "give 3 for a cluster that matters")
    elif count > MANY_MANAGERS:
        yield Finding("W032", place, f"{count} managers make every write slower", "5 tolerate two failures, 7 three")


def _name(name: str, loc: Loc) -> Iterator[Finding]:
    if name == MANAGERS or name.startswith(f"{MANAGERS}-"):
        yield Finding("E023", loc, f"pool name '{name}' is taken by the managers", "choose another name")


def _pool(loc: Loc, pool: PoolBlock) -> Iterator[Finding]:
    limits = [key for key in ("min", "max", "desired") if getattr(pool, key) is not None]
    if pool.count is not None:
        for key in limits:
            yield Finding("E037", (*loc, key), f"'{key}' beside 'count'", "give count, or min and max")
    elif pool.min is None and pool.max is None and not limits:
        yield Finding("E037", loc, "the pool has no size", "give count, or min and max")
    elif pool.min is None or pool.max is None:
        missing = "min" if pool.min is None else "max"
        yield Finding("E037", loc, f"'{missing}' is missing", "give both min and max, or count")
    else:
        yield from _limits(loc, pool, pool.min, pool.max)
    if pool.autoscale is not None and pool.max is None:
        yield Finding("E037", (*loc, "autoscale"), "autoscale without min and max", "give min and max")


def _limits(loc: Loc, pool: PoolBlock, least: int, most: int) -> Iterator[Finding]:
    if least > most:
        yield Finding("E037", (*loc, "min"), f"min {least} is more than max {most}", "give min <= max")
    elif most == 0:
        yield Finding("E037", (*loc, "max"), "max 0 is no pool", "give at least 1")
    elif pool.desired is not None and not least <= pool.desired <= most:
        yield Finding(
            "E037", (*loc, "desired"), f"desired {pool.desired} is outside {least} to {most}", "keep it inside"
        )
