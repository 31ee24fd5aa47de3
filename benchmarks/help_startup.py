"""How long `bootstrap --help` takes, beside a program of click alone: what our own imports cost at every command.

Both are whole processes, run in turn so that a busy moment of the machine hits both, and compared by their medians.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
AIM = 2.5  # times as long as click alone
# Both as the entry point of an installed command: one line that imports the rest.
OURS = "import sys; sys.argv[0] = 'bootstrap'; from bootstrap.cli import main; main()"
BARE = "import sys; sys.argv[0] = 'bare'; from bare import main; main()"
PROGRAM = '''\
import click


@click.group()
def main():
    """A program of one command."""


@main.command()
@click.argument("name")
def greet(name):
    """Say hello."""
    click.echo(f"hello {name}")
'''


def once(code: str, environment: Mapping[str, str]) -> float:
    """Seconds from the start of the process to its end."""
    began = time.perf_counter()
    argv = [sys.executable, "-c", code, "--help"]
    done = subprocess.run(argv, env=environment, cwd="/", capture_output=True, text=True, check=False)
    took = time.perf_counter() - began
    if done.returncode != 0 or "--help" not in done.stdout:
        sys.exit(f"`{code}` did not print its help:\n{done.stderr}")
    return took


def measure(runs: int) -> tuple[list[float], list[float]]:
    """Seconds of each run: ours and click's."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "bare.py").write_text(PROGRAM, encoding="utf-8")
        # Bytecode is kept, as it is for an installed command, but not in the checkout.
        kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
        environment = {**kept, "PYTHONPATH": f"{ROOT}:{folder}", "PYTHONPYCACHEPREFIX": f"{folder}/bytecode"}
        for code in (OURS, BARE):
            once(code, environment)
        pairs = [(once(OURS, environment), once(BARE, environment)) for _ in range(runs)]
    return [ours for ours, _ in pairs], [bare for _, bare in pairs]


def figures(ours: Sequence[float], bare: Sequence[float]) -> dict[str, float]:
    """Medians in milliseconds and their ratio."""
    median, base = statistics.median(ours), statistics.median(bare)
    return {
        "runs": len(ours),
        "bootstrap_ms": round(median * 1000, 1),
        "click_ms": round(base * 1000, 1),
        "ratio": round(median / base, 2),
        "aim": AIM,
    }


def main() -> None:
    """Measure and print one line, or one JSON document with `--json`."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=20, help="of each program (20)")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    options = parser.parse_args()
    if options.runs < 1:
        parser.error("--runs must be 1 or more")
    found = figures(*measure(options.runs))
    if options.json:
        print(json.dumps(found))
        return
    print(
        "help_startup: bootstrap --help {bootstrap_ms} ms, click alone {click_ms} ms, ratio {ratio} (aim <= {aim});"
        " medians of {runs} runs".format(**found)
    )


if __name__ == "__main__":
    main()
