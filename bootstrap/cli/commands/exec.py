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

    As root, on every machine of the cluster; each line of its output begins with the node's name. One word with spaces
    is run by the node's shell. Exit 0 when it ended with 0 everywhere, else 1: a machine that is off has failed too.
    """
    argv = shell_words(after_dashes())
    if not argv:
        raise click.UsageError("the command is missing: it stands after --")
    session = run.open(file)
    chosen = _chosen(session, role, pool)
    on = [one for one in chosen if one.state == "running"]
    answers = [_skipped(run, one) for one in chosen if one not in on]
    with run.signals.held():
        for instance, result in Everywhere(session, on, argv, parallel=run.parallel, signals=run.signals):
            answers.append(_document(instance, result))
            if not run.json:
                _print(run, instance, result)
    return _end(run, file, sorted(answers, key=lambda one: str(one["node"])))


def _chosen(session: Session, role: str | None, pool: str | None) -> list[Instance]:
    """The machines that were meant, also those that are off; those on their way out are not."""
    if pool is not None and session.cluster.pool(pool) is None:
        names = ", ".join(one.name for one in session.cluster.groups)
        raise UsageError(f"there is no pool '{pool}'", where=session.cluster.name, fix=f"its pools: {names}")
    chosen = [
        one
        for one in session.instances()
        if one.state != "terminating" and role in {None, one.role.value} and pool in {None, one.pool}
    ]
    if not chosen:
        raise BootstrapError(
            "no machine matches", where=session.cluster.name, fix="see `bootstrap status`", code="no_node"
        )
    return chosen


def _print(run: Run, instance: Instance, result: Result) -> None:
    for line in result.stdout.splitlines():
        run.put(f"{instance.hostname}: {line}")
    for line in result.stderr.splitlines():
        click.echo(f"{instance.hostname}: {line}", err=True)
    if result.code:
        run.say(f"{instance.hostname}: ended with {result.code}", level="warning")


def _skipped(run: Run, instance: Instance) -> dict[str, Any]:
    """The answer of a machine that cannot have one: it was meant, so it counts; there is no exit code."""
    why = "the machine is off" if instance.state == "stopped" else f"the machine is {instance.state}, not running"
    if not run.json:
        click.echo(f"{instance.hostname}: {why}", err=True)
    return {"node": instance.hostname, "code": None, "stdout": "", "stderr": f"{why}\n"}


def _document(instance: Instance, result: Result) -> dict[str, Any]:
    return {"node": instance.hostname, "code": result.code, "stdout": result.stdout, "stderr": result.stderr}


def _end(run: Run, file: Path, answers: list[dict[str, Any]]) -> int:
    """One document for scripts, the failure in it; for people the failure on stderr."""
    failed = [str(one["node"]) for one in answers if one["code"] != 0]
    off = any(one["code"] is None for one in answers)
    document: dict[str, Any] = {"results": answers}
    if failed:
        error = BootstrapError(
            f"failed on {len(failed)} of {len(answers)}: {', '.join(failed)}",
            fix=f"start what is off: `bootstrap up {file}`" if off else "look at their lines, then run it again",
            code="command_failed",
        )
        document |= errors.document(error)
        for line in errors.lines(error):
            run.say(line, level="error")
    if run.json:
        run.emit(document, "")
    return 1 if failed else 0
