"""The network of a cluster: a namespace with a bridge and the metadata address, and one cable to this machine."""

from __future__ import annotations

import json
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network

from bootstrap.checkpoint import reach
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
    routes = parse_routes(command.run(["ip", "-j", "-4", "route", "show", "table", "all"]))
    return [*routes, *parse_addresses(command.run(["ip", "-j", "-4", "addr"]))]


def parse_routes(text: str) -> list[IPv4Network]:
    """The ranges in the JSON of `ip -j -4 route`; the default route is none."""
    found = [str(route.get("dst", "default")) for route in json.loads(text or "[]")]
    return [IPv4Network(one, strict=False) for one in found if one not in {"default", "0.0.0.0/0"}]


def parse_addresses(text: str) -> list[IPv4Network]:
    """The ranges in the JSON of `ip -j -4 addr`: a link that is down has no route, and may come up again."""
    found = [one for link in json.loads(text or "[]") for one in link.get("addr_info", ())]
    return [IPv4Network(f"{one['local']}/{one['prefixlen']}", strict=False) for one in found if "local" in one]


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


def build(record: FabricRecord) -> bool:
    """Make what is missing of it. True when the fabric's namespace is new: what ran in an old one is lost."""
    inside = paths.fabric_namespace(record.cluster)
    fresh = not _has(["-n", inside, "link", "show", "dev", BRIDGE])
    if fresh:
        _make_fabric(record, inside)
        reach("network.bridge")
    if not _has(["link", "show", "dev", cable(record.cluster)]):
        _make_cable(record, inside)
    if not whole(record):
        reach("network.linked")
        _forward(record, inside)
    return fresh


def _make_fabric(record: FabricRecord, inside: str) -> None:
    command.attempt(["ip", "netns", "del", inside])
    command.run(["ip", "netns", "add", inside])
    reach("network.namespace")
    # Without a MAC of its own the bridge takes its lowest port's: each host that comes or goes would change it.
    # It is linked last of all: a bridge that is there is ready.
    steps = f"""\
link set lo up
link add making address {mac(record.gateway)} type bridge forward_delay 0
addr add {record.gateway}/{_prefix(record)} dev making
addr add {METADATA} dev making
link set making name {BRIDGE}
link set {BRIDGE} up
"""
    command.run(["ip", "-n", inside, "-batch", "-"], stdin=steps)


def _make_cable(record: FabricRecord, inside: str) -> None:
    ours = cable(record.cluster)
    command.attempt(["ip", "-n", inside, "link", "del", UPLINK])
    peer = ["type", "veth", "peer", "name", UPLINK, "netns", inside]
    command.run(["ip", "link", "add", ours, "address", mac(record.machine), *peer])
    reach("network.cable")
    command.run(["ip", "link", "set", ours, "alias", f"bootstrap cluster {record.cluster}"])


def _forward(record: FabricRecord, inside: str) -> None:
    """Plug the cable in, and let what leaves the subnet go by this machine."""
    ours = cable(record.cluster)
    command.run(["ip", "-n", inside, "link", "set", UPLINK, "master", BRIDGE, "up"])
    command.run(["ip", "addr", "replace", f"{record.machine}/{_prefix(record)}", "dev", ours])
    command.run(["ip", "link", "set", ours, "up"])
    reach("network.plugged")
    # Hosts always ask the gateway, so no redirects; the route stands last: a network that has it is whole.
    settings = f"cd /proc/sys/net/ipv4; echo 1 >ip_forward; echo 0 >conf/all/send_redirects; echo 0 >conf/{BRIDGE}/send_redirects"
    enter = ["nsenter", f"--net={paths.NAMESPACES / inside}"]
    command.run([*enter, "sh", "-ec", settings])
    command.run(["ip", "-n", inside, "route", "replace", "default", "via", record.machine])


def _prefix(record: FabricRecord) -> int:
    return IPv4Network(record.subnet).prefixlen


def _has(query: list[str]) -> bool:
    return command.attempt(["ip", *query]).code == 0


def whole(record: FabricRecord) -> bool:
    """Whether all of it is there and up."""
    inside = paths.fabric_namespace(record.cluster)
    routes = command.attempt(["ip", "-n", inside, "route", "show", "default"])
    ours = command.attempt(["ip", "-o", "-4", "addr", "show", "dev", cable(record.cluster), "up"])
    return f"via {record.machine} " in routes.stdout and f" {record.machine}/" in ours.stdout


def namespaces(cluster: str) -> list[str]:
    """The names of the network namespaces that are this cluster's."""
    return sorted(found.name for found in paths.NAMESPACES.glob(f"{paths.namespace_prefix(cluster)}*"))


def tear_down(cluster: str) -> None:
    """Remove every namespace of the cluster and the cable; already gone is success."""
    if _has(["link", "show", "dev", cable(cluster)]):
        command.run(["ip", "link", "del", cable(cluster)])
        reach("network.unplugged")
    for name in namespaces(cluster):
        command.run(["ip", "netns", "del", name])
