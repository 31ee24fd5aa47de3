"""`bootstrap down`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from bootstrap.checkpoint import reach
from bootstrap.cli.commands.context import forget
from bootstrap.cli.contexts.docker import context_name
from bootstrap.cli.converge import show
from bootstrap.cli.options import file_argument, option, verb
from bootstrap.cli.run import Run
from bootstrap.cli.show.progress import Progress
from bootstrap.errors import BootstrapError, UsageError
from bootstrap.model.cluster import Cluster
from bootstrap.model.resource import Plan


@verb()
@file_argument()
@option("--confirm", metavar="NAME", help="The cluster's name: needed where the file says `protect: true`.")
@option("--purge", is_flag=True, help="Also delete backups, and on ssh the engines and their data.")
@click.pass_obj
def command(run: Run, file: Path, confirm: str | None, purge: bool) -> None:  # noqa: ARG001 - `local` keeps nothing
    """Delete what is this cluster's, and nothing else.

    Lists first, then asks. Ours is what carries exactly this cluster's tag and id; a name that looks alike is not enough.
    """
    session = run.open(file)
    cluster = session.cluster
    _allowed(run, cluster, confirm)
    run.resume = f"bootstrap down {file}"
    with session.locked("down", run.lock_timeout):
        plan = session.plan_down()
        reach("down.planned")
        show(run, plan)
        if plan:
            _agree(run, cluster, plan, confirm)
            reach("down.agreed")
            with Progress(run) as progress:
                session.retire()
                reach("down.retired")
                progress.follow(session.apply(plan, parallel=run.parallel), finish=True)
            reach("down.applied")
        _forget_context(run, cluster)
        reach("down.forgotten")
    run.emit(
        _document(plan), f"{cluster.name}: {len(plan.changes)} deleted" if plan else f"{cluster.name}: nothing there"
    )


def _forget_context(run: Run, cluster: Cluster) -> None:
    """A docker context of the cluster goes with it. One that cannot be removed is told, and fails no `down`."""
    try:
        if forget(cluster.name)["removed"]:
            run.say(f"its docker context is removed: {context_name(cluster.name)}")
    except (BootstrapError, OSError) as error:
        told = f"its docker context is still there ({error}): `bootstrap context {cluster.path or 'FILE'} --remove`"
        run.say(told, level="warning")


def _allowed(run: Run, cluster: Cluster, confirm: str | None) -> None:
    """Refuse before anything is contacted."""
    if confirm is not None and confirm != cluster.name:
        raise UsageError(f"--confirm says '{confirm}', the cluster is '{cluster.name}'", fix="check which file this is")
    if confirm is None and cluster.protect:
        _protected(run, cluster)
    elif confirm is None:
        run.need_consent()


def _protected(run: Run, cluster: Cluster) -> None:
    """A protected cluster's name must be given or typed: --yes does not stand for it."""
    told = "the cluster is protected (`protect: true`)"
    fix = f"add --confirm {cluster.name}, or set `protect: false` in the file"
    if run.yes:
        raise BootstrapError(f"{told}: --yes is not enough", where=cluster.name, fix=fix, code="protected")
    if not run.interactive:
        raise UsageError(f"{told} and there is no terminal to ask on", where=cluster.name, fix=fix)


def _agree(run: Run, cluster: Cluster, plan: Plan, confirm: str | None) -> None:
    """Ask, unless the name was given; a protected cluster's name must be typed."""
    if confirm is not None:
        return
    if cluster.protect:
        run.confirm_by_name(cluster.name)
    else:
        run.confirm(f"delete these {len(plan.changes)}?")


def _document(plan: Plan) -> dict[str, Any]:
    deleted = [{"kind": one.resource.kind, "name": one.resource.name} for one in plan.changes]
    return {"cluster": plan.cluster, "deleted": deleted}
