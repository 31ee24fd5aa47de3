"""What `status` tells of machines beside what the swarm says of their nodes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from bootstrap.providers.base import Fault
from tests.engine.test_health import MACHINES, node, status

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
