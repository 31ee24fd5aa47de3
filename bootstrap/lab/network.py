"""The network of a cluster: a namespace with a bridge and the metadata address, and one cable to this machine."""

from __future__ import annotations

import json
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network

from bootstrap.errors import BootstrapError
from bootstrap.lab import command, paths
from bootstrap.lab.records import FabricRecord
from bootstrap.model.naming import short_hash

BRIDGE = "br0"
UPLINK = "up0"  # the end of the cable to this machine, in the fabric
METADATA = "169.254.169.254/32"
SIZE = 20  # prefix length of a cluster's subnet: 4,000 hosts
RANGES = tuple(IPv4Network(f"10.{second}.0.0/16") for second in range(91, 200))


def choose(taken: Iterable[IPv4Network]) -> IPv4Network:
    """The first subnet that overlaps none of `taken`. BootstrapError when all are in use."""
    used = list(taken)
    for wide in RANGES:
        for subnet in wide.subnets(new_prefix=SIZE):
            if not any(subnet.overlaps(other) for other in used):
                return subnet
    raise BootstrapError(
        f"every address range from {RANGES[0]} to {RANGES[-1]} is in use", where="this machine",
        fix="see `ip -4 route show table all`: a route or VPN covers them; take one down, or `bootstrap down` a cluster",
        code="no_subnet",
    )  # fmt: skip


def in_use() -> list[IPv4Network]:
    """The address ranges that this machine has routes to, or addresses in."""
    return parse_routes(command.run(["ip", "-j", "-4", "route", "show", "table", "all"]))


def parse_routes(text: str) -> list[IPv4Network]:
    """The ranges in the JSON of `ip -j -4 route`; the default route is none."""
    found = [str(route.get("dst", "default")) for route in json.loads(text or "[]")]
    return [IPv4Network(one, strict=False) for one in found if one not in {"default", "0.0.0.0/0"}]


def cable(cluster: str) -> str:
    """The name of this machine's end of the cable into the fabric."""
    return f"bs-{short_hash(cluster)}"


def port(address: str) -> str:
    """The name of a host's port in the fabric: `h0-11` for 10.91.0.11."""
    _, _, third, fourth = address.split(".")
    return f"h{third}-{fourth}"


def mac(address: str) -> str:
    """The MAC that follows an address, so that a new host on an old address meets no stale neighbour entry."""
    return "02:00:" + ":".join(f"{byte:02x}" for byte in IPv4Address(address).packed)


def build(record: FabricRecord) -> None:
    """Make what is missing of it; a half-made one is made anew, as no host can be on it."""
    if whole(record):
        return
    tear_down(record.cluster)
    prefix = IPv4Network(record.subnet).prefixlen
    inside, outside = paths.fabric_namespace(record.cluster), cable(record.cluster)
    command.run(["ip", "netns", "add", inside])
    # Without a MAC of its own the bridge takes its lowest port's: each host that comes or goes would change it.
    steps = f"""\
link set lo up
link add {BRIDGE} address {mac(record.gateway)} type bridge forward_delay 0
addr add {record.gateway}/{prefix} dev {BRIDGE}
addr add {METADATA} dev {BRIDGE}
link set {BRIDGE} up
"""
    command.run(["ip", "-n", inside, "-batch", "-"], stdin=steps)
    peer = ["type", "veth", "peer", "name", UPLINK, "netns", inside]
    command.run(["ip", "link", "add", outside, "address", mac(record.machine), *peer])
    command.run(["ip", "-n", inside, "link", "set", UPLINK, "master", BRIDGE, "up"])
    command.run(["ip", "link", "set", outside, "alias", f"bootstrap cluster {record.cluster}"])
    command.run(["ip", "addr", "add", f"{record.machine}/{prefix}", "dev", outside])
    command.run(["ip", "link", "set", outside, "up"])
    _forward(record, inside)


def _forward(record: FabricRecord, inside: str) -> None:
    """What leaves the subnet goes by this machine. Hosts always ask the gateway, so no redirects."""
    settings = ("ip_forward=1", "conf.all.send_redirects=0", f"conf.{BRIDGE}.send_redirects=0")
    # The route stands last: a network that has it is whole.
    enter = ["nsenter", f"--net={paths.NAMESPACES / inside}"]
    command.run([*enter, "sysctl", "-qw", *(f"net.ipv4.{one}" for one in settings)])
    command.run(["ip", "-n", inside, "route", "add", "default", "via", record.machine])


def whole(record: FabricRecord) -> bool:
    """Whether all of it is there and up."""
    inside = paths.fabric_namespace(record.cluster)
    if not (paths.NAMESPACES / inside).exists():
        return False
    routes = command.attempt(["ip", "-n", inside, "route", "show", "default"])
    ours = command.attempt(["ip", "-o", "-4", "addr", "show", "dev", cable(record.cluster), "up"])
    return f"via {record.machine} " in routes.stdout and f" {record.machine}/" in ours.stdout


def namespaces(cluster: str) -> list[str]:
    """The names of the network namespaces that are this cluster's."""
    return sorted(found.name for found in paths.NAMESPACES.glob(f"{paths.namespace_prefix(cluster)}*"))


def tear_down(cluster: str) -> None:
    """Remove every namespace of the cluster and the cable; already gone is success."""
    if command.attempt(["ip", "link", "show", "dev", cable(cluster)]).code == 0:
        command.run(["ip", "link", "del", cable(cluster)])
    for name in namespaces(cluster):
        command.run(["ip", "netns", "del", name])
