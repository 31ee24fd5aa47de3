"""What no waiting mends: something was done to a machine by hand, or the cluster's own upkeep is off."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bootstrap.engine.progress import in_words
from bootstrap.errors import BootstrapError
from bootstrap.model.cluster import Cluster, Role
from bootstrap.providers.base import Instance
from bootstrap.swarm.view import known_managers

ELECTION = 30.0  # seconds in which managers that reach each other have elected one
BY_HAND = frozenset({"machine_fault", "disk_full"})  # codes of problems; of machines to which something was done
UPKEEP = frozenset({"ghost", "availability", "token_stale", "manager_demoted"})  # what the leader mends by itself
FEWER = frozenset({"pool_short", "zones"})  # what follows from a machine that does not join

Problem = Mapping[str, Any]  # an entry of the status document
Document = Mapping[str, Any]  # the status document


@dataclass(frozen=True)
class Hindrance:
    """What holds a wait up, in a sentence, and the commands that lift it."""

    what: str
    lifts: tuple[str, ...]

    def error(self, where: str, again: str, code: str) -> BootstrapError:
        """How the wait ends; `again` is the command that goes on from here."""
        first = "; ".join(f"`{one}`" for one in dict.fromkeys(self.lifts))
        return BootstrapError(f"no waiting helps: {self.what}", where=where, fix=f"{first}; then `{again}`", code=code)


def refuse_going(cluster: Cluster, control: Mapping[str, Any] | None) -> None:
    """BootstrapError where a `down` began: only its end makes room for the cluster again."""
    if (control or {}).get("phase") == "DESTROYED":
        raise BootstrapError(
            "a `down` of this cluster began and did not end",
            where=cluster.name,
            fix=f"run `bootstrap down {cluster.path or 'FILE'}` to its end, then `bootstrap up`",
            code="E112",
        )


def in_health(document: Document, machines: Sequence[Instance], lost: float) -> Hindrance | None:
    """What keeps a cluster from health until a person acts; None while anything is under way that ends by itself.

    `lost` since the quorum was first seen to be (s).
    """
    hurt = {one.hostname for one in machines if one.fault is not None}
    off = lift_of_upkeep(document)
    by_hand = [one for one in document["problems"] if one["code"] in BY_HAND and one["node"] in hurt]
    undone = [one for one in document["problems"] if off and one["code"] in UPKEEP and one not in by_hand]
    if by_hand and lacks_managers(machines, document["quorum"]["needed"], lost):
        return _of(by_hand, [], "")
    rest = (one for one in document["problems"] if one not in by_hand and one not in undone)
    if not (by_hand or undone) or not all(_follows(one, document, machines, hurt) for one in rest):
        return None
    return _of(by_hand, undone, off)


def in_quorum(document: Document, machines: Sequence[Instance], lost: float) -> Hindrance | None:
    """What keeps a quorum from coming back that was lost so long ago (s); None while there is one, or may be by itself."""
    gone = any(one["code"] == "no_quorum" for one in document["problems"])
    hurt = lacks_managers(machines, document["quorum"]["needed"], lost) if gone else []
    return _of([_fault(one) for one in hurt], [], "") if hurt else None


def in_forming(control: Mapping[str, Any] | None, machines: Sequence[Instance], waited: float) -> Hindrance | None:
    """What keeps a quorum from coming about; None while there may be one yet. `waited` as `Progress.settled` has it (s)."""
    needed = len(known_managers(control)) // 2 + 1
    hurt = lacks_managers(machines, needed, waited)
    return _of([_fault(one) for one in hurt], [], "") if hurt else None


def in_service(document: Document, late: Sequence[Instance], waited: float) -> Hindrance | None:
    """What keeps these machines from coming into service: None unless it holds every one of them.

    While the cluster's upkeep is off, who joined stays drained. `waited` as `Progress.settled` has it (s).
    """
    upkeep = lift_of_upkeep(document)
    by_hand = [_fault(one) for one in late if _held(one, waited)]
    nodes = document["nodes"] if upkeep else ()
    newcomers = {node["instance"] for node in nodes if node["state"] == "ready" and node["availability"] == "drain"}
    drained = [one for one in late if one.fault is None and one.step == "joined" and one.id in newcomers]
    told = [{"node": one.hostname, "message": "it joined, and stays drained"} for one in drained]
    return _of(by_hand, told, upkeep) if late and len(by_hand) + len(told) == len(late) else None


def lift_of_upkeep(document: Document) -> str:
    """The command that switches the cluster's upkeep on; "" where it is on."""
    return next((str(one["fix"]) for one in document.get("notes") or () if one["code"] == "reconcile_off"), "")


def lacks_managers(machines: Sequence[Instance], needed: int, waited: float) -> list[Instance]:
    """The managers to which something was done, where those that are left cannot be the `needed` ones; else none."""
    managers = [one for one in machines if one.role is Role.MANAGER and one.state != "terminating"]
    hurt = [one for one in managers if _held(one, waited)]
    return hurt if len(managers) - len(hurt) < needed else []


def _held(machine: Instance, waited: float) -> bool:
    """Whether what was done to it keeps it out: one in a part of the network has time for an election first."""
    return machine.fault is not None and (machine.fault.alone or waited >= ELECTION)


def _follows(problem: Problem, document: Document, machines: Sequence[Instance], hurt: set[str]) -> bool:
    """Whether a problem is but a sign of those that a person has to lift."""
    if problem["code"] not in FEWER:
        return problem["node"] in hurt
    ids = {one["instance"] for one in document["unjoined"]}
    out = [one for one in machines if one.id in ids]
    return bool(out) and all(one.hostname in hurt or _has_no_seat(one, document) for one in out)


def _has_no_seat(machine: Instance, document: Document) -> bool:
    """Whether a manager waits for the seat of a dead one, which only the upkeep clears."""
    dead = any(node["role"] == "manager" and node["instance"] is None for node in document["nodes"])
    off = bool(lift_of_upkeep(document))
    return off and dead and machine.role is Role.MANAGER and machine.step == "joining"


def _fault(machine: Instance) -> Problem:
    fault = machine.fault
    return {"node": machine.hostname, "message": fault.what, "fix": fault.fix} if fault else {}


def _of(by_hand: Sequence[Problem], undone: Sequence[Problem], upkeep: str) -> Hindrance:
    """Of what the leader does not do, the first clause is told: the second says that it will."""
    first = [{**one, "message": one["message"].partition(";")[0]} for one in undone]
    because = ["the cluster's own upkeep is off"] if undone else []
    lifts = [*(one["fix"] for one in by_hand), *([upkeep] if undone else [])]
    return Hindrance("; ".join([in_words([*by_hand, *first]), *because]), tuple(lifts))
