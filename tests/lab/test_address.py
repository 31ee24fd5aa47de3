from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from ipaddress import IPv4Network
from pathlib import Path

import pytest

from bootstrap.errors import BootstrapError
from bootstrap.lab import address, records
from bootstrap.lab.records import HostRecord
from tests.lab.folders import MANAGER, cluster


@pytest.fixture
def prod(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("BOOTSTRAP_LOCAL_DIR", str(tmp_path))
    return cluster(tmp_path / "prod")


def test_the_lowest_free_address_is_given(prod: Path) -> None:
    """.11 to .13 are on record; the gateway and this machine stand below .11."""
    assert address.free("prod") == "10.91.0.14"


def test_a_removed_hosts_address_is_given_again(prod: Path) -> None:
    """Otherwise a cluster that scales up and down for a year would run out."""
    records.remove(prod / "hosts" / MANAGER.hostname)

    assert address.free("prod") == "10.91.0.11"


def test_a_full_network_says_so() -> None:
    """The broadcast address is never given."""
    subnet = IPv4Network("10.91.0.0/28")
    assert address.pick(subnet, {"10.91.0.11", "10.91.0.12", "10.91.0.13"}) == "10.91.0.14"

    with pytest.raises(BootstrapError, match="no free address"):
        address.pick(subnet, {f"10.91.0.{number}" for number in range(11, 15)})


def test_without_a_network_there_is_no_address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The fabric comes first."""
    monkeypatch.setenv("BOOTSTRAP_LOCAL_DIR", str(tmp_path))

    with pytest.raises(BootstrapError, match="no network yet"):
        address.free("prod")


def test_hosts_that_are_made_at_once_get_an_address_each(prod: Path) -> None:
    """Twenty threads claim: no address twice, and every record is written."""

    def make(slot: int) -> HostRecord:
        template = replace(MANAGER, hostname=f"prod-web-{slot}", slot=slot)
        return address.claim("prod", lambda found: replace(template, address=found, mac=address.mac(found)))

    with ThreadPoolExecutor(20) as threads:
        made = list(threads.map(make, range(100, 120)))

    assert len({one.address for one in made}) == 20
    assert {one.address for one in made} < {one.address for one in records.load_hosts(prod)}
