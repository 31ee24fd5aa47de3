"""Who founds the cluster: five real first managers, held at a step of the agent and let go together. Order counts."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from bootstrap.lab import state
from bootstrap.lab.records import HostRecord
from tests.chaos.candidates import CLAIM, INIT, PUBLISH, Candidates, candidates
from tests.chaos.election import COUNT, election
from tests.chaos.recorder import root_of

pytestmark = pytest.mark.lab

ROUNDS = 5
TAKEOVER = 30  # seconds, as `local` has it: a swarm is made in less, on a machine that is busy too
PATIENCE = 300  # seconds for what takes a few, where each host has a processor


@pytest.fixture(scope="module")
def five(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Candidates]:
    """Five hosts in their first boot, held before they claim."""
    with candidates(tmp_path_factory.mktemp("election"), "founders", COUNT) as made:
        yield made


def test_five_first_managers_released_at_once_make_one_swarm(five: Candidates) -> None:
    """Five first managers released at once by a barrier, 5 rounds in CI: one swarm each."""
    rounds = [election(five, 1)]
    for number in range(2, ROUNDS + 1):
        five.begin(CLAIM, takeover=PATIENCE)  # nobody is lost: who is slow to make the swarm keeps the claim
        rounds.append(election(five, number))

    assert [one["failures"] for one in rounds] == [[]] * ROUNDS
    print("seconds from the release to one swarm of five:", [one["seconds"] for one in rounds])  # noqa: T201


def holder_at(five: Candidates, step: str) -> HostRecord:
    """The one host that holds the claim and is held at that step; from now on nobody else is held."""
    five.meet(step, 1)
    claim = five.control["holder"]["instance"]  # on a slow machine another may have taken it over by now
    holder = next(one for one in five.hosts if one.instance == claim)
    five.chaos.until(
        "the holder is there", lambda: holder.hostname in {one.hostname for one in five.at(step)}, PATIENCE
    )
    five.release_but(holder)
    return holder


def lose(five: Candidates, holder: HostRecord) -> None:
    """Pull its power cord, wait until the others have a swarm, and switch it on again: now it is a fourth manager."""
    five.chaos.kill(holder.hostname)
    five.chaos.until("the others have a swarm", lambda: five.control["phase"] == "FORMED", PATIENCE)
    assert five.control["holder"]["instance"] != holder.instance
    five.chaos.start(holder.hostname)
    five.settle()


@pytest.mark.parametrize("step", [INIT, PUBLISH], ids=["before init", "after init"])
def test_a_holder_that_is_killed_is_replaced(five: Candidates, step: str) -> None:
    """Holder killed before and after init: one swarm, the right spec; it comes back and joins, its orphan wiped."""
    five.begin(step, takeover=TAKEOVER)
    holder = holder_at(five, step)

    lose(five, holder)

    assert five.verdict(lost=(holder.hostname,)) == []
    assert five.control["epoch"] >= 2  # one that is slow to make its swarm may lose its claim in its turn


def test_a_holder_that_is_killed_during_init_makes_the_swarm_anew(five: Candidates) -> None:
    """Holder killed during init and back at once: one swarm, the right spec, made by nobody else."""
    five.begin(INIT, takeover=2 * PATIENCE)  # longer than it takes to come back
    holder = holder_at(five, INIT)
    five.release()
    end = time.monotonic() + PATIENCE
    while not root_of(holder):  # the CA is the first that init writes
        assert time.monotonic() < end, "it has not begun to make a swarm"
        time.sleep(0.002)

    five.chaos.pause(holder.hostname)
    five.chaos.kill(holder.hostname)
    assert not state.running(holder)
    five.chaos.start(holder.hostname)
    five.settle()

    assert five.verdict(lost=(holder.hostname,)) == []
    assert (five.control["epoch"], five.control["holder"]["instance"]) == (1, holder.instance)
