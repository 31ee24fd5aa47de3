"""`bootstrap completion`."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from bootstrap.cli.options import verb
from bootstrap.cli.run import Run

VARIABLE = "_BOOTSTRAP_COMPLETE"


@verb()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def command(context: click.Context, shell: str) -> None:
    """Print the completion script of a shell.

    For bash: bootstrap completion bash > ~/.local/share/bash-completion/completions/bootstrap
    """
    run = context.ensure_object(Run)
    kind = get_completion_class(shell)
    if kind is None:
        raise click.UsageError(f"no completion for {shell}")
    completion = kind(context.find_root().command, {}, "bootstrap", VARIABLE)
    script = completion.source_template % completion.source_vars()  # source() would first run bash to ask its version
    run.emit({"shell": shell, "script": script}, script)
