from __future__ import annotations

from pathlib import Path

import pytest

from tests.inventory.fuzz import corpus, failures, furnished, mutate


@pytest.mark.parametrize("first", range(0, 300, 50))
def test_nothing_but_problems_or_a_cluster_comes_out_of_a_mutated_inventory(first: int, tmp_path: Path) -> None:
    """A sample; `python -m tests.inventory.fuzz` goes on."""
    assert list(failures(range(first, first + 50), furnished(tmp_path))) == []


def test_a_mutation_can_be_made_again_from_its_seed() -> None:
    """What failed once fails again for who mends it."""
    files = corpus()

    assert [mutate(seed, files) for seed in range(20)] == [mutate(seed, files) for seed in range(20)]
    assert len({mutate(seed, files) for seed in range(20)}) == 20
