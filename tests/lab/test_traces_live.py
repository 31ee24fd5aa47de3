from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from bootstrap.errors import BootstrapError
from bootstrap.lab import cgroups, command, fabric, host, network, paths, power, supervisor, sysctl
from tests.lab.live import Live, booted, greets, said, slay, stays, traces, until

pytestmark = [pytest.mark.lab, pytest.mark.alone]


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("BOOTSTRAP_LOCAL_DIR", str(tmp_path / "local"))
    yield tmp_path / "local"
    for cluster in ("side", "side-eu"):
        fabric.destroy(cluster)


def alone() -> bool:
    """Whether no cluster of somebody else shares this machine's settings with us."""
    return not any(paths.NAMESPACES.glob("bs-*.fabric"))


def test_two_clusters_side_by_side_do_not_touch_each_other(root: Path) -> None:
    """`side` goes completely, while `side-eu` runs on; when that goes too, nothing of either is left."""
    others, forward = alone(), sysctl.read(sysctl.FORWARD)
    clusters = [Live("side"), Live("side-eu")]
    first, second = (one.add(1) for one in clusters)
    for one in (first, second):
        until(booted, one)
    said(second, "touch /run/same-boot")

    clusters[0].down()

    assert stays(lambda: traces(root / "side", "side") - traces(root / "side-eu", "side-eu")) == set()
    assert not host.running(first)
    assert fabric.running("side-eu")
    assert said(second, "ls /run/same-boot")
    until(greets, second)

    clusters[1].down()
    clusters[1].down()
    assert stays(traces, root, "side", "side-eu") == set()
    if others:
        assert sysctl.read(sysctl.FORWARD) == forward
        assert not sysctl.REMEMBERED.exists()


def test_half_made_hosts_are_removed(root: Path) -> None:
    """Without a record, without a namespace, or with a dead power supply: `down` removes them all."""
    live = Live("side")
    one, two = live.add(1), live.add(2)
    (host.folder(one) / paths.RECORD).unlink()
    (root / "side/hosts/side-web-9/upper").mkdir(parents=True)
    cgroups.Group("side", "side-web-8").make()
    command.run(["ip", "netns", "add", "bs-side.web-7"])
    slay(host.group(two).pids(cgroups.OUTSIDE))

    live.down()

    assert stays(traces, root, "side") == set()


def test_a_host_whose_power_supply_was_killed_can_be_booted_again(root: Path) -> None:
    """What was left of it is cleared first."""
    live = Live("side")
    one = live.add(1)
    until(booted, one)
    slay(host.group(one).pids(cgroups.OUTSIDE))
    power_left = host.init_pid(one)
    assert power_left is not None
    slay([power_left])
    until(lambda: not host.running(one))

    host.boot(one)

    until(greets, one)


def test_a_broken_fabric_is_seen_and_mended(root: Path) -> None:
    """A lost cable, dead services or lost rules are found, and `start` puts them back while hosts run on."""
    live = Live("side")
    one = live.add(1)
    until(greets, one)
    services = cgroups.Group("side", fabric.SERVICES)

    harms = (
        ["ip", "link", "del", network.cable("side")],
        ["nft", "delete", "table", "ip", "bootstrap-side"],
        ["kill", "-9", *map(str, services.pids())],
    )

    for harm in harms:
        command.run(harm)
        assert supervisor.wait(lambda: not fabric.running("side"), timeout=20)
        fabric.start("side")
        assert fabric.running("side")
        until(greets, one)  # over a new cable its address is asked for first


def test_a_taken_range_is_passed_over(root: Path) -> None:
    """A second cluster has a subnet of its own, and neither is in the swarm's pool."""
    first, second = Live("side"), Live("side-eu")

    assert first.fabric.subnet != second.fabric.subnet
    assert fabric.create("side", "u-1") == first.fabric
    with pytest.raises(BootstrapError, match="another uid"):
        fabric.create("side", "u-2")


def test_a_host_that_cannot_start_says_why(root: Path) -> None:
    """The last lines of its console are in the message, and it is off."""
    live = Live("side")
    one = live.add(1)
    power.kill(one)
    (host.folder(one) / "image").write_text("/nonexistent")

    with pytest.raises(BootstrapError, match="nonexistent"):
        host.boot(one)

    assert not host.running(one)
