"""Options and arguments that commands share. Every option can be set by a variable BOOTSTRAP_<OPTION>."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click
from click.core import ParameterSource

from bootstrap.cli import complete
from bootstrap.cli.run import Run
from bootstrap.engine import logs

FILE_VARIABLE = "BOOTSTRAP_FILE"
FILE_DEFAULT = "bootstrap.yml"
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_AFTER_DASHES = "bootstrap.after_dashes"
_Decorated = TypeVar("_Decorated", bound=Callable[..., Any])


class Duration(click.ParamType):  # type: ignore[type-arg]  # generic since click 8.4 only
    """`90s`, `15m`, `6h` or `2d`; the value is seconds."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Seconds, or a usage error that shows the form."""
        if isinstance(value, int | float):
            return float(value)
        match = re.fullmatch(r"(\d{1,9})([smhd])", str(value))
        if match is None:
            self.fail(f"{value!r} is not a duration like 90s, 15m, 6h or 2d", param, ctx)
        return float(int(match[1]) * _SECONDS[match[2]])


class Option(click.Option):
    """An option with its variable: `--lock-timeout` is BOOTSTRAP_LOCK_TIMEOUT."""

    def __init__(self, declarations: Sequence[str], **settings: Any) -> None:
        super().__init__(declarations, show_envvar=True, **settings)
        long = next(name for name in self.opts if name.startswith("--"))
        self.envvar = "BOOTSTRAP_" + long.removeprefix("--").replace("-", "_").upper()


def _keep(context: click.Context, option: click.Parameter, value: Any) -> None:
    """Put a global option into the Run. Before the command all sources count, after it only what was typed there."""
    typed = context.get_parameter_source(option.name or "") is ParameterSource.COMMANDLINE
    if typed or context.parent is None:
        setattr(context.ensure_object(Run), option.name or "", value)


class Global(Option):
    """An option that stands before or after the command's name."""

    def __init__(self, declarations: Sequence[str], **settings: Any) -> None:
        super().__init__(declarations, expose_value=False, callback=_keep, **settings)


def global_options() -> list[click.Parameter]:
    """The options of every command, made anew for each."""
    return [
        Global(["-o", "--output"], type=click.Choice(["table", "json"]), default="table", help="What stdout gets."),
        Global(["-q", "--quiet"], is_flag=True, help="No progress on stderr; errors only."),
        Global(["-v", "--verbose"], count=True, help="More on stderr, the stack of a fault too; -vv: the libraries' lines."),
        Global(["-y", "--yes"], is_flag=True, help="Do not ask; go on."),
        Global(["--no-input"], is_flag=True, help="Never ask, also on a terminal."),
        Global(["--parallel"], type=click.IntRange(1, 256), default=8, metavar="N", help="How much runs at once."),
        Global(["--lock-timeout"], type=Duration(), default="0s", metavar="DURATION",
               help="How long to wait for another run to end."),
        Global(["--log-format"], type=click.Choice(["text", "json"]), default="text", help="What stderr gets."),
    ]  # fmt: skip


class Verb(click.Command):
    """A command: its own options, then the global ones; with `passes=True` it takes `-- CMD…` as well."""

    def __init__(self, name: str | None, *, passes: bool = False, **settings: Any) -> None:
        super().__init__(name, **settings)
        self.params += global_options()
        self._passes = passes

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Set aside what stands after `--`: it is the node's, and no option of it is ours."""
        if self._passes and "--" in args:
            at = args.index("--")
            ctx.meta[_AFTER_DASHES] = tuple(args[at + 1 :])
            args = args[:at]
        return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        """Set up the log lines as the options say, then run."""
        run = ctx.ensure_object(Run)
        logs.setup(verbose=run.verbose, form=run.log_format)
        return super().invoke(ctx)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The command's own options first; the global ones under a heading of their own."""
        options = [one for one in self.get_params(ctx) if isinstance(one, click.Option)]
        own = [one.get_help_record(ctx) for one in options if not isinstance(one, Global)]
        shared = [one.get_help_record(ctx) for one in options if isinstance(one, Global)]
        for title, records in (("Options", own), ("Global options", shared)):
            rows = [record for record in records if record]
            with formatter.section(title):
                formatter.write_dl(rows)


def after_dashes() -> tuple[str, ...]:
    """The words after `--`, as typed."""
    words: tuple[str, ...] = click.get_current_context().meta.get(_AFTER_DASHES, ())
    return words


def verb(**settings: Any) -> Callable[[Callable[..., Any]], Verb]:
    """Make a function a command."""
    return click.command(cls=Verb, **settings)


def option(*declarations: str, **settings: Any) -> Callable[[_Decorated], _Decorated]:
    """Give a command an option, and the option its variable."""
    return click.option(*declarations, cls=Option, **settings)


def file_argument() -> Callable[[_Decorated], _Decorated]:
    """FILE: the inventory."""
    kind = click.Path(path_type=Path)
    return click.argument("file", required=False, envvar=FILE_VARIABLE, default=FILE_DEFAULT, type=kind)


def words_argument(metavar: str) -> Callable[[_Decorated], _Decorated]:
    """`[FILE] SOMETHING`: see `file_and`."""
    found = complete.words(metavar, default_file)
    return click.argument("words", nargs=-1, metavar=f"[FILE] {metavar}", shell_complete=found)


def file_and(words: Sequence[str], what: str) -> tuple[Path, str]:
    """The inventory and the one word that is `what`; a usage error for any other number of words."""
    if not words:
        raise click.UsageError(f"{what} is missing")
    if len(words) == 1 and is_file(words[0]):
        raise click.UsageError(f"{what} is missing after '{words[0]}'")
    if len(words) > 2:
        raise click.UsageError(f"unexpected word '{words[2]}'; a command for the node goes after --")
    return (Path(words[0]) if len(words) == 2 else default_file()), words[-1]


def is_file(word: str) -> bool:
    """Whether a lone word is the inventory, so that it is the other one that was forgotten."""
    return word.endswith((".yml", ".yaml")) or Path(word).is_file()


def default_file() -> Path:
    """The inventory where none is named."""
    return Path(os.environ.get(FILE_VARIABLE) or FILE_DEFAULT)
