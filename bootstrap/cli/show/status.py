"""The status document as people read it: the nodes, then one line that says healthy or what is wrong."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import click

from bootstrap.cli.show.tables import Column, table

COLUMNS = (
    Column("NODE"),
    Column("ROLE", 3),
    Column("POOL", 2),
    Column("ZONE", 5),
    Column("ADDRESS", 1),
    Column("STATE"),
    Column("AVAILABILITY"),
    Column("ENGINE", 6),
    Column("MANAGER", 1),
    Column("ID", 7),
    Column("INSTANCE", 8),
)  # fmt: skip - one glance
_COLOURS = {"ready": "green", "down": "red", "unknown": "yellow", "disconnected": "red", "unreachable": "red"}
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
    managers = f"{_count(quorum['managers'], 'manager')}, can lose {quorum['can_lose']}"
    return f"{document['cluster']}: {word}: {managers}; {_count(workers, 'worker')}; engine {engines or 'unknown'}"


def _count(number: int, word: str) -> str:
    return f"{number} {word}{'' if number == 1 else 's'}"


def _row(node: _Document) -> list[str]:
    """One node's cells, as COLUMNS names them."""
    held = " (held)" if node["hold"] else ""
    manager = "leader" if node["leader"] else node["reachability"] or ""
    cells = (
        node["hostname"],
        node["role"],
        node["pool"],
        node["zone"],
        node["address"],
        node["state"],
        f"{node['availability']}{held}",
        node["engine"],
        manager,
        str(node["id"])[:12],
        node["instance"],
    )  # fmt: skip - in the order of COLUMNS
    return [str(cell or "") for cell in cells]


def _paint(title: str, cell: str) -> str:
    colour = _COLOURS.get(cell.strip()) if title in {"STATE", "MANAGER"} else None
    return click.style(cell, fg=colour) if colour else cell


def _waiting(document: _Document) -> Iterator[str]:
    """Machines that are no nodes yet."""
    for one in document["unjoined"]:
        zone = f", zone {one['zone']}" if one["zone"] else ""
        age = f" since {one['age_s']} s" if one["age_s"] is not None else ""
        yield f"not joined: {one['instance']} (pool {one['pool']}{zone}): {one['state']}{age}"


def _verdict(document: _Document) -> Iterator[str]:
    """The headline, every problem with its mend, and what is outdated."""
    yield headline(document)
    for one in document["problems"]:
        node = f"{one['node']}: " if one["node"] else ""
        yield f"  {click.style('!', fg='red')} {node}{one['message']}"
        if one["fix"]:
            yield f"      {one['fix']}"
    for one in document["outdated"]:
        yield f"  ~ {one['name']} is outdated: {one['why']}"
