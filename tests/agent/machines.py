"""The state machines for as long as one likes: `python -m tests.agent.machines all --examples 20000 --seed 1`.

A thousand examples a piece, each piece with a seed of its own. A failure prints the steps that lead to it and the
command that finds it again; what is found becomes a named test. With `--results FILE` each piece is one JSON line, and
pieces that stand there as good are not run again: a run that was stopped goes on.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import sys
import time
import traceback
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import Any, ClassVar

from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.agent.machine import Machine
from tests.agent.machine_election import Election
from tests.agent.machine_guard import Guard
from tests.agent.machine_rotation import Rotation
from tests.chaos import results

MACHINES: dict[str, type[Machine]] = {"election": Election, "rotation": Rotation, "guard": Guard}
STEPS = 50
PIECE = 1000  # examples of one seed
Piece = tuple[str, int, int]  # machine, examples, seed


def run(name: str, examples: int, number: int, *, shrink: bool = True) -> None:
    """One piece. Raises what the machine found, with the steps to it in the notes of the exception."""
    kind: Any = MACHINES[name]

    class Seeded(kind):  # type: ignore[misc]
        """The seed is kept on the class, so each piece has one of its own."""

        formed_once: ClassVar[dict[tuple[int, int], bytes]] = {}

    seed(number)(Seeded)
    wanted = settings(
        max_examples=examples, stateful_step_count=STEPS, deadline=None, database=None, print_blob=False,
        suppress_health_check=list(HealthCheck), report_multiple_bugs=False,
        phases=[Phase.generate, Phase.shrink] if shrink else [Phase.generate],
    )  # fmt: skip
    with contextlib.redirect_stderr(io.StringIO()):  # what the agents log
        run_state_machine_as_test(Seeded, settings=wanted)


def pieces(names: list[str], examples: int, first: int) -> Iterator[Piece]:
    """Block after block, each for all machines: where a run is stopped, all have come equally far."""
    for place in range(-(-examples // PIECE)):
        yield from ((name, min(PIECE, examples - place * PIECE), first + place) for name in names)


def tried(piece: Piece) -> dict[str, Any]:
    """One piece as a line of the results; `seconds` are those of this process, `told` is the way to a failure."""
    name, examples, number = piece
    began, failures, told = time.process_time(), [], ""
    try:
        run(*piece)
    except Exception as error:  # noqa: BLE001 - whatever it is, it is what the machine found
        failures, told = [f"{type(error).__name__}: {error}"[:500]], traceback.format_exc()
    seconds = max(0.1, round(time.process_time() - began, 1))
    return {
        "machine": name, "seed": number, "examples": examples, "steps": STEPS, "failures": failures,
        "seconds": seconds, "told": told,
    }  # fmt: skip


def missing(wanted: list[Piece], file: Path | None) -> list[Piece]:
    """Those that do not stand in the results as good."""
    found = results.read(file) if file else []
    good = {(one["machine"], one["examples"], one["seed"]) for one in found if not one["failures"]}
    return [one for one in wanted if one not in good]


def _tell(outcome: dict[str, Any]) -> None:
    name, number, examples = (outcome[key] for key in ("machine", "seed", "examples"))
    line = f"{name}: seed {number}, {examples} examples x {STEPS} steps, {examples / outcome['seconds']:.1f} examples/s"
    if outcome["failures"]:
        again = f"python -m tests.agent.machines {name} --examples {examples} --seed {number}"
        line = f"{outcome['told']}\n{name}: seed {number} fails; again: {again}"
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main(argv: list[str] | None = None) -> int:
    """Run the pieces and tell the rate; 1 when any failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("machine", choices=[*MACHINES, "all"])
    parser.add_argument("--examples", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--results", type=Path, help="one JSON line a piece; it may be there already")
    parser.add_argument("--parallel", type=int, default=1, help="pieces at once")
    given = parser.parse_args(argv)
    names = list(MACHINES) if given.machine == "all" else [given.machine]
    wanted = missing(list(pieces(names, given.examples, given.seed)), given.results)
    failed = 0
    with ProcessPoolExecutor(given.parallel) as hands:
        for one in as_completed([hands.submit(tried, piece) for piece in wanted]):
            outcome = one.result()
            failed += bool(outcome["failures"])
            _tell(outcome)
            if given.results:
                results.add(given.results, {key: value for key, value in outcome.items() if key != "told"})
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
