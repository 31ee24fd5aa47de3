from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from bootstrap.errors import BootstrapError
from bootstrap.lab import command, partition, paths, records
from tests.lab.folders import EXTRA, MANAGER, WORKER, cluster

ONE, TWO, THREE = MANAGER.hostname, WORKER.hostname, EXTRA.hostname


@pytest.fixture
def told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What nft was told, of a cluster with three hosts and a fabric."""
    scripts: list[str] = []

    def run(argv: Sequence[str], *, stdin: str = "") -> str:
        scripts.append(stdin)
        return ""

    monkeypatch.setenv("BOOTSTRAP_LOCAL_DIR", str(tmp_path / "local"))
    monkeypatch.setattr(paths, "NAMESPACES", tmp_path)
    (tmp_path / "bs-prod.fabric").touch()
    monkeypatch.setattr(command, "run", run)
    monkeypatch.setattr(command, "available", lambda program: True)
    cluster(tmp_path / "local/prod")
    return scripts


def test_groups_are_parted_both_ways(told: list[str]) -> None:
    """Each group's ports drop what goes to the others'; a host in no group is in no rule."""
    partition.split("prod", [[ONE], [TWO]])

    rules = [line.strip() for line in told[-1].splitlines() if "drop" in line]
    assert rules == ['iifname { "h0-11" } oifname { "h0-12" } drop', 'iifname { "h0-12" } oifname { "h0-11" } drop']
    assert partition.current("prod") == [[ONE], [TWO]]


def test_without_nft_nothing_is_recorded(told: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """A partition that cannot be is refused with the package to install, and `status` tells of none."""
    monkeypatch.setattr(command, "available", lambda program: program != "nft")

    with pytest.raises(BootstrapError, match="nft is not installed"):
        partition.split("prod", [[ONE], [TWO]])

    assert partition.current("prod") == []


def test_three_groups_are_parted_from_each_other(told: list[str]) -> None:
    """Everybody from everybody else."""
    partition.split("prod", [[ONE], [TWO], [THREE]])

    assert 'iifname { "h0-11" } oifname { "h0-12", "h0-13" } drop' in told[-1]
    assert told[-1].count("drop") == 3


def test_a_new_partition_replaces_the_old_one(told: list[str]) -> None:
    """In one step: at no moment is the network whole."""
    partition.split("prod", [[ONE], [TWO]])
    partition.split("prod", [[ONE, TWO], [THREE]])

    assert partition.current("prod") == [[ONE, TWO], [THREE]]
    assert told[-1].startswith("table bridge partition\ndelete table bridge partition\ntable bridge partition {")


def test_healing_a_host_takes_it_out_of_its_group(told: list[str]) -> None:
    """The others stay parted; with one group left nobody is."""
    partition.split("prod", [[ONE, TWO], [THREE]])

    partition.lift("prod", TWO)
    assert partition.current("prod") == [[ONE], [THREE]]
    assert "h0-12" not in told[-1]

    partition.lift("prod", THREE)
    assert partition.current("prod") == []
    assert "drop" not in told[-1]


def test_healing_twice_changes_nothing(told: list[str]) -> None:
    """A network that is whole stays so, and a host in no group is left alone."""
    partition.split("prod", [[ONE], [TWO]])
    calls = len(told)
    partition.lift("prod", THREE)
    assert len(told) == calls

    partition.clear("prod")
    partition.clear("prod")
    assert partition.current("prod") == []


def test_a_partition_follows_a_host_to_its_new_address(told: list[str]) -> None:
    """It is recorded by name; the rules go by the port of the day, and a host that is gone has none."""
    partition.split("prod", [[ONE, "prod-gone-1"], [TWO]])
    records.save_host(paths.cluster_dir("prod"), replace(WORKER, address="10.91.0.99"))

    partition.apply("prod")

    assert 'iifname { "h0-11" } oifname { "h0-99" } drop' in told[-1]


def test_a_fabric_that_is_made_later_is_told_then(told: list[str], tmp_path: Path) -> None:
    """Without a namespace there is nobody to tell, and the record stays."""
    (tmp_path / "bs-prod.fabric").unlink()

    partition.split("prod", [[ONE], [TWO]])

    assert told == []
    assert partition.current("prod") == [[ONE], [TWO]]


def test_a_broken_record_is_told_and_can_be_healed(told: list[str]) -> None:
    """What to do stands in the message, and does it."""
    (paths.cluster_dir("prod") / partition.FILE).write_text("{")

    with pytest.raises(BootstrapError, match="cannot be read") as caught:
        partition.lift("prod", ONE)
    assert "heal" in caught.value.fix
    partition.clear("prod")

    assert partition.current("prod") == []


def test_no_cluster_is_told(told: list[str]) -> None:
    """There is nothing to part."""
    with pytest.raises(BootstrapError, match="no such cluster"):
        partition.split("dev", [["a"], ["b"]])
