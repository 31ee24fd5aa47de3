"""What happens to the leader, on one cluster of three managers and two workers that is healthy again after each fault.

Everything is recorded from outside, and an oracle judges each removal. The times to healthy are printed: the bound is
more than the minute or two that the issue promises, as the machine may be busy. The order of the tests counts: the last
one ends the cluster.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.chaos import oracle
from tests.chaos.cluster import Chaos
from tests.chaos.schedules import cluster, disturb, judge
from tests.e2e.face import Face, by_role

pytestmark = pytest.mark.lab

BOUND = 300  # seconds to healthy
ELECTED = 180  # seconds until another leads: ten to twenty, where each engine answers at once
SEEDS = (1, 2)


@pytest.fixture(scope="module")
def three(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chaos]:
    """Three managers and two workers, healthy and recorded."""
    with cluster(tmp_path_factory.mktemp("faults"), "faults") as made:
        yield made


def ends_well(three: Chaos, what: str, before: str) -> None:
    """Healthy in time, the same swarm, and the oracle has nothing to say of all that was seen so far."""
    took = three.healthy(BOUND)
    print(f"healthy {took:.1f} s after {what}")  # noqa: T201 - the figure is what the test is for
    assert three.status()["swarm_id"] == before
    assert judge(three) == []


def seen_by_others(three: Chaos, hostname: str) -> bool:
    """Whether a majority goes on without that host: a leader that is another."""
    samples = three.recorder.history.samples
    if not samples:
        return False
    sample = samples[-1]
    seats = sample.truth()
    ids = {host.engine.node_id: host.hostname for host in sample.hosts if host.engine}
    return any(seat.leader and ids.get(seat.id, hostname) != hostname for seat in seats or ())


def test_a_killed_leader(three: Chaos) -> None:
    """Leader killed: the others go on, `up` switches it on, healthy in a minute; nobody live was removed."""
    swarm, victim = three.status()["swarm_id"], three.leader()

    three.kill(victim)
    three.until("another leads", lambda: seen_by_others(three, victim), ELECTED)
    three.face.run("up", str(three.face.file), "--yes", "--no-wait")
    three.is_on(victim)

    ends_well(three, "`up` began to switch a killed leader on", swarm)


def test_a_paused_leader(three: Chaos) -> None:
    """Leader paused until another leads and it may be removed: it comes back as a member, by itself."""
    swarm, victim = three.status()["swarm_id"], three.leader()

    three.pause(victim)
    three.until("another leads", lambda: seen_by_others(three, victim), ELECTED)
    three.resume(victim)

    ends_well(three, "a paused leader was let go on", swarm)


def test_a_cut_leader(three: Chaos) -> None:
    """Leader cut off from the others, which elect another: healthy in two minutes after the cable is back."""
    swarm, victim = three.status()["swarm_id"], three.leader()

    three.cut(victim)
    three.until("another leads", lambda: seen_by_others(three, victim), ELECTED)
    three.heal(victim)

    ends_well(three, "the cable of the leader was put back", swarm)


def test_a_wiped_leader(three: Chaos) -> None:
    """Leader replaced by a machine with an empty disk: it joins by itself, the old seat goes, healthy in a minute."""
    swarm, victim = three.status()["swarm_id"], three.leader()

    three.wipe(victim)
    three.until(
        "it has an engine", lambda: three.run(victim, "systemctl", "is-active", "docker").strip() == "active", BOUND
    )

    ends_well(three, "the engine of a wiped leader started", swarm)


def only_in(three: Chaos, zone: str) -> Face:
    """The same cluster as somebody would have it with one manager, in that zone."""
    zones = [zone, *(one for one in "abc" if one != zone)]
    text = three.face.file.read_text().replace("memory: 1GiB", f"memory: 1GiB, zones: [{', '.join(zones)}]")
    file = three.face.file.with_name("one-manager.yml")
    file.write_text(text.replace("managers: {count: 3}", "managers: {count: 1}"))
    return Face(file)


def test_a_leader_with_a_full_disk(three: Chaos) -> None:
    """Leader's disk full: a demotion that would leave it alone is refused, however reachable it looks; it heals itself."""
    before, victim = three.face.healthy(BOUND), three.leader()
    swarm, lone = before["swarm_id"], only_in(three, three.record(victim).zone)

    three.fill(victim)
    refused = lone.run("up", str(lone.file), "--yes", "--no-wait", code=None)
    three.heal(victim)
    three.face.run("up", str(three.face.file), "--yes", "--no-wait")

    # In what words depends on who answers first, and on whether another leads by then. Nobody was demoted is the promise.
    assert refused.returncode == 1, refused.stdout
    assert "error: " in refused.stderr
    assert "cannot remove itself" not in refused.stderr
    assert others(three.face.healthy(BOUND), victim) == others(before, victim)
    ends_well(three, "the disk of the leader was freed", swarm)


def others(document: Any, victim: str) -> set[tuple[str, str]]:
    """The managers but that one: hostname and node id, which is another one for who joined anew."""
    return {(one["hostname"], one["id"]) for one in by_role(document, "manager") if one["hostname"] != victim}


@pytest.mark.parametrize("seed", SEEDS)
def test_a_random_schedule(three: Chaos, seed: int) -> None:
    """Random fault schedules, seeded, 60 s each: 2 in CI. The promises hold all the time, and it is healthy in the end."""
    outcome = disturb(three, seed)

    print(f"seed {seed}: healthy {outcome['healthy_after_s']} s after the last fault, changes {outcome['changes']}")  # noqa: T201
    assert outcome["failures"] == [], "\n".join(outcome["schedule"])


def test_total_loss_of_managers(three: Chaos) -> None:
    """Total loss of managers: fresh ones wait, nobody inits, and `status` says what it is."""
    before = three.status()["swarm_id"]
    for name in three.managers():
        three.kill(name)
    for name in three.managers():
        three.wipe(name)
    three.until("all wait for a manager", lambda: all(waits(three, name) for name in three.managers()), BOUND)
    time.sleep(5)

    document = three.status()
    assert document["healthy"] is False
    assert document["problems"][0]["code"] == "no_quorum"
    three.recorder.read_store()
    history = three.recorder.history
    assert history.published == before
    assert list(oracle.one_swarm(history)) == []
    assert list(oracle.no_other_root(history)) == []
    assert [name for name in three.managers() if "swarm init" in three.journal(name)] == []


def waits(three: Chaos, name: str) -> bool:
    """Whether its agent has tried to join, or waits for a seat."""
    said = three.journal(name)
    return "join" in said and ("seats are taken" in said or "refused" in said)
