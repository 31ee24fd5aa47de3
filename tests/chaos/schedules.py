"""Random fault schedules on real engines: `python -m tests.chaos.schedules --seeds 1..40 --results FILE`.

Each seed has a cluster of its own: a minute of faults, all mended, then the recorded history is judged. FILE has one JSON
line a seed; seeds that are in it are not run again. A seed that fails prints its schedule and what the oracle says.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import CancelledError, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from tests.chaos import oracle, results
from tests.chaos.cluster import Chaos, chaos
from tests.chaos.play import Play
from tests.chaos.recorder import inits
from tests.chaos.schedule import schedule

MANAGERS, WORKERS = 3, 2
BOUND = 240.0  # seconds to a healthy cluster after the last fault is mended: twice what a partition may take
TOKENS = 60.0  # seconds until the published token is the live one


def say(text: str) -> None:
    """One line on stdout at once: a run of an hour is watched."""
    print(text, flush=True)  # noqa: T201 - this is a program


@contextmanager
def cluster(folder: Path, name: str, managers: int = MANAGERS, workers: int = WORKERS) -> Iterator[Chaos]:
    """A healthy cluster, recorded; taken down at the end whatever happened."""
    made = chaos(folder, name, managers=managers, workers=workers)
    made.down()
    try:
        made.face.up()
        with made.recorder:
            yield made
    finally:
        made.down()


def run(seed: int, folder: Path, prefix: str = "chaos") -> dict[str, Any]:
    """Play one seed and judge it: {"seed", "failures", "healthy_after_s", "deeds", …}."""
    began = time.monotonic()
    with cluster(folder, f"{prefix}{seed}") as made:
        outcome = disturb(made, seed)
        outcome["seconds"] = round(time.monotonic() - began, 1)
        if outcome["failures"]:
            tell(made, outcome, folder)
    return outcome


def disturb(made: Chaos, seed: int) -> dict[str, Any]:
    """Play the seed's schedule on a healthy cluster, mend all, wait until it is healthy, and judge the history."""
    actions = schedule(seed, [*made.managers(), *workers(made)], len(made.managers()))
    play = Play(made, actions)
    play.run()
    made.mend()
    mended = time.monotonic()
    failures: list[str] = []
    try:
        made.healthy(BOUND)
        healthy_after = time.monotonic() - mended
    except AssertionError as error:
        failures, healthy_after = [str(error)], BOUND
    play.finish()
    failures += judge(made, after=healthy_after)
    return {
        "seed": seed, "failures": failures, "healthy_after_s": round(healthy_after, 1), "unable": play.failed,
        "schedule": [str(one) for one in actions], "changes": [str(one) for one in oracle.changes(made.recorder.history)],
    }  # fmt: skip


def workers(made: Chaos) -> list[str]:
    """The hostnames that are no managers'."""
    return [one.hostname for one in made.hosts() if one.role != "manager"]


def judge(made: Chaos, after: float = 0.0) -> list[str]:
    """What the oracle says of the whole history, and of the end: no ghost, and the published token is the live one."""
    failures = []
    try:
        made.until("the tokens are published", lambda: made.status()["tokens"]["published_is_live"], TOKENS)
        made.healthy(max(TOKENS, BOUND - after))
    except AssertionError as error:
        failures.append(str(error))
    failures += settled(made)
    made.recorder.read_store()
    history = made.recorder.history
    history.inits = made.lost + [init for name in made.managers() for init in inits(name, made.journal(name))]
    return failures + oracle.judge(history)


def settled(made: Chaos) -> list[str]:
    """What is wrong with the end: in one sample an engine may have been too slow to answer, and the next one tells."""
    end = time.monotonic() + TOKENS
    while True:
        last = made.recorder.history.samples[-1]
        found = list(oracle.at_the_end(last.hosts, last.truth()))
        if not found or time.monotonic() >= end:
            return found
        time.sleep(1)


def tell(made: Chaos, outcome: dict[str, Any], folder: Path) -> None:
    """Print a failure with all that is needed to understand it; the journals are kept beside the results."""
    say(f"seed {outcome['seed']} failed:")
    for line in (*outcome["failures"], "schedule:", *outcome["schedule"], "what was done:"):
        say(f"  {line}")
    for at, deed in made.recorder.history.deeds:
        say(f"  {time.strftime('%H:%M:%S', time.gmtime(at))} {deed}")
    for one in made.hosts():
        (folder / f"{one.hostname}.journal").write_text(made.journal(one.hostname))


def seeds(text: str) -> list[int]:
    """`1..40` or `7` or `3,9`."""
    first, dots, last = text.partition("..")
    return list(range(int(first), int(last) + 1)) if dots else [int(part) for part in text.split(",")]


def main() -> int:
    """Exit code 1 when any seed failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=seeds, default=seeds("1..40"), help="`1..40`, `7` or `3,9`")
    parser.add_argument("--results", type=Path, required=True, help="one JSON line a seed; it may be there already")
    parser.add_argument("--parallel", type=int, default=1, help="clusters at once")
    parser.add_argument("--prefix", default="chaos", help="what the clusters' names begin with")
    parser.add_argument("--keep", type=Path, help="where journals of failed seeds go")
    options = parser.parse_args()
    good = {one["seed"] for one in results.read(options.results) if not one["failures"]}
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(options.parallel) as hands:
        # Asked to end, it plays to the end what it began: half a schedule would leave its cluster behind.
        signal.signal(signal.SIGTERM, lambda *_: hands.shutdown(wait=False, cancel_futures=True))
        place = options.keep or Path(folder)
        place.mkdir(parents=True, exist_ok=True)

        def one(seed: int) -> dict[str, Any]:
            outcome = run(seed, place, options.prefix)
            results.add(options.results, outcome)
            say(json.dumps({key: outcome[key] for key in ("seed", "failures", "healthy_after_s", "seconds")}))
            return outcome

        playing = [hands.submit(one, seed) for seed in options.seeds if seed not in good]
        played = []
        for each in playing:
            with suppress(CancelledError):
                played.append(each.result())
    failed = [one for one in results.read(options.results) if one["failures"]]
    say(f"{len(played)} played now; in {options.results}: {len(failed)} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
