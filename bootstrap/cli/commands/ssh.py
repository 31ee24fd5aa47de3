"""`bootstrap ssh`."""

from __future__ import annotations

import click

from bootstrap.cli.nodes import find, shell_words
from bootstrap.cli.options import after_dashes, file_and, verb, words_argument
from bootstrap.cli.run import Run


@verb(passes=True, epilog="CMD stands after --: bootstrap ssh prod.yml prod-web-1 -- docker ps")
@words_argument("NODE")
@click.pass_obj
def command(run: Run, words: tuple[str, ...]) -> int:
    """Open a shell on one node, or run one command there.

    NODE is a hostname, a node id or its beginning, or an instance id. With a command after -- its exit code is ours.
    """
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
