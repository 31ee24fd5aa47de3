"""The state machines for as long as one likes: `python -m tests.agent.machines all --examples 20000 --seed 1`.

A thousand examples a piece, each piece with a seed of its own. A failure prints the steps that lead to it and the
command that finds it again; what is found becomes a named test.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import sys
import time
from collections.abc import Iterator
from typing import Any

from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.agent.machine import Machine
from tests.agent.machine_election import Election
from tests.agent.machine_guard import Guard
from tests.agent.machine_rotation import Rotation

MACHINES: dict[str, type[Machine]] = {"election": Election, "rotation": Rotation, "guard": Guard}
STEPS = 50
PIECE = 1000  # examples of one seed


def run(name: str, examples: int, number: int, *, shrink: bool = True) -> None:
    """One piece. Raises what the machine found, with the steps to it in the notes of the exception."""
    kind: Any = MACHINES[name]

    class Seeded(kind):  # type: ignore[misc]
        """The seed is kept on the class, so each piece has one of its own."""

    seed(number)(Seeded)
    wanted = settings(
        max_examples=examples, stateful_step_count=STEPS, deadline=None, database=None, print_blob=False,
        suppress_health_check=list(HealthCheck), report_multiple_bugs=False,
        phases=[Phase.generate, Phase.shrink] if shrink else [Phase.generate],
    )  # fmt: skip
    with contextlib.redirect_stderr(io.StringIO()):  # what the agents log
        run_state_machine_as_test(Seeded, settings=wanted)


def pieces(name: str, examples: int, first: int) -> Iterator[tuple[str, int, int]]:
    """(machine, examples, seed) of each piece."""
    for place in range(-(-examples // PIECE)):
        yield name, min(PIECE, examples - place * PIECE), first + place


def _tell(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main() -> int:
    """Run the pieces one after another and tell the rate; 1 at the first failure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("machine", choices=[*MACHINES, "all"])
    parser.add_argument("--examples", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    names = list(MACHINES) if given.machine == "all" else [given.machine]
    for name in names:
        for piece in pieces(name, given.examples, given.seed):
            began = time.process_time()
            try:
                run(*piece)
            except BaseException:
                again = f"python -m tests.agent.machines {name} --examples {piece[1]} --seed {piece[2]}"
                _tell(f"{name}: seed {piece[2]} fails; again: {again}")
                raise
            rate = piece[1] / (time.process_time() - began)
            _tell(f"{name}: seed {piece[2]}, {piece[1]} examples x {STEPS} steps, {rate:.1f} examples/s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
