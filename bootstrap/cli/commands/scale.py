"""`bootstrap scale`."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import click

from bootstrap.checkpoint import reach
from bootstrap.cli.converge import Part, agree, carry_out, settle
from bootstrap.cli.edit import draft, put_in_place, with_count
from bootstrap.cli.options import file_and, option, verb, words_argument
from bootstrap.cli.run import Run, Session
from bootstrap.cli.show.progress import Progress
from bootstrap.engine.remove import seen
from bootstrap.errors import UsageError
from bootstrap.inventory import InvalidInventory
from bootstrap.model.cluster import Pool
from bootstrap.model.resource import Plan, Resource


@verb()
@words_argument("POOL=N")
@option("--write", is_flag=True, help="Change `count` in the file, then apply it: for count pools and for managers=N.")
@option("--no-wait", is_flag=True, help="Do not wait for the pool's machines.")
@click.pass_obj
def command(run: Run, words: tuple[str, ...], write: bool, no_wait: bool) -> None:
    """Set the size of a pool now.

    A pool with min and max takes any size between them, and `up` does not undo it. Where the file says `count` the
    file decides: --write changes it there and applies it. It waits until the new machines are in service and those that
    go are gone; what else is wrong with the cluster is told, holds nothing up, and is no failure.
    """
    file, wish = file_and(words, "POOL=N")
    name, size = _parsed(wish)
    session = run.open(file)
    pool = _pool(session, name)
    run.resume = f"bootstrap up {file}"
    if write:
        _write(run, file, pool, size, wait=not no_wait)
    else:
        _resize(run, session, pool, size, wait=not no_wait)


def _parsed(wish: str) -> tuple[str, int]:
    match = re.fullmatch(r"([a-z][a-z0-9-]*)=(\d{1,5})", wish)
    if match is None:
        raise click.UsageError(f"'{wish}' is not POOL=N, as web=5")
    return match[1], int(match[2])


def _pool(session: Session, name: str) -> Pool:
    """The pool, if its size is something that can be set."""
    pool = session.cluster.pool(name)
    if pool is None:
        names = ", ".join(one.name for one in session.cluster.groups)
        raise UsageError(f"there is no pool '{name}'", where=session.cluster.name, fix=f"its pools: {names}")
    if pool.hosts:
        raise UsageError("its size is its list of hosts", where=name, fix="add or remove hosts in the file, then `up`")
    return pool


def _resize(run: Run, session: Session, pool: Pool, size: int, *, wait: bool) -> None:
    """Tell the group of a pool that has min and max."""
    if pool.size.fixed:
        raise UsageError("the file says `count`: it decides", where=pool.name, fix="add --write to change it there")
    if not pool.size.minimum <= size <= pool.size.maximum:
        bounds = f"{pool.size.minimum} to {pool.size.maximum}"
        fix = "choose a size between them, or change min and max in the file"
        raise UsageError(f"{size} is outside its bounds, {bounds}", where=pool.name, fix=fix)
    with session.locked(f"scale {pool.name}={size}", run.lock_timeout):
        _answered(session, session.plan_up())  # what refuses a plan refuses it before the size is stored
        reach("scale.planned")
        session.set_size(pool.name, size)
        reach("scale.sized")
        run.say(f"{pool.name}: {size} wanted")
        plan = _of_pool(session, pool.name)
        with Progress(run) as progress:
            progress.follow(session.apply(plan, parallel=run.parallel), finish=True)
        reach("scale.applied")
        settle(run, session, progress, wait=wait, part=Part(pool.name, plan))


def _answered(session: Session, plan: Plan, asked: Session | None = None) -> Plan:
    """The plan, or one made after an election; BootstrapError where the quorum is lost: nobody could join, or leave.

    Where another session is `asked`, the errors name its file.
    """
    if not plan.unknown or (session.control() or {}).get("phase") != "FORMED":
        return plan
    (asked or session).ask()
    plan = session.plan_up()
    seen(plan, plan.cluster)
    return plan


def _of_pool(session: Session, pool: str) -> Plan:
    """What `up` would do to this pool now: also what a scale before this one began and did not end."""
    plan = _answered(session, session.plan_up())
    return Plan(plan.cluster, tuple(one for one in plan.changes if _is_of(one.resource, pool, plan.cluster)))


def _is_of(resource: Resource, pool: str, cluster: str) -> bool:
    """Whether it is the pool's; a machine that is half removed has only its name left to say so."""
    half = resource.kind == "host" and getattr(resource, "pool", None) == ""
    name = resource.name.rpartition("-")[0] if half else None
    return getattr(resource, "pool", None) == pool or name == f"{cluster}-{pool}"


def _write(run: Run, file: Path, pool: Pool, size: int, *, wait: bool) -> None:
    """Check and plan the changed file before it takes the old one's place, then apply it."""
    if not pool.size.fixed:
        raise UsageError("it has min and max, so no `count`", where=pool.name, fix="leave --write away")
    run.need_consent()
    with file.open(encoding="utf-8", newline="") as old:
        text = with_count(old.read(), pool.name, size)
    before = run.open(file)  # errors name the file, not the draft
    with draft(file, text) as new:
        session = _opened(run, new, file)
        run.warn(new, file)
        with session.locked(f"scale {pool.name}={size}", run.lock_timeout):
            plan, asked = agree(run, session, allowed=lambda plan: _answered(session, plan, before))
            reach("scale.agreed")
            put_in_place(new, file)
            reach("scale.written")
            carry_out(run, run.open(file), plan, asked=asked, wait=wait, pool=pool.name)


def _opened(run: Run, new: Path, file: Path) -> Session:
    """The draft, opened; what is wrong with it is told with the name of the file that it is to become."""
    try:
        return run.open(new)
    except InvalidInventory as error:
        problems = [replace(one, file=str(file)) for one in error.problems]
        raise InvalidInventory(problems, total=error.total) from None
