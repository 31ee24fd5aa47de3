from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bootstrap.lab.records import GroupRecord
from bootstrap.model.cluster import Size
from bootstrap.providers.local.layout import at_places, pool_size, refilled, resized, slots, terminating, wanted_groups
from tests.fakes.cluster import cluster, pool

WEB = Size(1, 6, 2)


def hostnames(*args: object, recorded: dict[str, int] | None = None, managers: int = 3) -> list[str]:
    """The hostnames of a cluster with these pools."""
    made = cluster(*args, managers=managers)  # type: ignore[arg-type]
    return [slot.hostname for slot in slots(made, wanted_groups(made, recorded or {}))]


def test_managers_have_one_group_per_zone() -> None:
    """Five managers over three zones are 2-2-1, each zone a group of its own."""
    groups = wanted_groups(cluster(managers=5), {})

    assert [(group.name, group.zone, group.size) for group in groups] == [
        ("prod-managers-a", "a", 2), ("prod-managers-b", "b", 2), ("prod-managers-c", "c", 1),
    ]  # fmt: skip


def test_a_pool_starts_at_its_desired_size_and_then_keeps_its_own() -> None:
    """`desired` is used when the group is made; afterwards the group's own size counts."""
    assert hostnames(pool("web", WEB))[3:] == ["prod-web-1", "prod-web-2"]
    assert hostnames(pool("web", WEB), recorded={"prod-pool-web": 3})[3:] == ["prod-web-1", "prod-web-2", "prod-web-3"]


def test_a_size_outside_the_limits_is_brought_inside() -> None:
    """A group that grew beyond a lowered maximum shrinks to it, one below a raised minimum grows."""
    assert pool_size(pool("web", WEB), 9) == 6
    assert pool_size(pool("web", WEB), 0) == 1


def test_a_fixed_pool_follows_the_file() -> None:
    """With `count` the file alone decides, whatever was recorded."""
    assert pool_size(pool("web", 2), 5) == 2


def test_growing_managers_keeps_those_that_are_there() -> None:
    """From three to five managers no hostname changes; two are added in the first two zones."""
    before, after = hostnames(managers=3), hostnames(managers=5)

    assert set(before) < set(after)
    assert sorted(set(after) - set(before)) == ["prod-managers-a-2", "prod-managers-b-2"]


def test_workers_are_spread_over_the_zones() -> None:
    """A pool of three has one worker in each zone."""
    made = cluster(pool("web", 3))
    zones = {slot.hostname: slot.zone for slot in slots(made, wanted_groups(made, {}))}

    assert sorted(zones[f"prod-web-{n}"] for n in (1, 2, 3)) == ["a", "b", "c"]


def test_another_pool_moves_nobody() -> None:
    """Adding, dropping or reordering pools changes no other pool's zones."""
    zones = []
    for pools in ((pool("web", 3),), (pool("api", 2), pool("web", 3)), (pool("web", 3), pool("api", 2))):
        made = cluster(*pools)
        zones.append([one.zone for one in slots(made, wanted_groups(made, {})) if one.pool.name == "web"])

    assert zones[0] == zones[1] == zones[2]


def test_clusters_with_a_common_prefix_share_no_name() -> None:
    """`prod` and `prod-eu` have different groups and hosts."""
    prod, europe = cluster(pool("web", 1)), cluster(pool("web", 1), name="prod-eu")

    assert not {one.hostname for one in slots(prod, wanted_groups(prod, {}))} & {
        one.hostname for one in slots(europe, wanted_groups(europe, {}))
    }


def test_a_place_that_its_group_lost_is_terminating() -> None:
    """A host beyond its group's size is on its way out; one whose group is not found is not."""
    group = GroupRecord("prod-pool-web", "web", "worker", "", 2)

    assert [terminating(slot, group) for slot in (1, 2, 3)] == [False, False, True]
    assert not terminating(1, None)


GROUP = GroupRecord("prod-pool-web", "web", "worker", "", 4)


def test_a_host_taken_out_of_the_middle_leaves_a_hole() -> None:
    """The others keep their places and names; only the one that was meant counts as terminating."""
    without = at_places(GROUP, {1, 3, 4})

    assert (without.size, without.slots) == (3, (1, 3, 4))
    assert [terminating(slot, without) for slot in (1, 2, 3, 4)] == [False, True, False, False]
    assert at_places(without, {*without.slots, 2}) == GROUP


def test_a_group_grows_into_its_holes_and_shrinks_from_its_end() -> None:
    """A place that was taken out is filled before a new one is added; the last hosts go first."""
    without = at_places(GROUP, {1, 4})

    assert resized(without, 3).slots == (1, 2, 4)
    assert resized(without, 5).slots == (1, 2, 3, 4, 5)
    assert resized(without, 1).slots == (1,)
    assert resized(without, 0).slots == ()


@given(st.sets(st.integers(1, 12), max_size=8), st.integers(0, 12))
def test_a_resized_group_keeps_whom_it_can(places: set[int], size: int) -> None:
    """For every group and every size: as many as asked, nobody goes who need not, nobody new while there are enough."""
    before = at_places(GROUP, places)
    after = resized(before, size)

    assert len(after.slots) == after.size == size
    kept = set(after.slots) & places
    assert len(kept) == min(size, len(places))
    assert after == at_places(GROUP, after.slots)
    assert refilled(after, before) == after


def test_a_surge_is_one_manager_more_in_its_zone() -> None:
    """While a manager is replaced its zone has one place more, and no other zone has."""
    made = cluster(managers=3)

    assert [group.size for group in wanted_groups(made, {}, "b")] == [1, 2, 1]
    assert wanted_groups(made, {}, "elsewhere") == wanted_groups(made, {})
