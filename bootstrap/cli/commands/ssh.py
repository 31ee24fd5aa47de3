"""`bootstrap ssh`."""

from __future__ import annotations

import shlex
from pathlib import Path

import click

from bootstrap.cli.nodes import find, shell_words
from bootstrap.cli.options import after_dashes, file_and, verb, words_argument
from bootstrap.cli.run import Run
from bootstrap.errors import UsageError


@verb(passes=True, epilog="CMD stands after --: bootstrap ssh prod.yml prod-web-1 -- docker ps")
@words_argument("NODE")
@click.pass_obj
def command(run: Run, words: tuple[str, ...]) -> int:
    """Open a shell on one node, or run one command there.

    NODE is a hostname, a node id or its beginning, or an instance id. With a command after -- its exit code is ours.
    """
    _not_a_command(words)
    file, node = file_and(words, "NODE")
    argv = shell_words(after_dashes())
    if run.json and not argv:
        raise click.UsageError("a shell has no JSON: give a command after --, or leave -o json away")
    session = run.open(file)
    instance = find(session, node)
    if not run.json:
        with run.signals.passed_on():
            return session.shell(instance, argv)
    result = session.runner(instance).run(argv, timeout=session.cluster.managers.timeouts.command)
    answer = {"node": instance.hostname, "code": result.code, "stdout": result.stdout, "stderr": result.stderr}
    run.emit(answer, "")
    return result.code


def _not_a_command(words: tuple[str, ...]) -> None:
    """`ssh NODE CMD` is what ssh(1) takes; here the first of two words is a file, and this one cannot be meant as one."""
    if len(words) != 2 or after_dashes() or words[0].endswith((".yml", ".yaml")) or Path(words[0]).exists():
        return
    fix = f"a command for the node goes after --: bootstrap ssh {words[0]} -- {shlex.quote(words[1])}"
    raise UsageError("there is no such file", where=words[0], fix=fix)
