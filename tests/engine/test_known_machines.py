"""What `status` tells of machines beside what the swarm says of their nodes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from bootstrap.providers.base import Fault
from tests.engine.test_health import MACHINES, node, status, told

WORDS = [
    ({"state": "stopped", "step": ""}, "off"), ({"state": "terminating"}, "terminating"), ({}, "running"),
    ({"fault": Fault("cut off", "it is cut off", "bootstrap local heal FILE X")}, "cut off"),
]  # fmt: skip


@pytest.mark.parametrize(("changed", "word"), WORDS, ids=[one[1] for one in WORDS])
def test_what_is_known_of_a_machine_stands_at_its_node(changed: dict[str, Any], word: str) -> None:
    """At once, while the swarm still says `ready`; the swarm's own words stay as they are."""
    document = status(machines=[replace(MACHINES[0], **changed), *MACHINES[1:]])
    node = document["nodes"][0]

    assert (node["machine"], node["state"], node["reachability"]) == (word, "ready", "reachable")
    assert {one["machine"] for one in document["nodes"][1:]} == {"running"}


def test_what_has_no_machine_or_is_no_node_says_so() -> None:
    """A ghost's machine is null; a machine that has not joined tells that it is off."""
    ghost, late = status(machines=MACHINES[:3]), [*MACHINES[:3], replace(MACHINES[3], state="stopped", step="")]

    assert [one["machine"] for one in ghost["nodes"]] == ["running"] * 3 + [None]
    assert [one["machine"] for one in status([node(one) for one in MACHINES[:3]], late)["unjoined"]] == ["off"]


def test_without_a_leader_nothing_is_healthy() -> None:
    """For some seconds after the leader is gone the managers answer with a quorum, all reachable: nothing can change."""
    document = status([node(one, leader=False) for one in MACHINES])

    assert told(document) == [("no_leader", None)]
    assert document["healthy"] is False
    assert document["quorum"] == {"managers": 3, "reachable": 3, "needed": 2, "can_lose": 1}


@pytest.mark.parametrize(
    "changed", [{"state": "stopped"}, {"fault": Fault("cut off", "it is cut off", "heal it", alone=True)}]
)
def test_a_quorum_whose_machines_are_known_to_be_gone_is_lost(changed: dict[str, Any]) -> None:
    """Two of three are off or cut off and the swarm has not noticed: that is told at once, and of one alone not."""
    one = status(machines=[replace(MACHINES[0], **changed), *MACHINES[1:]])
    two = status(machines=[*(replace(machine, **changed) for machine in MACHINES[:2]), *MACHINES[2:]])

    assert "no_quorum" not in {code for code, _ in told(one)}
    (first, *_) = two["problems"]
    assert first["code"] == "no_quorum"
    assert "1 of 3 managers are reachable, 2 are needed" in first["message"]


def test_who_has_only_just_joined_is_no_stranger() -> None:
    """A node without an address has not told whose it is."""
    new = {**node(MACHINES[3]), "id": "n-new", "address": "", "instance": None, "labels": {}, "state": "unknown"}
    whose = {**new, "address": "10.91.0.99"}

    assert [code for code, _ in told(status([*map(node, MACHINES), new]))] == ["node_not_ready"]
    assert "stranger" in {code for code, _ in told(status([*map(node, MACHINES), whose]))}
