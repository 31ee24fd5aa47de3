from __future__ import annotations

from itertools import product

import pytest

from bootstrap.model.spread import spread


@pytest.mark.parametrize(("count", "zones"), list(product(range(1, 10), range(1, 7))))
def test_zones_differ_by_one_at_the_most(count: int, zones: int) -> None:
    """Managers spread over AZs: max - min <= 1, and nothing is lost."""
    names = "abcdef"[:zones]

    shares = spread(count, names)

    assert sum(shares.values()) == count
    assert max(shares.values()) - min(shares.values()) <= 1
    assert list(shares) == list(names)


@pytest.mark.parametrize("count", [3, 5, 7, 9])
def test_no_zone_of_three_holds_a_majority(count: int) -> None:
    """With three zones and an odd number of managers, any one zone may vanish."""
    assert max(spread(count, "abc").values()) < count // 2 + 1


def test_docker_s_own_table() -> None:
    """3 = 1-1-1, 5 = 2-2-1, 7 = 3-2-2, as Docker's administration guide has it."""
    assert [tuple(spread(count, "abc").values()) for count in (3, 5, 7)] == [(1, 1, 1), (2, 2, 1), (3, 2, 2)]
