"""A network that fell apart: hosts of different groups do not reach each other, whatever boots or comes meanwhile.

The rules stand in the fabric, where all frames between hosts pass, and go by the hosts' ports. A host in no group
reaches everybody, as does one that is added later. The gateway is on everybody's side: metadata, names, the internet.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

from bootstrap.errors import BootstrapError
from bootstrap.lab import command, network, paths, records

FILE = "partition.json"
TABLE = "bridge partition"
Groups = list[list[str]]  # hostnames


def split(cluster: str, groups: Sequence[Sequence[str]]) -> None:
    """Part these groups of hostnames from each other; a partition that is there is replaced."""
    if not command.available("nft"):  # before it is recorded: what is recorded is told as done
        raise command.missing("nft")
    with _changing(cluster):
        _save(cluster, [list(group) for group in groups])
        apply(cluster)


def current(cluster: str) -> Groups:
    """The groups that are parted now; none where the network is whole."""
    try:
        found: Groups = json.loads((paths.cluster_dir(cluster) / FILE).read_text())["groups"]
    except FileNotFoundError:
        return []
    except (ValueError, KeyError, TypeError) as error:
        fix = "`bootstrap local heal FILE` makes the network whole"
        where = str(paths.cluster_dir(cluster) / FILE)
        raise BootstrapError("the record cannot be read", where=where, fix=fix, code="record_broken") from error
    return found


def lift(cluster: str, hostname: str) -> None:
    """Let this host reach everybody again; with fewer than two groups left the network is whole."""
    with _changing(cluster):
        before = current(cluster)
        after = [[name for name in group if name != hostname] for group in before]
        if after != before:
            _save(cluster, after)
            apply(cluster)


def clear(cluster: str) -> None:
    """Make the network whole; it may be already."""
    with _changing(cluster):
        (paths.cluster_dir(cluster) / FILE).unlink(missing_ok=True)
        apply(cluster)


def apply(cluster: str) -> None:
    """Make the rules as recorded: after a change, or when the fabric or a host's port is new."""
    namespace = paths.NAMESPACES / paths.fabric_namespace(cluster)
    groups = current(cluster)
    if not namespace.exists() or (not groups and not command.available("nft")):
        return  # a fabric that is made later is told then
    command.run(["nsenter", f"--net={namespace}", "nft", "-f", "-"], stdin=script(_ports(cluster, groups)))


def script(groups: Sequence[Sequence[str]]) -> str:
    """What nft is told: the table is replaced in one step. `groups` are of port names."""
    start = f"table {TABLE}\ndelete table {TABLE}\n"
    if not groups:
        return start
    rules = "".join(f"    {rule}\n" for rule in _rules(groups))
    hook = "type filter hook forward priority 0;"
    return f"{start}table {TABLE} {{\n  chain between {{\n    {hook}\n{rules}  }}\n}}\n"


def _rules(groups: Sequence[Sequence[str]]) -> Iterator[str]:
    for group in groups:
        others = [port for other in groups if other is not group for port in other]
        yield f"iifname {_names(group)} oifname {_names(others)} drop"


def _names(ports: Sequence[str]) -> str:
    return "{ " + ", ".join(f'"{port}"' for port in ports) + " }"


def _ports(cluster: str, groups: Groups) -> Groups:
    """The ports of those hosts that there are."""
    known = {one.hostname: network.port(one.address) for one in records.load_hosts(paths.cluster_dir(cluster))}
    found = [[known[name] for name in group if name in known] for group in groups]
    parted = [group for group in found if group]
    return parted if len(parted) > 1 else []


def _save(cluster: str, groups: Groups) -> None:
    file = paths.cluster_dir(cluster) / FILE
    parted = [group for group in groups if group]
    if len(parted) > 1:
        records.write(file, {"groups": parted})
    else:
        with suppress(FileNotFoundError):
            file.unlink()


@contextmanager
def _changing(cluster: str) -> Iterator[None]:
    """One change at a time."""
    try:
        descriptor = os.open(paths.cluster_dir(cluster), os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        raise BootstrapError("there is no such cluster", where=cluster, code="no_cluster") from None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
