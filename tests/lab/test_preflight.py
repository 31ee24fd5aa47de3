from __future__ import annotations

from dataclasses import replace

import pytest

from bootstrap.errors import BootstrapError, FailedTogether
from bootstrap.lab import preflight
from bootstrap.lab.preflight import MIB, Facts

GOOD = Facts(
    platform="linux",
    root=True,
    missing_tools=(),
    missing_kernel=(),
    overlay=True,
    memory_free=8192 * MIB,
    disk_free=10240 * MIB,
    image_built=True,
    inotify=128,
    inotify_writable=True,
)


def codes(facts: Facts, hosts: int = 5) -> list[str]:
    return [one.code for one in preflight.problems(facts, hosts)]


def test_a_good_machine_has_no_problem() -> None:
    """A Debian with 8 GiB holds five hosts."""
    assert codes(GOOD) == []


def test_everything_in_the_way_is_said_at_once() -> None:
    """Nobody wants to fix one thing after another; each has its own way out."""
    bad = replace(
        GOOD, root=False, missing_tools=("mmdebstrap", "nft"), missing_kernel=("vxlan",), overlay=False,
        memory_free=10 * MIB, disk_free=0, inotify=16, inotify_writable=False,
    )  # fmt: skip
    found = list(preflight.problems(bad, 5))

    assert [one.code for one in found] == [
        "not_root", "tool_missing", "tool_missing", "kernel", "overlay", "memory", "disk", "inotify",
    ]  # fmt: skip
    assert all(one.fix and one.where for one in found)
    assert "apt-get install nftables" in found[2].fix


def test_on_another_system_only_that_is_said() -> None:
    """A Mac has none of what is asked for next."""
    assert codes(replace(GOOD, platform="darwin", root=False, overlay=False)) == ["not_linux"]


@pytest.mark.parametrize(("hosts", "expected"), [(80, []), (82, ["memory"])])
def test_memory_is_counted_by_host(hosts: int, expected: list[str]) -> None:
    """A hundred MiB each; the message says what is needed and what is free."""
    found = list(preflight.problems(GOOD, hosts))

    assert [one.code for one in found] == expected
    assert all("8200 MiB" in one.what and "8192 MiB" in one.what for one in found)


def test_an_image_that_is_not_built_needs_room_too() -> None:
    """Two GiB are enough for hosts, but not for building their image as well."""
    tight = replace(GOOD, disk_free=2500 * MIB)

    assert codes(tight) == []
    assert codes(replace(tight, image_built=False)) == ["disk"]


def test_a_low_inotify_limit_matters_only_where_it_cannot_be_raised() -> None:
    """Elsewhere `up` raises it."""
    assert codes(GOOD, 40) == []
    assert codes(replace(GOOD, inotify_writable=False), 40) == ["inotify"]


def test_one_problem_is_raised_as_itself_and_several_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """The command line shows either."""
    monkeypatch.setattr(preflight, "look", lambda images: replace(GOOD, root=False))
    with pytest.raises(BootstrapError, match="root"):
        preflight.check(1, ["debian-13"])

    monkeypatch.setattr(preflight, "look", lambda images: replace(GOOD, root=False, disk_free=0))
    with pytest.raises(FailedTogether) as caught:
        preflight.check(1, ["debian-13"])
    assert [one.code for one in caught.value.errors] == ["not_root", "disk"]

    monkeypatch.setattr(preflight, "look", lambda images: GOOD)
    preflight.check(1, ["debian-13"])
