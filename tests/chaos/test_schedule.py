from __future__ import annotations

from collections import Counter

from tests.chaos.history import Engine, Host, Sample, Seat
from tests.chaos.play import whole
from tests.chaos.schedule import ACTIONS, LENGTH, ON_THE_WHOLE, schedule
from tests.chaos.schedules import seeds

HOSTS = ["m1", "m2", "m3", "w1", "w2"]


def test_a_seed_gives_the_same_schedule_every_time() -> None:
    """A failure can be done again; another seed is another schedule."""
    assert schedule(7, HOSTS, 3) == schedule(7, HOSTS, 3)
    assert schedule(7, HOSTS, 3) != schedule(8, HOSTS, 3)


def test_schedules_are_as_promised() -> None:
    """8 to 20 actions in a minute, in order, all ended by then; every action comes, at hosts that there are."""
    counts: Counter[str] = Counter()
    for seed in range(1, 41):
        actions = schedule(seed, HOSTS, 3)
        counts.update(one.what for one in actions)
        assert 8 <= len(actions) <= 20
        assert actions == sorted(actions)
        for one in actions:
            assert 0 <= one.at <= one.at + one.lasts <= LENGTH
            assert one.what in ON_THE_WHOLE or one.target in ("leader", *HOSTS)
            if one.what == "partition":
                assert sorted(name for part in one.target.split("|") for name in part.split(",")) == HOSTS
    assert set(counts) == set(ACTIONS)


def test_a_disk_is_wiped_only_while_all_managers_are_well() -> None:
    """One that is hurt, that is no member, or a member that is nobody's, and a wipe could lose the majority's disks."""
    seats = tuple(
        Seat(name, "manager", "ready", member=True, reachable=True, leader=name == "m1") for name in HOSTS[:3]
    )
    hosts = tuple(Host(n, n, "manager", on=True, engine=Engine("active", n, "s", seats)) for n in HOSTS[:3])
    hurt = Host("m3", "m3", "manager", on=True, hurt=frozenset({"cut"}), engine=Engine("active", "m3", "s", seats))

    assert whole(Sample(0, hosts))
    assert not whole(Sample(0, (*hosts[:2], hurt)))
    assert not whole(Sample(0, hosts[:2]))
    assert not whole(Sample(0, ()))


def test_seeds_are_a_range_or_a_list() -> None:
    """`1..40`, `7`, `3,9`."""
    assert seeds("1..4") == [1, 2, 3, 4]
    assert seeds("7") == [7]
    assert seeds("3,9") == [3, 9]
