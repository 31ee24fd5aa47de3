"""How a run that failed is told: to people on stderr, to scripts on stdout with `-o json`, to the shell by exit code."""

from __future__ import annotations

import json
import os
import sys
import traceback
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict
from itertools import pairwise
from typing import Any

import click

from bootstrap.cli.run import Run
from bootstrap.engine.logs import redact
from bootstrap.errors import (
    EXIT_FAILED,
    BootstrapError,
    FailedTogether,
    InterruptedRun,
    UsageError,
    outside,
)
from bootstrap.inventory import InvalidInventory

BUG = "this is a fault of bootstrap; rerun with -v to see where, and please report it"


def tell(error: BaseException, run: Run, argv: Sequence[str]) -> int:
    """Tell `error` and return the exit code. Options may not have been parsed: `argv` says whether JSON is wanted."""
    known = _translated(error, run)
    if wants_json(argv, run):
        with suppress(OSError):  # a stdout that takes nothing does not hide why the run failed
            click.echo(json.dumps(document(known), indent=2, ensure_ascii=False))
    drop_unwritten()
    if run.signals.received is not None and sys.stderr.isatty():
        click.echo(err=True)  # the terminal's `^C` stands in an open line
    for line in lines(known):
        run.say(line, level="error", **facts(known))
    for stack in _stacks(error, known) if run.verbose else ():
        run.say(stack, level="error")
    return run.signals.exit_code if _interrupted(known, run) else known.exit_code


def drop_unwritten() -> None:
    """Where stdout holds what it cannot write, let it go: Python would try again at its end, and complain."""
    if sys.stdout is None:  # closed by the caller
        return
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def wants_json(argv: Sequence[str], run: Run) -> bool:
    """Whether stdout is to be JSON, also when the command line cannot be parsed."""
    if run.json or os.environ.get("BOOTSTRAP_OUTPUT") == "json":
        return True
    words = list(argv[: argv.index("--")] if "--" in argv else argv)
    pairs = pairwise(words)
    return any(word in {"-ojson", "--output=json"} for word in words) or any(
        one in {"-o", "--output"} and two == "json" for one, two in pairs
    )


def document(error: BootstrapError) -> dict[str, Any]:
    """The failure as scripts read it; an invalid inventory brings its problems along."""
    if isinstance(error, InvalidInventory):
        return {"error": facts(error), "problems": [asdict(one) for one in error.problems]}
    return {"error": facts(error)}


def facts(error: BootstrapError) -> dict[str, str]:
    """The four things that every error says."""
    return {
        "code": error.code,
        "what": redact(error.what),
        "where": redact(error.where),
        "fix": redact(error.fix),
    }


def lines(error: BootstrapError) -> Iterator[str]:
    """The failure as people read it."""
    if isinstance(error, InvalidInventory):
        yield str(error)
        return
    if isinstance(error, FailedTogether):
        for one in error.errors:
            yield f"error: {one}"
            if one.fix and one.fix != error.fix:
                yield f"hint: {one.fix}"
    else:
        yield f"error: {error}"
    if error.fix:
        yield f"hint: {error.fix}"


def last_word(run: Run) -> str:
    """What is said when a second signal ends the process: a signal handler writes it."""
    told = lines(_translated(KeyboardInterrupt(), run))
    return "".join(f"{run.line(line, level='error')}\n" for line in told)


def _translated(error: BaseException, run: Run) -> BootstrapError:
    """Any exception as one of ours."""
    if isinstance(error, KeyboardInterrupt | InterruptedRun):
        fix = f"`{run.resume}` goes on from here" if run.resume else ""
        return InterruptedRun("interrupted", fix=fix, code="interrupted")
    if isinstance(error, BootstrapError):
        return error
    if isinstance(error, click.ClickException):
        return _usage(error)
    if isinstance(error, OSError) and (known := outside(error)) is not None:
        return known
    return BootstrapError(f"{type(error).__name__}: {error}".splitlines()[0], fix=BUG, code="bug")


def _usage(error: click.ClickException) -> UsageError:
    """Click's own complaint in our form: no capital, no full stop, and where the help is."""
    context = getattr(error, "ctx", None)
    path = context.command_path if context else "bootstrap"
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        return UsageError("a command is missing", fix=f"`{path} --help` lists them")
    message = error.format_message().strip().removesuffix(".")
    if message[1:2].islower():  # NODE and POOL=N stay as the help has them
        message = message[:1].lower() + message[1:]
    return UsageError(message, fix=f"`{path} --help` shows how it is used")


def _stacks(error: BaseException, known: BootstrapError) -> Iterator[str]:
    """Where each fault of ours happened: this one, or those of the steps that failed together."""
    faults = [one.__cause__ for one in known.errors] if isinstance(known, FailedTogether) else [error]
    for fault in faults:
        if fault is not None and not isinstance(fault, BootstrapError | click.ClickException | KeyboardInterrupt):
            yield "".join(traceback.format_exception(fault)).rstrip()


def _interrupted(error: BootstrapError, run: Run) -> bool:
    """Whether a signal ended the run, even if something failed as well."""
    stopped = isinstance(error, InterruptedRun) or run.signals.received is not None
    return stopped and error.exit_code in {EXIT_FAILED, InterruptedRun.exit_code}
