from __future__ import annotations

import json
from ipaddress import IPv4Network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bootstrap.errors import BootstrapError
from bootstrap.lab import network

SUBNETS = st.tuples(st.integers(80, 210), st.integers(0, 255), st.integers(12, 30)).map(
    lambda one: IPv4Network(f"10.{one[0]}.{one[1]}.0/{one[2]}", strict=False)
)


def test_the_first_range_is_taken_first() -> None:
    """On a machine that uses none of it, a cluster lives in 10.91.0.0/20."""
    assert network.choose([IPv4Network("192.168.1.0/24")]) == IPv4Network("10.91.0.0/20")


def test_a_taken_range_is_passed_over() -> None:
    """A second cluster, a route or a single address in a range is enough to choose another."""
    taken = [IPv4Network("10.91.0.0/20"), IPv4Network("10.91.16.7/32")]

    assert network.choose(taken) == IPv4Network("10.91.32.0/20")


def test_when_the_first_wide_range_is_full_the_next_is_used() -> None:
    """A VPN over all of 10.91 moves clusters to 10.92."""
    assert network.choose([IPv4Network("10.91.0.0/16")]) == IPv4Network("10.92.0.0/20")


def test_no_range_left_says_what_to_look_at() -> None:
    """A route over all of 10/8 leaves nothing to choose."""
    with pytest.raises(BootstrapError, match="in use") as caught:
        network.choose([IPv4Network("10.0.0.0/8")])
    assert "ip -4 route" in caught.value.fix


@given(st.lists(SUBNETS, max_size=30))
def test_the_choice_overlaps_nothing(taken: list[IPv4Network]) -> None:
    """Whatever a machine uses, a cluster's subnet is beside it and inside our ranges."""
    try:
        found = network.choose(taken)
    except BootstrapError:
        assert all(any(one.overlaps(wide) for one in taken) for wide in network.RANGES)
        return

    assert not any(found.overlaps(one) for one in taken)
    assert any(found.subnet_of(wide) for wide in network.RANGES)


def test_routes_are_read_and_the_default_is_none() -> None:
    """Every route of every table counts, addresses too; the default route covers all and means nothing."""
    routes = [{"dst": "default"}, {"dst": "10.91.0.0/20"}, {"dst": "192.0.2.2", "type": "local"}, {"dst": "0.0.0.0/0"}]

    assert network.parse_routes(json.dumps(routes)) == [IPv4Network("10.91.0.0/20"), IPv4Network("192.0.2.2/32")]
    assert network.parse_routes("") == []


@pytest.mark.parametrize("cluster", ["a", "prod", "prod-eu", "x" * 32])
def test_interface_names_fit_the_kernel(cluster: str) -> None:
    """Fifteen characters are all that the kernel takes, however long a cluster's name is."""
    assert len(network.cable(cluster)) <= 15
    assert len(network.port("10.199.255.254")) <= 15


def test_clusters_and_hosts_have_names_of_their_own() -> None:
    """Two clusters share no cable, two addresses share no port and no MAC."""
    assert network.cable("prod") != network.cable("prod-eu")
    assert network.port("10.91.1.11") != network.port("10.91.11.1")
    assert network.mac("10.91.0.11") == "02:00:0a:5b:00:0b"


def test_the_address_of_a_link_that_is_down_counts() -> None:
    """It has no route now, but it may come up again."""
    told = json.dumps([{"ifname": "tun0", "addr_info": [{"local": "10.91.3.4", "prefixlen": 16}]}, {}])

    assert network.parse_addresses(told) == [IPv4Network("10.91.0.0/16")]
    assert network.parse_addresses("") == []
