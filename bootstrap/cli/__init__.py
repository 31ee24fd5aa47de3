"""The command line. Importing this package imports next to nothing; each command is loaded when it is run."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import NoReturn

INTERRUPTED = 130  # said here once more: the errors are among what is still to be imported


def main(argv: Sequence[str] | None = None) -> NoReturn:
    """The command `bootstrap`: run it on `argv` (default: the process's own) and end the process with its exit code."""
    try:
        from bootstrap.cli.root import execute  # noqa: PLC0415 - a Ctrl-C while this loads is as quiet as a later one

        code = execute(sys.argv[1:] if argv is None else list(argv))
    except KeyboardInterrupt:
        code = INTERRUPTED
    sys.exit(code)
