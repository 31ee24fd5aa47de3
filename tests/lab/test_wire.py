from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

from bootstrap.lab import dns, wire
from bootstrap.lab.dhcp import Network
from bootstrap.lab.forward import Forwarder
from tests.lab import test_dhcp
from tests.lab.folders import MANAGER, WORKER, cluster, roster
from tests.lab.test_dns import question, result

CLIENT = ("10.91.0.11", 40000)


def nobody() -> Forwarder:
    return Forwarder(list)


def test_dhcp_leases_are_those_of_the_records(tmp_path: Path) -> None:
    """The address of the host with that MAC; a stranger gets none."""
    found = roster(cluster(tmp_path))
    network = Network(IPv4Network("10.91.0.0/20"), IPv4Address("10.91.0.1"), "prod.internal")
    answer = wire.dhcp_asked(test_dhcp.packet(1, mac=WORKER.mac), network, found)
    assert answer is not None
    assert answer.packet[16:20] == IPv4Address(WORKER.address).packed
    assert wire.dhcp_asked(test_dhcp.packet(1, mac="02:00:00:00:00:01"), network, found) is None


def test_dns_names_are_those_of_the_records(tmp_path: Path) -> None:
    """Hosts are known, other names of the cluster are not, and the client gets the reply."""
    found = roster(cluster(tmp_path))
    known = wire.dns_asked(question(MANAGER.hostname), CLIENT, 0.0, found, nobody())
    unknown = wire.dns_asked(question("prod-web-9.prod.internal"), CLIENT, 0.0, found, nobody())
    assert (result(known[0].packet), known[0].address) == ((dns.NOERROR, 1), CLIENT)
    assert result(unknown[0].packet) == (dns.NXDOMAIN, 0)


def test_other_names_are_asked_outside(tmp_path: Path) -> None:
    """The question goes to the machine's resolver."""
    forwarder = Forwarder(lambda: ["192.0.2.1"])
    sends = wire.dns_asked(question("deb.debian.org"), CLIENT, 0.0, roster(cluster(tmp_path)), forwarder)
    assert [(one.address, one.outside) for one in sends] == [(("192.0.2.1", 53), True)]


def test_broken_records_make_no_name_unknown(tmp_path: Path) -> None:
    """A failure to look is told as one, so that nobody takes a host for gone."""
    found = roster(cluster(tmp_path))
    (tmp_path / "hosts" / WORKER.hostname / "host.json").write_text("{")
    sends = wire.dns_asked(question(WORKER.hostname), CLIENT, 0.0, found, nobody())
    assert result(sends[0].packet) == (dns.SERVFAIL, 0)
    assert wire.dns_asked(b"\0", CLIENT, 0.0, found, nobody()) == []
