"""The state machines in a size that fits every run, and the mutants that prove that they would see a fault.

`python -m tests.agent.machines all --examples 20000 --seed 1` is the same for longer. A failure here is found again by
`python -m tests.agent.machines NAME --examples N --seed 1`, with the N that stands below.
"""

from __future__ import annotations

import re

import pytest

from tests.agent import machines, mutants
from tests.agent.machine import Machine

pytestmark = pytest.mark.timeout(1200)

EXAMPLES = {"election": 1000, "rotation": 1000, "guard": 1000}

# mutant -> the machine that sees it, what it says, and a seed with which it says so soon
CAUGHT = [
    ("publish_no_cas", "election", "I1|I4", 1),
    ("no_readback", "election", "I5", 1),
    ("publish_orphan_on_reboot", "election", "I4", 1),
    ("init_when_unreachable", "election", "I4", 1),
    ("recover_no_fence", "election", "I6", 1),
    ("no_wipe", "election", "I5", 1),
    ("unverified", "election", "I9", 1),
    ("no_reconcile", "rotation", "published is not live", 1),
    ("no_refetch", "rotation", "I5", 1),
    ("no_majority", "guard", "no healthy majority|lose the quorum", 1),
    ("no_window", "guard", "healthy|not well", 1),
    ("no_difference", "guard", "the upkeep removes a live manager", 1),
    ("no_life", "guard", "the upkeep removes a live manager", 1),
]


@pytest.mark.parametrize("name", machines.MACHINES)
def test_machine_finds_nothing(name: str) -> None:
    """Election, join, rotation and guard, driven at random over everything that may fail, keep every invariant."""
    machines.run(name, EXAMPLES[name], 1)


@pytest.mark.parametrize(("mutant", "name", "says", "seed"), CAUGHT, ids=[one[0] for one in CAUGHT])
def test_every_mutant_is_caught(mutant: str, name: str, says: str, seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A test of the test: put into the real code, the mutant breaks an invariant within the examples of every run."""
    getattr(mutants, mutant)(monkeypatch)
    with pytest.raises(AssertionError) as caught:
        machines.run(name, EXAMPLES[name], seed, shrink=False)
    assert re.search(says, str(caught.value)), caught.value


def test_who_releases_others_claims_stays_safe(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in the model: without a claim that lasts nobody may ever publish, but never are there two swarms."""
    mutants.release_others_lock(monkeypatch)
    monkeypatch.setattr("tests.agent.oracle.AFTER", mutants.AFTER_RELEASE)
    monkeypatch.setattr(Machine, "ends_well", lambda self: self.oracle.check())
    machines.run("election", 100, 1)


def test_who_publishes_blindly_is_mended(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in the model: a rotation that does not look again leaves an old token, and the leader publishes the live one."""
    mutants.pub_blind(monkeypatch)
    machines.run("rotation", 100, 1)
