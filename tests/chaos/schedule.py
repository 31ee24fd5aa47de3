"""What is done to a cluster in a minute: made of a seed alone, so that it can be done again."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import NamedTuple

LENGTH = 60.0  # seconds
# How often each comes, relative to the others, and how long it lasts in seconds: (0, 0) is over at once.
ACTIONS: dict[str, tuple[int, tuple[float, float]]] = {
    "kill": (3, (2, 30)),
    "pause": (3, (2, 30)),
    "cut": (3, (2, 30)),
    "partition": (2, (5, 30)),
    "fill": (2, (8, 25)),
    "wipe": (2, (0, 0)),
    "reboot": (2, (0, 0)),
    "rotate-tokens": (2, (0, 0)),
    "up": (2, (0, 0)),
    "two ups": (1, (0, 0)),
    "scale": (1, (0, 0)),
    "kill agent": (2, (0, 0)),
    "kill engine": (2, (0, 0)),
}
ON_THE_WHOLE = ("partition", "rotate-tokens", "up", "two ups", "scale")


class Action(NamedTuple):
    """At `at` seconds do `what` for `lasts` seconds. `target` is a hostname, "leader", hosts, a size, or empty."""

    at: float
    what: str
    target: str
    lasts: float

    def __str__(self) -> str:
        lasts = f" for {self.lasts:.0f} s" if self.lasts else ""
        return f"{self.at:5.1f} {self.what} {self.target}{lasts}"


def schedule(seed: int, hosts: list[str], managers: int) -> list[Action]:
    """8 to 20 actions. `hosts` has the managers first; the same seed and hosts give the same actions."""
    random = Random(seed)
    names = list(ACTIONS)
    weights = [weight for weight, _ in ACTIONS.values()]
    made = []
    for _ in range(random.randint(8, 20)):
        what = random.choices(names, weights)[0]
        at, lasts = round(random.uniform(0, LENGTH - 5), 1), random.uniform(*ACTIONS[what][1])
        made.append(Action(at, what, _target(random, what, hosts, managers), min(lasts, LENGTH - at)))
    return sorted(made)


def _target(random: Random, what: str, hosts: list[str], managers: int) -> str:
    targets: dict[str, Callable[[], str]] = {
        "partition": lambda: _parted(random, hosts),
        "scale": lambda: str(random.randint(1, 4)),
    }
    if what in ON_THE_WHOLE:
        return targets.get(what, str)()
    # Managers more often than workers, and the leader more often than other managers: there it hurts.
    return random.choices(["leader", *hosts], [2, *[2] * managers, *[1] * (len(hosts) - managers)])[0]


def _parted(random: Random, hosts: list[str]) -> str:
    shuffled = random.sample(hosts, len(hosts))
    cut = random.randint(1, len(hosts) - 1)
    return "|".join(",".join(sorted(part)) for part in (shuffled[:cut], shuffled[cut:]))
