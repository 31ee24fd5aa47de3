"""The list of checkpoints is read from the source: what is in it is tried, and what is tried is in it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable

from bootstrap.engine import session  # noqa: F401 - it and the next bring every kind of resource with them
from bootstrap.providers.local import provider  # noqa: F401
from tests.chaos import checkpoints_names as names


def test_the_list(golden: Callable[[str, str], None]) -> None:
    """Every step has a name; a new one shows in this list, and the sweeps try it by themselves."""
    golden("checkpoints.txt", "".join(f"{name}\n" for name in [*names.on_the_machine(), *names.on_a_node()]))


def test_each_name_stands_in_one_place() -> None:
    """A name that stood twice would be tried in one place only."""
    assert [name for name, times in Counter(name for name, _ in names.literals()).items() if times > 1] == []


def test_names_say_the_area_and_the_step() -> None:
    """`area.step`, in the field's own words; there are at least sixty, and those of `apply` come on top."""
    found = [name for name, _ in names.literals()]

    assert [name for name in found if not re.fullmatch(r"[a-z]+\.[a-z_]+", name)] == []
    assert len(found) >= 60


def test_every_kind_of_resource_is_in_the_list() -> None:
    """The names around each verb are made for every kind that there is."""
    assert names.kinds() == set(names.VERBS)
