"""`bootstrap exec`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from bootstrap.cli import errors
from bootstrap.cli.everywhere import Everywhere
from bootstrap.cli.nodes import shell_words
from bootstrap.cli.options import after_dashes, file_argument, option, verb
from bootstrap.cli.run import Run, Session
from bootstrap.errors import BootstrapError, UsageError
from bootstrap.providers.base import Instance
from bootstrap.remote.runner import Result


@verb(passes=True, options_metavar="[OPTIONS]", epilog="CMD stands after --: bootstrap exec prod.yml -- docker info")
@file_argument()
@option("--role", type=click.Choice(["manager", "worker"]), help="Only managers, or only workers.")
@option("--pool", metavar="POOL", help="Only this pool.")
@click.pass_obj
def command(run: Run, file: Path, role: str | None, pool: str | None) -> int:
    """Run a command on many nodes at once.

    As root, on every running machine of the cluster; each line of its output begins with the node's name. One word
    with spaces is run by the node's shell. Exit 0 when it ended with 0 everywhere, else 1.
    """
    argv = shell_words(after_dashes())
    if not argv:
        raise click.UsageError("the command is missing: it stands after --")
    session = run.open(file)
    chosen = _chosen(session, role, pool)
    answers = []
    with run.signals.held():
        for instance, result in Everywhere(session, chosen, argv, parallel=run.parallel, signals=run.signals):
            answers.append(_document(instance, result))
            if not run.json:
                _print(run, instance, result)
    return _end(run, sorted(answers, key=lambda one: str(one["node"])))


def _chosen(session: Session, role: str | None, pool: str | None) -> list[Instance]:
    """The running machines that were meant."""
    if pool is not None and session.cluster.pool(pool) is None:
        names = ", ".join(one.name for one in session.cluster.groups)
        raise UsageError(f"there is no pool '{pool}'", where=session.cluster.name, fix=f"its pools: {names}")
    chosen = [
        one
        for one in session.instances()
        if one.state == "running" and role in {None, one.role.value} and pool in {None, one.pool}
    ]
    if not chosen:
        raise BootstrapError(
            "no running machine matches", where=session.cluster.name, fix="see `bootstrap status`", code="no_node"
        )
    return chosen


def _print(run: Run, instance: Instance, result: Result) -> None:
    for line in result.stdout.splitlines():
        click.echo(f"{instance.hostname}: {line}")
    for line in result.stderr.splitlines():
        click.echo(f"{instance.hostname}: {line}", err=True)
    if result.code:
        run.say(f"{instance.hostname}: ended with {result.code}", level="warning")


def _document(instance: Instance, result: Result) -> dict[str, Any]:
    return {"node": instance.hostname, "code": result.code, "stdout": result.stdout, "stderr": result.stderr}


def _end(run: Run, answers: list[dict[str, Any]]) -> int:
    """One document for scripts, the failure in it; for people the failure on stderr."""
    failed = [str(one["node"]) for one in answers if one["code"]]
    document: dict[str, Any] = {"results": answers}
    if failed:
        error = BootstrapError(
            f"failed on {len(failed)} of {len(answers)}: {', '.join(failed)}",
            fix="look at their lines, then run it again",
            code="command_failed",
        )
        document |= errors.document(error)
        for line in errors.lines(error):
            run.say(line, level="error")
    if run.json:
        run.emit(document, "")
    return 1 if failed else 0
