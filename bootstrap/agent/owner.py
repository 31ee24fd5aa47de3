"""Which machine a node is. What its entry says of its engine is a claim, and may even be another node's.

A manager that takes the lead while it passes on a worker's session takes that session for its own: the swarm then shows
the worker's hostname and engine labels in the manager's entry, until the manager's engine opens a session anew. What
stays right is the node id, by which each manager filled its own seat, and the address. So one thing alone proves nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Optional

from .metadata import Machine
from .nodes import INSTANCE, Node
from .store import Control

Machines = Optional[dict[str, Machine]]  # None: the cloud says nothing


def identify(control: Control, found: Iterable[Node], machines: Machines = None) -> list[Node]:
    """The nodes with their machines: `instance`, `sure`, and the machine's hostname where the entry has another's."""
    held = holders(control, machines or {})
    return [_identified(node, held.get(node.id), machines or {}) for node in found]


def holders(control: Control, machines: Mapping[str, Machine]) -> dict[str, str]:
    """Node id -> the instance whose seat it fills. Of several that claim the same, the one that the cloud puts there."""
    held: dict[str, str] = {}
    for instance, seat in control.get("seats", {}).items():
        there = instance in machines and machines[instance].address == seat["address"]
        if seat["node_id"] and (there or seat["node_id"] not in held):
            held[seat["node_id"]] = instance
    return held


def machine_of(node: Node, machines: Machines) -> Machine | None:
    """The cloud's own record of an identified node, if the node has the address that the cloud gave the machine."""
    machine = (machines or {}).get(node.instance or "")
    return machine if machine and machine.address == node.address else None


def is_foreign(node: Node) -> bool:
    """True when the swarm shows an identified node with the description of another."""
    return bool(node.claim and node.instance) and node.claim != node.instance


def _identified(node: Node, seated: str | None, machines: Mapping[str, Machine]) -> Node:
    instance, sure = (seated, True) if seated else _told(node, machines)
    known = node._replace(instance=instance, sure=sure)
    if not is_foreign(known):
        return known
    machine = machines.get(instance or "")
    hostname = machine.hostname if machine else node.hostname
    return known._replace(hostname=hostname, daemon=None)


def _told(node: Node, machines: Mapping[str, Machine]) -> tuple[str | None, bool]:
    """From the leader's label and the engine's claim: what the address confirms, else what nothing contradicts.

    Sure is what two of them agree on; and one alone, unless another machine has the address.
    """
    label = node.labels.get(INSTANCE)
    said = {one for one in (label, node.claim) if one}
    placed = [one for one in said if one in machines and machines[one].address == node.address]
    if len(placed) == 1:
        return placed[0], True
    if len(said) != 1:
        return None, False
    taken = any(machine.address == node.address for machine in machines.values())
    return said.pop(), label == node.claim or not taken
