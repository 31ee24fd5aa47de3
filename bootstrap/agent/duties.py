"""What the leader finds to do: pure decisions from what the swarm, the store and the cloud say.

Nodes are identified ones everywhere: see owner.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from . import control as rules
from .health import History
from .local import fingerprint, root_digest
from .members import proven_gone
from .metadata import GONE, Machine
from .nodes import APPLIED, HOLD, INSTANCE, POOL, POOL_KEYS, ZONE, Node
from .owner import Machines, holders, machine_of
from .store import Control

_TOO_MANY = 0.4  # of all machines: when more are told otherwise by the swarm than by the cloud, one of the two is blind


class Marking(NamedTuple):
    """Labels for one node, and its availability if that is to change too."""

    node: Node
    labels: dict[str, str]
    availability: str


def managers(nodes: list[Node]) -> list[dict[str, str]]:
    """The raft members in the control object's form."""
    found = [{"instance": one.instance or "", "node_id": one.id, "address": one.address} for one in nodes if one.member]
    return sorted(found, key=lambda one: one["node_id"])


def facts(control: Control, nodes: list[Node], swarm: dict[str, Any]) -> dict[str, Any]:
    """What is published besides managers and secrets. Established stays true for ever."""
    established = control["established"] or sum(node.state == "ready" for node in nodes) > 1
    return {"ca_digest": root_digest(swarm) or control["ca_digest"], "established": established}


def is_published(control: Control, nodes: list[Node], swarm: dict[str, Any], live: Mapping[str, Any]) -> bool:
    """True when the control object says what is live; `live` is what `form.live_secrets` found."""
    published = {key: (control["secrets"].get(key) or {}).get("fp") for key in live}
    return (
        published == {key: fingerprint(value) for key, (_, _, value) in live.items()}
        and rules.refresh(control, managers(nodes), facts(control, nodes, swarm)) == control
    )


def tokens_are_live(control: Control, swarm: dict[str, Any]) -> bool:
    """True when both published join tokens are the swarm's present ones."""
    live = {role: fingerprint(swarm["JoinTokens"][role.title()]) for role in ("worker", "manager")}
    return all((control["secrets"].get(role) or {}).get("fp") == fp for role, fp in live.items())


def stale_seats(control: Control, nodes: list[Node], machines: Machines) -> dict[str, Any]:
    """Seats whose node was removed or is another's, and those reserved by machines that are gone.

    Instance -> node id or None.
    """
    present, held = {node.id for node in nodes}, holders(control, machines or {})
    stale = {}
    for instance, seat in control["seats"].items():
        gone = machines is not None and instance not in machines
        others = machines is not None and held.get(seat["node_id"], instance) != instance
        if others or (gone if seat["node_id"] is None else seat["node_id"] not in present):
            stale[instance] = seat["node_id"]
    return stale


def markings(control: Control, nodes: list[Node], machines: Machines) -> list[Marking]:
    """Nodes whose labels or availability are not as the cloud and the inventory say; a newcomer waits until ready."""
    found = []
    for node in nodes:
        machine = machine_of(node, machines)
        if machine is None or machine.state in GONE or (INSTANCE not in node.labels and node.state != "ready"):
            continue
        pool = control["pools"].get(machine.pool, {})
        availability, marks = _availability(node, pool.get("availability", "active"))
        wanted = {**_labels(node, machine, pool.get("labels", {})), **marks}
        if (wanted, availability) != (node.labels, node.availability):
            found.append(Marking(node, wanted, availability))
    return found


def wish_for(control: Control, node: Node) -> str:
    """The availability that the pool of a labelled node is to have; active for one of no pool."""
    pool = control.get("pools", {}).get(node.labels.get(POOL, ""), {})
    return str(pool.get("availability", "active"))


def _availability(node: Node, wish: str) -> tuple[str, dict[str, str]]:
    """What the pool wishes, once for each wish. One that a person changed since is theirs, and is held from then on."""
    if HOLD in node.labels:
        return node.availability, {}
    if node.labels.get(APPLIED) != wish:
        return wish, {APPLIED: wish}
    return node.availability, {} if node.availability == wish else {HOLD: "by-hand"}


def _labels(node: Node, machine: Machine, pool: dict[str, str]) -> dict[str, str]:
    before = set(filter(None, node.labels.get(POOL_KEYS, "").split(",")))
    kept = {key: value for key, value in node.labels.items() if key not in before - set(pool) and key != POOL_KEYS}
    ours = {POOL: machine.pool, ZONE: machine.zone, INSTANCE: machine.instance}
    keys = {POOL_KEYS: ",".join(sorted(pool))} if pool else {}
    return {**kept, **pool, **ours, **keys}


def ghosts(control: Control, nodes: list[Node], machines: Machines, history: History, now: float) -> list[Node]:
    """Nodes without a raft seat that are Down for long and whose machine is surely not coming back as this node."""
    if too_many_doubtful(control, nodes, machines):
        return []
    down = [node for node in nodes if node.state == "down"]
    limit = rules.timer(control, "dead")
    gone = proven_gone(control, nodes, machines) | (_seatless(control, nodes) if machines is not None else set())
    return [one for one in down if not one.member and one.id in gone and history.bad_for(one.id, now) >= limit]


def too_many_doubtful(control: Control, nodes: list[Node], machines: Machines) -> bool:
    """True when the swarm and the cloud disagree on so many machines that one of them is blind; each counts once.

    Down in the swarm and running, or up and gone by the cloud's word. Where both say that many are gone, they are: an
    autoscaler may end most of a cluster in one night, and ghosts of managers that stayed would hold their seats for ever.
    """
    gone, every = proven_gone(control, nodes, machines), {_name(node) for node in nodes}
    off = {node.id for node in nodes if _state_of(node, machines) in ("stopped", "terminating")}
    up = {_name(node) for node in nodes if node.state != "down"}
    out = gone | off | _seatless(control, nodes)
    missing = {_name(node) for node in nodes if node.state == "down" and node.id not in out} - up
    unlisted = {_name(node) for node in nodes if node.state != "down" and node.id in gone}
    return len(missing | unlisted) > max(1, _TOO_MANY * len(every))


def _name(node: Node) -> str:
    return node.instance or node.id


def demoted(control: Control, nodes: list[Node], machines: Machines) -> list[Node]:
    """Managers' nodes that lost only their role, by hand or by a removal that did not end, while managers are too few."""
    lost = _half_removed(control, nodes)
    if control.get("change") or sum(node.member for node in nodes) >= control["managers_target"]:
        return []
    return [one for one in nodes if one.id in lost and one.state == "ready" and _is_manager(one, machines)]


def _is_manager(node: Node, machines: Machines) -> bool:
    machine = machine_of(node, machines)
    return machine is not None and (machine.role, machine.state) == ("manager", "running") and HOLD not in node.labels


def _half_removed(control: Control, nodes: list[Node]) -> set[str]:
    """Managers that were demoted by somebody who did not live to remove them."""
    return _seatless(control, nodes) & {node.id for node in nodes if node.role == "worker"}


def _seatless(control: Control, nodes: list[Node]) -> set[str]:
    """Managers' nodes without a place in raft: demoted, or promoted again and never back. Who is held by hand stays."""
    seats = {seat["node_id"] for seat in control["seats"].values()}
    return {node.id for node in nodes if node.id in seats and not node.member and HOLD not in node.labels}


def dead_managers(nodes: list[Node], machines: Machines, history: History) -> list[Node]:
    """Raft members that do not answer; the guard decides. One whose machine is being terminated is the CLI's."""
    bad = [node for node in nodes if node.member and history.is_bad(node.id)]
    return [node for node in bad if _state_of(node, machines) != "terminating"]


def _state_of(node: Node, machines: Machines) -> str:
    machine = (machines or {}).get(node.instance or "")
    return machine.state if machine else ""
