"""The hosts' way out: this machine forwards and hides them behind its own address, and nothing else of it changes."""

from __future__ import annotations

import json

from bootstrap.lab import command
from bootstrap.lab.network import cable
from bootstrap.lab.records import FabricRecord


def table(cluster: str) -> str:
    """The name of the cluster's nftables table."""
    return f"bootstrap-{cluster}"


def comment(cluster: str) -> str:
    """What marks our rules in chains that are not ours."""
    return f"bootstrap:{cluster}"


def ruleset(record: FabricRecord) -> str:
    """The nftables script that makes the table, or makes it anew."""
    name = f"ip {table(record.cluster)}"
    hide = f'ip saddr {record.subnet} ip daddr != {record.subnet} oifname != "{cable(record.cluster)}" masquerade'
    chain = f"chain postrouting {{ type nat hook postrouting priority 100; policy accept; {hide}; }}"
    return f"table {name}\ndelete table {name}\ntable {name} {{\n{chain}\n}}\n"


def allowed(cluster: str) -> list[list[str]]:
    """The iptables rules that let the hosts' traffic pass where the machine forwards nothing by default."""
    mark = ["-m", "comment", "--comment", comment(cluster)]
    back = ["-m", "conntrack", "--ctstate", "RELATED,ESTABLISHED"]
    return [
        ["-i", cable(cluster), *mark, "-j", "ACCEPT"],
        ["-o", cable(cluster), *back, *mark, "-j", "ACCEPT"],
    ]


def masquerade(record: FabricRecord) -> list[str]:
    """The iptables rule that does the same as the table, for a machine without nft."""
    mark = ["-m", "comment", "--comment", comment(record.cluster)]
    return ["-s", record.subnet, "!", "-d", record.subnet, *mark, "-j", "MASQUERADE"]


def open_up(record: FabricRecord) -> None:
    """Let the hosts out. Called again it changes nothing; the sysctl `ip_forward` is not this module's."""
    if command.available("nft"):
        if not _has_table(record):
            command.run(["nft", "-f", "-"], stdin=ruleset(record))
    elif command.available("iptables"):
        _insert("nat", "POSTROUTING", masquerade(record))
    else:
        raise command.missing("nft")
    chain = _guarded_chain()
    for rule in allowed(record.cluster) if chain else ():
        _insert("filter", chain, rule)


def is_open(record: FabricRecord) -> bool:
    """Whether the rules that let the hosts out are in place."""
    if command.available("nft") and not _has_table(record):
        return False
    chain = _guarded_chain()
    return not chain or all(_has("filter", chain, rule) for rule in allowed(record.cluster))


def close(cluster: str) -> None:
    """Remove every rule of this cluster and of no other; already gone is success."""
    if command.available("nft"):
        command.attempt(["nft", "delete", "table", "ip", table(cluster)])
    if not command.available("iptables"):
        return
    for name in ("nat", "filter"):
        for rule in ours(command.attempt(["iptables", "-w", "-t", name, "-S"]).stdout, cluster):
            command.attempt(["iptables", "-w", "-t", name, "-D", *rule])


def ours(listing: str, cluster: str) -> list[list[str]]:
    """The rules of this cluster in the output of `iptables -S`, each as the words after `-A`."""
    lines = (line.replace('"', "").split() for line in listing.splitlines() if line.startswith("-A "))
    return [words[1:] for words in lines if comment(cluster) in words]


def _has_table(record: FabricRecord) -> bool:
    found = command.attempt(["nft", "-j", "list", "table", "ip", table(record.cluster)])
    return found.code == 0 and record.subnet.split("/")[0] in json.dumps(json.loads(found.stdout))


def _guarded_chain() -> str:
    """The chain to add rules to where the machine drops what it forwards, as Docker makes it do; "" elsewhere."""
    if not command.available("iptables"):
        return ""
    if docker_lives_here():
        return "DOCKER-USER"
    policy = command.attempt(["iptables", "-w", "-S", "FORWARD"]).stdout
    return "FORWARD" if "-P FORWARD DROP" in policy else ""


def docker_lives_here() -> bool:
    """Whether an engine of the machine's own manages its firewall; it then needs `ip_forward` as well."""
    return command.available("iptables") and command.attempt(["iptables", "-w", "-S", "DOCKER-USER"]).code == 0


def _has(name: str, chain: str, rule: list[str]) -> bool:
    return command.attempt(["iptables", "-w", "-t", name, "-C", chain, *rule]).code == 0


def _insert(name: str, chain: str, rule: list[str]) -> None:
    if not _has(name, chain, rule):
        command.run(["iptables", "-w", "-t", name, "-I", chain, *rule])
