"""The command line. Importing this package imports click and nothing heavier; each command is loaded when it is run."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import NoReturn

from bootstrap.cli.root import execute


def main(argv: Sequence[str] | None = None) -> NoReturn:
    """The command `bootstrap`: run it on `argv` (default: the process's own) and end the process with its exit code."""
    sys.exit(execute(sys.argv[1:] if argv is None else list(argv)))
