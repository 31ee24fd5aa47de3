from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bootstrap.model.naming import fit, manager_group, pool_group, short_hash

LIMIT = 24
NAMES = st.text("abc-", min_size=1, max_size=60)


def test_a_short_name_is_left_alone() -> None:
    """Only what is too long is cut."""
    assert fit("prod-pool-web", 13) == "prod-pool-web"


@given(NAMES)
def test_a_name_never_exceeds_its_limit(name: str) -> None:
    """The cloud would refuse it, or cut it by its own rules."""
    assert len(fit(name, LIMIT)) <= LIMIT


@given(NAMES, NAMES)
def test_distinct_names_stay_distinct(one: str, two: str) -> None:
    """Two pools whose names begin alike must not share a group."""
    assert (fit(one, LIMIT) == fit(two, LIMIT)) == (one == two)


def test_a_cut_name_keeps_its_head() -> None:
    """A person still sees which cluster it belongs to."""
    assert fit("prod-pool-" + "x" * 40, LIMIT).startswith("prod-pool-xxxxx-")


@given(st.lists(NAMES, max_size=3), st.lists(NAMES, max_size=3))
def test_the_hash_knows_where_one_part_ends(one: list[str], two: list[str]) -> None:
    """("ab", "c") is not ("a", "bc")."""
    if one != two and (one or [""]) != (two or [""]):
        assert short_hash(*one) != short_hash(*two)


def test_groups_are_named_by_zone_and_by_pool() -> None:
    """Managers have one group in each zone, a pool has one group over all zones."""
    assert manager_group("prod", "a") == "prod-managers-a"
    assert pool_group("prod", "web") == "prod-pool-web"
