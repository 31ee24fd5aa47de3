"""The top command: its table of contents, and the one place where a run's end becomes an exit code."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Any, NoReturn

import click

from bootstrap.cli import errors
from bootstrap.cli.options import global_options
from bootstrap.cli.run import Run
from bootstrap.cli.signals import Signals
from bootstrap.errors import EXIT_FAILED

COMPLETE = "_BOOTSTRAP_COMPLETE"

# Name and one line each, in the order in which a user meets them: `--help` needs no more, so it imports no command.
COMMANDS = {
    "init": "Write a starter inventory.",
    "validate": "Check inventories: every problem at once, with its place.",
    "schema": "Print the inventory's JSON schema.",
    "render": "Print the user-data that machines boot with.",
    "doctor": "Check this machine and every node: a check changes nothing.",
    "plan": "Show what `up` would do.",
    "up": "Make the cluster as the file says.",
    "status": "Show the cluster's nodes and what is wrong.",
    "graph": "Draw the cluster: zones, managers, pools, what it can lose.",
    "scale": "Set the size of a pool now.",
    "drain": "Move a node's tasks away and keep it so.",
    "undrain": "Give a drained node work again.",
    "remove": "Take one node out for good, with its machine.",
    "replace": "Put a new machine in the place of one.",
    "rotate-tokens": "Make the join tokens anew.",
    "reconcile": "Pause the cluster's own upkeep, or let it go on.",
    "context": "Make a docker context over ssh.",
    "ssh": "Open a shell on one node, or run one command there.",
    "exec": "Run a command on many nodes at once.",
    "logs": "Show why a machine joined, or why not.",
    "events": "Show the audit trail: who did what, and when.",
    "dump": "Pack a redacted archive for a bug report.",
    "force-unlock": "Free a lock whose holder is gone.",
    "local": "Make things go wrong on a local cluster.",
    "down": "Delete what is this cluster's, and nothing else.",
    "completion": "Print the completion script of a shell.",
    "version": "Print the version.",
}


class Contents(click.Group):
    """A group that imports a command only when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click hands it in
        """Every command, in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """The command of that name, imported now."""
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = import_module(f"bootstrap.cli.commands.{cmd_name.replace('-', '_')}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """Write the table as it stands: the commands themselves are not imported."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; `--version` is the one of that name."""
        if ctx.params["version"]:
            return ctx.invoke(import_module("bootstrap.cli.commands.version").command)
        return super().invoke(ctx)

    def main(self, args: Sequence[str] | None = None, *_: Any, **extra: Any) -> NoReturn:
        """Run and end the process, as click's own runner for tests expects; `obj` is the Run to use."""
        sys.exit(execute(list(args or ()), extra.get("obj")))


@click.group(
    cls=Contents,
    params=[*global_options(), click.Option(["--version"], is_flag=True, help=COMMANDS["version"])],
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120},
    epilog="FILE defaults to BOOTSTRAP_FILE, else ./bootstrap.yml. Every option has a variable BOOTSTRAP_<OPTION>.",
)
def root(version: bool) -> None:
    """One inventory file becomes a running Docker Swarm."""


def execute(argv: Sequence[str], run: Run | None = None) -> int:
    """Run the command line and return its exit code; nothing is raised."""
    run = run or Run()
    if COMPLETE in os.environ:
        return _complete(os.environ[COMPLETE])
    with Signals() as signals:
        run.signals = signals
        signals.last_word = lambda: errors.last_word(run)
        try:
            return _invoke(argv, run)
        except BrokenPipeError:
            errors.drop_unwritten()  # `bootstrap … | head`: the reader has enough
            return EXIT_FAILED
        except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 - this is the door: whatever it is, it is told
            return errors.tell(error, run, argv)


def _invoke(argv: Sequence[str], run: Run) -> int:
    """Parse and run; click's own way of ending early is an exit code too."""
    try:
        with root.make_context("bootstrap", list(argv), obj=run) as context:
            code = root.invoke(context)
    except click.exceptions.Exit as end:
        return end.exit_code
    return code if isinstance(code, int) else 0


def _complete(instruction: str) -> int:
    """Answer a shell that asks for completions."""
    from click.shell_completion import shell_complete  # noqa: PLC0415 - only a completing shell needs it

    return shell_complete(root, {}, "bootstrap", COMPLETE, instruction)
