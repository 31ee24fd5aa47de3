"""The status document as people read it: the nodes, then one line that says healthy or what is wrong."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import click

from bootstrap.cli.show.tables import Column, table
from bootstrap.model.naming import LABEL_INSTANCE

COLUMNS = (
    Column("NODE"),
    Column("ROLE", 6, fold=False),  # its pool says it
    Column("POOL", 2),
    Column("ZONE", 3),
    Column("ADDRESS", 1),
    Column("STATE"),
    Column("AVAILABILITY"),
    Column("ENGINE", 5),
    Column("MANAGER", 1),
    Column("ID", 7, fold=False),  # names work everywhere; ids are in the JSON
    Column("INSTANCE", 8, fold=False),
)  # fmt: skip - one glance
MANY = 6  # names in one line
_COLOURS = {"ready": "green", "unknown": "yellow", "leader": "", "reachable": ""}  # else red
_WELL = {None, "running", "pending", "terminating"}  # of a machine: its node's own state says enough
_Document = Mapping[str, Any]


def text(document: _Document, room: int) -> str:
    """The whole status, `room` characters wide."""
    parts = []
    if document["nodes"]:
        parts.append(table(COLUMNS, [_row(node) for node in document["nodes"]], room, _paint))
    parts += ["\n".join(lines) for lines in (list(_waiting(document)), list(_verdict(document))) if lines]
    return "\n\n".join(parts)


def headline(document: _Document) -> str:
    """One line: `prod: healthy: 3 managers, can lose 1; 2 workers; engine 26.1.5`."""
    nodes = document["nodes"]
    if not nodes and document["swarm_id"] is None:
        return f"{document['cluster']}: no swarm yet"
    quorum = document["quorum"]
    workers = sum(node["role"] == "worker" for node in nodes)
    engines = ", ".join(sorted({node["engine"] for node in nodes if node["engine"]}))
    word = click.style("healthy", fg="green") if document["healthy"] else click.style("not healthy", fg="red")
    if not nodes:
        return f"{document['cluster']}: {word}: no manager answers, so its nodes cannot be seen"
    unnoticed = sum(node["reachability"] == "reachable" and _seen(node)[1] == "" for node in nodes)
    left = max(0, quorum["can_lose"] - unnoticed)
    managers = f"{_count(quorum['managers'], 'manager')}, can lose {left}"
    return f"{document['cluster']}: {word}: {managers}; {_count(workers, 'worker')}; engine {engines or 'unknown'}"


def _count(number: int, word: str) -> str:
    return f"{number} {word}{'' if number == 1 else 's'}"


def _row(node: _Document) -> list[str]:
    """One node's cells, as COLUMNS names them."""
    held = " (held)" if node["hold"] else ""
    state, manager = _seen(node)
    cells = (
        node["hostname"],
        node["role"],
        node["pool"],
        node["zone"],
        node["address"],
        state,
        f"{node['availability']}{held}",
        node["engine"],
        manager,
        str(node["id"])[:12],
        node["instance"],
    )  # fmt: skip - in the order of COLUMNS
    return [str(cell or "") for cell in cells]


def _seen(node: _Document) -> tuple[str, str]:
    """STATE and MANAGER: what is well in the swarm's eyes is not believed of a machine that is known to be off or hurt."""
    state, manager = node["state"], "leader" if node["leader"] else node["reachability"] or ""
    machine = "gone" if node["machine"] is None and LABEL_INSTANCE in node["labels"] else node["machine"]
    if machine in _WELL:
        return state, manager
    return machine if state == "ready" else f"{state} ({machine})", manager if manager != "reachable" else ""


def _paint(title: str, cell: str) -> str:
    word = cell.strip() if title in {"STATE", "MANAGER"} else ""
    colour = _COLOURS.get(word, "red") if word else ""
    return click.style(cell, fg=colour) if colour else cell


def _waiting(document: _Document) -> Iterator[str]:
    """Machines that are no nodes yet."""
    for one in document["unjoined"]:
        zone = f", zone {one['zone']}" if one["zone"] else ""
        age = f", {one['age_s']} s old" if one["age_s"] is not None else ""
        yield f"no node yet: {one['instance']} (pool {one['pool']}{zone}): {one['machine']}{age}"


def _verdict(document: _Document) -> Iterator[str]:
    """The headline, every problem with its mend, and what is outdated."""
    yield headline(document)
    yield from _told(document["problems"], click.style("!", fg="red"))
    yield from _told(document["notes"], click.style("i", fg="cyan"))
    if running := document.get("running"):
        yield f"  {click.style('i', fg='cyan')} a run is under way: {running['who']}: `{running['what']}` since {running['since']}"
    yield from _outdated(document)


def _told(entries: Iterable[_Document], mark: str) -> Iterator[str]:
    """Each with its mend; what is said alike of several nodes stands once, as after a partition."""
    nodes: dict[tuple[str, str], list[str]] = {}
    for one in entries:
        nodes.setdefault((one["message"], one["fix"]), []).append(one["node"] or "")
    for (message, fix), names in nodes.items():
        who = ", ".join(filter(None, names))
        yield f"  {mark} {who}: {message}" if who else f"  {mark} {message}"
        if fix:
            yield f"      {fix}"


def _outdated(document: _Document) -> Iterator[str]:
    """One line for each reason."""
    names: dict[str, list[str]] = {}
    for one in document["outdated"]:
        names.setdefault(one["why"], []).append(one["name"])
    for why, machines in names.items():
        first = ", ".join(machines[:MANY]) + (f" and {len(machines) - MANY} more" if len(machines) > MANY else "")
        yield f"  ~ {first} {'is' if len(machines) == 1 else 'are'} outdated: {why}"
