"""What is drawn, before it is known how: cards in a grid of pools and zones, and the quorum."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from bootstrap.cli.show.status import headline
from bootstrap.model.cluster import MANAGERS
from bootstrap.providers.base import Instance

STEPS = {"boot": "boots", "engine": "starts engine", "joining": "joins"}  # of a machine that is no node yet
TROUBLES = {"manager_ailing": "ailing", "manager_demoted": "no manager", "availability": "active"}
NOWHERE = ""  # the column of what stands in no zone of the inventory
_Document = Mapping[str, Any]


class Level(StrEnum):
    """How a machine is; each has a colour and a shape, so that neither is needed to tell."""

    OK = "ok"
    REST = "rest"  # well, and meant to take no tasks
    WARN = "warn"
    BAD = "bad"


@dataclass(frozen=True)
class Card:
    """One machine or node: its short name, a word for its state, and where it belongs."""

    name: str
    word: str
    level: Level
    pool: str
    zone: str
    manager: bool
    leader: bool = False
    address: str = ""


@dataclass(frozen=True)
class Row:
    """One pool: how many it has of how many it should, and its cards by zone."""

    pool: str
    have: int
    wanted: int | None
    cells: Mapping[str, Sequence[Card]]


@dataclass(frozen=True)
class Picture:
    """Everything that a drawing shows. `quorum` is the status document's; it counts only where nodes were `seen`."""

    cluster: str
    healthy: bool
    made: bool
    headline: str
    quorum: Mapping[str, int]
    zones: Sequence[str]
    rows: Sequence[Row]
    problems: Sequence[str]
    seen: bool = True  # a manager answered, or there is none yet

    @property
    def margin(self) -> str:
        """`3 of 3 managers reachable, 2 needed: can lose 1`."""
        quorum = self.quorum
        if not quorum["managers"]:
            return "no swarm yet"
        if not self.seen:
            return f"not seen, as no manager answers: {quorum['needed']} of {quorum['managers']} managers are needed"
        told = f"{quorum['reachable']} of {quorum['managers']} managers reachable, {quorum['needed']} needed"
        if quorum["reachable"] < quorum["needed"]:
            return f"{told}: the quorum is lost"
        return f"{told}: can lose {quorum['can_lose'] or 'none'}"

    @property
    def level(self) -> Level:
        """How the quorum is: lost, nothing to spare although there could be, or fine."""
        if self.quorum["reachable"] < self.quorum["needed"]:
            return Level.BAD if self.quorum["managers"] else Level.WARN
        return Level.WARN if self.quorum["reachable"] < self.quorum["managers"] else Level.OK


def picture(document: _Document, instances: Iterable[Instance], sizes: Mapping[str, int]) -> Picture:
    """The picture of a status document; machines that are no nodes, or cannot be seen as such, stand in it as well."""
    cluster = document["cluster"]
    machines = list(instances)
    cards = [*_nodes(document, machines), *_machines(document, machines)]
    zones = [zone for zone in document["zones"] if zone]
    if any(card.zone not in zones for card in cards):
        zones.append(NOWHERE)
    pools = list(dict.fromkeys([MANAGERS, *sizes, *sorted(card.pool for card in cards)]))
    return Picture(
        cluster=cluster,
        healthy=document["healthy"],
        made=bool(cards) or document["swarm_id"] is not None,
        headline=headline(document),
        quorum=document["quorum"],
        zones=zones,
        rows=[_row(pool, cards, zones, sizes.get(pool)) for pool in pools],
        problems=[
            f"{one['node']}: {one['message']}" if one["node"] else one["message"] for one in document["problems"]
        ],
        seen=bool(document["nodes"]) or document["swarm_id"] is None,
    )


def _row(pool: str, cards: Sequence[Card], zones: Sequence[str], wanted: int | None) -> Row:
    ours = sorted((card for card in cards if card.pool == pool), key=lambda card: _natural(card.name))
    known = [zone for zone in zones if zone]
    cells = {zone: [card for card in ours if (card.zone if card.zone in known else NOWHERE) == zone] for zone in zones}
    return Row(pool, sum(card.level in {Level.OK, Level.REST} for card in ours), wanted, cells)


def _natural(name: str) -> tuple[tuple[int, int | str], ...]:
    """web-2 before web-10."""
    return tuple((0, int(part)) if part.isdigit() else (1, part) for part in name.split("-"))


def _nodes(document: _Document, machines: Iterable[Instance]) -> Iterator[Card]:
    troubles = {one["node"]: one["code"] for one in document["problems"] if one["node"]}
    owners = {one.id: one for one in machines}
    for node in document["nodes"]:
        machine = owners.get(node["instance"])
        off = machine is not None and (machine.fault is not None or machine.state == "stopped")
        said = _machine_word(machine) if machine and off else None
        word, level = said or _node_word(node, troubles.get(node["hostname"], ""))
        yield Card(
            name=_short(document["cluster"], node["hostname"]) or node["id"][:12],
            word=word,
            level=level,
            pool=node["pool"] or "no pool",
            zone=node["zone"] or NOWHERE,
            manager=node["role"] == "manager",
            leader=node["leader"],
            address=node["address"],
        )


def _node_word(node: _Document, trouble: str) -> tuple[str, Level]:
    """The word that says most: what is wrong, else who it is, else what it may do."""
    if not node["instance"]:
        return ("ghost", Level.BAD) if node["state"] == "down" else ("stranger", Level.WARN)
    if node["state"] != "ready":
        return node["state"], Level.WARN if node["state"] == "unknown" else Level.BAD
    if node["role"] == "manager" and node["reachability"] != "reachable":
        return "unreachable", Level.BAD
    if trouble == "disk_full":
        return "disk full", Level.BAD
    rest = {"drain": "drained", "pause": "paused"}.get(node["availability"])
    if trouble:
        return rest or TROUBLES.get(trouble) or trouble.replace("_", " "), Level.WARN
    if node["hold"]:
        return "held", Level.REST
    return (rest, Level.REST) if rest else ("ready", Level.OK)


def _machines(document: _Document, instances: Iterable[Instance]) -> Iterator[Card]:
    """Machines that no node stands for: still booting, off, or unseen while no manager answers."""
    joined = {node["instance"] for node in document["nodes"]}
    for one in instances:
        if one.id not in joined:
            word, level = _machine_word(one)
            name = _short(document["cluster"], one.hostname)
            manager = one.pool == MANAGERS
            yield Card(name, word, level, one.pool, one.zone, manager, address=one.address)


def _machine_word(one: Instance) -> tuple[str, Level]:
    if one.state == "stopped":
        return "off", Level.BAD
    if one.fault is not None:
        return one.fault.word, Level.BAD
    if one.state == "terminating":
        return "leaving", Level.WARN
    return ("not seen" if one.step == "joined" else STEPS.get(one.step) or one.state), Level.WARN


def _short(cluster: str, hostname: str) -> str:
    return hostname.removeprefix(f"{cluster}-")


def as_json(drawn: Picture, svg: str | None) -> dict[str, Any]:
    """What is in the picture, for scripts."""
    cards = [card for row in drawn.rows for cell in row.cells.values() for card in cell]
    shown = [
        {"name": card.name, "pool": card.pool, "zone": card.zone, "state": card.word, "level": str(card.level),
         "leader": card.leader}
        for card in cards
    ]  # fmt: skip
    return {"cluster": drawn.cluster, "healthy": drawn.healthy, "quorum": dict(drawn.quorum),
            "zones": [zone for zone in drawn.zones if zone], "cards": shown, "svg": svg}  # fmt: skip
