"""Five first managers released at once, round after round: `python -m tests.chaos.election --rounds 100 --results FILE`.

The first round is the hosts' first boot; in each that follows the same hosts begin with no swarm, no memory and an EMPTY
control object. FILE has one JSON line a round; a run that was cut short does only the rounds that it lacks.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from tests.chaos import results
from tests.chaos.candidates import CLAIM, Candidates, candidates
from tests.chaos.schedules import say

COUNT = 5


def election(made: Candidates, number: int) -> dict[str, Any]:
    """Wait until all are held, release them together, and judge: {"round", "failures", "seconds"}."""
    made.meet(CLAIM, COUNT)
    made.release()
    released = time.monotonic()
    wrong: list[str] = []
    try:
        made.settle()
    except AssertionError as error:
        wrong.append(str(error))
    took = round(time.monotonic() - released, 1)
    return {"round": number, "failures": wrong + made.verdict(), "seconds": took}


def main() -> int:
    """Exit code 1 when any round failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--results", type=Path, required=True, help="one JSON line a round; it may be there already")
    parser.add_argument("--name", default="election", help="the cluster's name")
    options = parser.parse_args()
    done = len(results.read(options.results))
    if done < options.rounds:
        with tempfile.TemporaryDirectory() as folder, candidates(Path(folder), options.name, COUNT) as made:
            for number in range(done + 1, options.rounds + 1):
                if number > done + 1:
                    made.begin(CLAIM)
                outcome = election(made, number)
                results.add(options.results, outcome)
                say(f"round {number}: {outcome['failures'] or 'one swarm'} after {outcome['seconds']} s")
    failed = [one for one in results.read(options.results) if one["failures"]]
    say(f"{options.rounds} rounds: {len(failed)} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
