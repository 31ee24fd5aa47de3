from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from bootstrap.engine.doctor import probe
from bootstrap.engine.doctor.examine import examine
from bootstrap.engine.doctor.gather import Probe
from bootstrap.engine.doctor.nodes import Nodes, findings
from bootstrap.model.finding import Outcome
from bootstrap.providers.base import Fault
from tests.engine.test_doctor import MADE, NAMES, answer, results
from tests.engine.test_health import MACHINES
from tests.fakes.provider import FakeProvider, World

FAULTS: dict[str, tuple[Fault, dict[str, Any]]] = {
    "cut": (Fault("cut off", "its machine is cut off the network", "bootstrap local heal FILE X"),
            {"tcp": {one: {"7946": "no route to host"} for one in NAMES[1:]}, "udp": []}),
    "full": (Fault("disk full", "its disk was filled", "bootstrap local heal FILE X", full=True),
             {"disk": {"free": 0, "total": 100}, "engine": {"version": "", "error": "TimeoutError"},
              "units": {**dict.fromkeys(probe.UNITS, "active"), "docker.service": "failed"}}),
}  # fmt: skip


@pytest.mark.parametrize("kind", FAULTS)
def test_what_follows_from_a_fault_is_left_out(kind: str) -> None:
    """The cause is told by `machine`: neither the machine's own signs nor those that others see are told beside it."""
    fault, said = FAULTS[kind]
    shut = {"tcp": {one: {"7946": "no answer" if one == NAMES[0] else ""} for one in NAMES}}
    probes = [Probe(replace(MACHINES[0], fault=fault), answer(NAMES[0], **said)),
              *(Probe(one, answer(one.hostname, **shut, udp=NAMES[1:])) for one in MACHINES[1:])]  # fmt: skip
    found = list(findings(Nodes(MADE, "FILE", probes)))

    assert [one.what for one in found if one.result is not Outcome.OK] == []
    assert [one.what for one in found if one.id == "ports"] == ["it reaches 3 others on 2377, 7946 and 4789/udp"] * 3
    assert not [one for one in found if "prune" in one.fix or "systemctl restart" in one.fix]


def test_a_paused_machine_is_told_once() -> None:
    """With the command that lifts it; it is not asked, as it would only cost time, and no engine is to be restarted."""
    world = World()
    fault = Fault("paused", "its machine is paused", "bootstrap local resume FILE X", silent=True)
    world.machines = {one.hostname: one for one in [replace(MACHINES[0], fault=fault)]}
    document: dict[str, Any] = {
        "swarm_id": "s1", "healthy": False, "tokens": {"published_is_live": True},
        "problems": [{"code": "machine_fault", "node": NAMES[0], "message": fault.what, "fix": fault.fix}],
    }  # fmt: skip
    found = [one for one in examine(MADE, FakeProvider(MADE, world), lambda: document) if one.result is not Outcome.OK]

    assert [(one.id, one.node, one.fix) for one in found if one.result is Outcome.FAIL] == [
        ("machine", NAMES[0], fault.fix)
    ]
    assert [one.id for one in found] == ["machine", "cluster"]
    assert "paused" not in found[1].what
    assert world.calls == []


def test_a_lost_quorum_is_told_once() -> None:
    """That nothing is known of tokens follows from it."""
    world = World()
    world.machines = {one.hostname: replace(one, state="stopped") for one in MACHINES}
    lost = {"code": "no_quorum", "node": None, "message": "no manager answers", "fix": "up"}
    off = [{"code": "machine_stopped", "node": name, "message": "its machine is off", "fix": "up"} for name in NAMES]
    document = {"swarm_id": "s1", "healthy": False, "tokens": {"published_is_live": None}, "problems": [lost, *off]}
    found = list(examine(MADE, FakeProvider(MADE, world), lambda: document))

    assert [one.id for one in found if one.result is not Outcome.OK] == ["machine"] * 4 + ["cluster"]
    assert next(one.what for one in found if one.id == "cluster") == "the cluster is not healthy: no manager answers"


def test_a_systemd_that_says_nothing_is_no_good_sign() -> None:
    """Units of unknown state are not as they should be."""
    assert results(web={"units": {}})["agent", "prod-web-1"][0] is Outcome.FAIL
