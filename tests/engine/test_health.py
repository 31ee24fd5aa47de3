from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest

from bootstrap.cli.root import COMMANDS, root
from bootstrap.engine.status import status_document
from bootstrap.model.cluster import Cluster, Role, Stack
from bootstrap.model.resource import Plan
from bootstrap.providers.base import Fault, Instance
from bootstrap.remote.agent import Agent
from bootstrap.swarm.view import Silence, View
from tests.fakes.cluster import cluster, pool
from tests.fakes.provider import FakeRunner, World

MADE = cluster(pool("web", 1), stacks=(Stack("site"),))
FORMED = {
    "phase": "FORMED",
    "swarm_id": "s1",
    "epoch": 1,
    "managers": [{"node_id": one} for one in "abc"],
    "reconcile": True,
}
MACHINES = [
    *(Instance(f"i-{zone}", f"prod-managers-{zone}-1", Role.MANAGER, "managers", zone, f"10.91.0.{number}", "running", 60.0,
               "joined") for number, zone in enumerate("abc", 11)),
    Instance("i-web", "prod-web-1", Role.WORKER, "web", "a", "10.91.0.20", "running", 60.0, "joined"),
]  # fmt: skip


def node(machine: Instance, **changed: Any) -> dict[str, Any]:
    manager = machine.role is Role.MANAGER
    return {
        "id": f"n-{machine.hostname}", "hostname": machine.hostname, "role": str(machine.role), "state": "ready",
        "availability": "active", "address": machine.address, "leader": machine.id == "i-a", "engine": "26.1.5",
        "reachability": "reachable" if manager else None, "arch": "x86_64", "instance": machine.id,
        "labels": {"bootstrap.instance": machine.id}, **changed,
    }  # fmt: skip


def status(
    nodes: list[dict[str, Any]] | None = None,
    machines: list[Instance] | None = None,
    *,
    control: dict[str, Any] | None = FORMED,
    made: Cluster = MADE,
    view: Silence | None = None,
    **said: Any,
) -> dict[str, Any]:
    """The document of a whole cluster, but for what is given; `said` is the agent's."""
    machines = MACHINES if machines is None else machines
    swarm = {"id": "s1", "nodes": [node(one) for one in MACHINES] if nodes is None else nodes, "networks": [],
             "stacks": said.pop("stacks", [])}  # fmt: skip
    answer = {"hostname": "prod-managers-a-1", "swarm": swarm, "published_is_live": True,
              "health": {f"i-{zone}": {"disk_free": 50 << 30, "disk_total": 100 << 30, "ailing": ""} for zone in "abc"},
              **said}  # fmt: skip
    return status_document(
        made, instances=machines, sizes={"managers": 3, "web": 1}, control=control,
        view=view or View(answer, Agent(FakeRunner(World(), "a"), "a")), outdated=(), drift=Plan("prod"),
    )  # fmt: skip


def told(document: dict[str, Any], kind: str = "problems") -> list[tuple[str, str | None]]:
    return [(one["code"], one["node"]) for one in document[kind]]


def test_nothing_is_wrong() -> None:
    """A whole cluster has neither problem nor note."""
    document = status()

    assert (document["healthy"], document["problems"], document["notes"]) == (True, [], [])


def test_a_vanished_machine_is_a_ghost_from_the_first_second() -> None:
    """Its node is a ghost while swarm still calls it ready, and stays one: never first a stranger."""
    for state in ("ready", "unknown", "down"):
        nodes = [*(node(one) for one in MACHINES[:3]), node(MACHINES[3], state=state)]
        document = status(nodes, MACHINES[:3])
        assert [one for one in told(document) if one[1]] == [("ghost", "prod-web-1")], state


def test_a_node_that_was_never_ours_is_a_stranger() -> None:
    """The leader gave it no label; the mend is a command that works."""
    stray = node(replace(MACHINES[3], id="i-x", hostname="laptop"), labels={}, instance=None)
    document = status([*(node(one) for one in MACHINES), stray])

    assert told(document) == [("stranger", "laptop")]
    assert "bootstrap remove FILE n-laptop" in document["problems"][0]["fix"]


def test_a_wiped_machine_is_one_node_and_one_ghost() -> None:
    """It joins anew with its old instance: the node that answers is it, the other one is a ghost."""
    old = node(MACHINES[3], id="n-old", state="down")
    for nodes in ([*(node(one) for one in MACHINES), old], [old, *(node(one) for one in MACHINES)]):
        document = status(nodes)
        assert told(document) == [("ghost", "prod-web-1")]
        assert "n-old" in document["problems"][0]["message"]


@pytest.mark.parametrize("fault", ["its machine is paused", "its machine is cut off the network"])
def test_the_cause_is_told_and_not_its_signs(fault: str) -> None:
    """A paused leader is one problem, with the command that mends it; the silent engine is no second one."""
    machines = [replace(MACHINES[0], fault=Fault("x", fault, "bootstrap local resume FILE X")), *MACHINES[1:]]
    nodes = [node(MACHINES[0], state="unknown", reachability="unreachable"), *(node(one) for one in MACHINES[1:])]
    document = status(nodes, machines)

    assert told(document) == [("machine_fault", "prod-managers-a-1")]
    assert document["problems"][0]["fix"] == "bootstrap local resume FILE X"
    assert document["quorum"] == {"managers": 3, "reachable": 2, "needed": 2, "can_lose": 0}


def test_a_new_leader_that_knows_nobody_yet_is_one_problem() -> None:
    """However many nodes it waits for: one cause, one line; a node alone is named as such."""
    alone = status([*(node(one) for one in MACHINES[:3]), node(MACHINES[3], state="unknown")])
    several = status([node(MACHINES[0]), *(node(one, state="unknown") for one in MACHINES[1:])])
    assert told(several) == [("node_not_ready", None)]
    assert all(one.hostname in several["problems"][0]["message"] for one in MACHINES[1:])
    assert told(alone) == [("node_not_ready", "prod-web-1")]


def test_silence_of_a_machine_that_is_off_is_no_second_problem() -> None:
    """Its agent cannot speak: that it is off says it all."""
    machines = [*MACHINES[:2], replace(MACHINES[2], state="stopped", step=""), MACHINES[3]]
    nodes = [
        *(node(one) for one in MACHINES[:2]),
        node(MACHINES[2], state="down", reachability="unreachable"),
        node(MACHINES[3]),
    ]
    health = {"i-c": {"disk_free": 50 << 30, "disk_total": 90 << 30, "ailing": "its agent has been silent for 60 s"}}

    assert told(status(nodes, machines, health=health)) == [("machine_stopped", "prod-managers-c-1")]


def test_a_stack_without_its_tasks_is_not_healthy() -> None:
    """0 of N is a problem: starting at first, failing with the last error of a task; only the file's stacks count."""
    starting = {"name": "site_web", "running": 0, "desired": 2, "error": ""}
    failing = {**starting, "error": "No such image: nothing:1"}

    def stacks(name: str, service: dict[str, Any]) -> dict[str, Any]:
        return status(stacks=[{"name": name, "ours": True, "hash": "h", "live": True, "waiting": [service]}])

    assert told(stacks("site", starting)) == [("stack_starting", None)]
    document = stacks("site", failing)
    assert told(document) == [("stack_failing", None)]
    assert "site_web runs 0 of 2 tasks: No such image" in document["problems"][0]["message"]
    assert "docker service ps --no-trunc site_web" in document["problems"][0]["fix"]
    assert stacks("other", failing)["healthy"] is True


def test_machines_that_did_not_join_are_named() -> None:
    """A short pool with enough machines says which of them is late, how far it is, and where to look."""
    machines = [*MACHINES[:3], replace(MACHINES[3], step="engine", age=12.0)]
    document = status([node(one) for one in MACHINES[:3]], machines)

    assert told(document) == [("pool_short", None)]
    assert "not joined yet: prod-web-1 (starts its engine, 12 s old)" in document["problems"][0]["message"]
    assert "bootstrap logs FILE prod-web-1 --boot" in document["problems"][0]["fix"]


def test_what_could_not_be_seen_is_said() -> None:
    """Without a quorum, and where a manager never spoke: what is missing is named, not left out."""
    lost = status(view=Silence({"prod-managers-a-1": "it sees no quorum"}))
    assert told(lost) == [("no_quorum", None)]
    assert told(lost, "notes") == [("unseen", None)]
    assert lost["unjoined"] == []

    mute = status(health={"i-a": {"disk_free": 50 << 30, "disk_total": 90 << 30, "ailing": ""}})
    assert mute["healthy"] is True
    assert "prod-managers-b-1, prod-managers-c-1" in mute["notes"][0]["message"]


def test_forming_tells_how_far_it_is() -> None:
    """While the first manager is on its way the steps of all are told; nothing to boot means `up`."""
    machines = [replace(MACHINES[0], step="engine"), replace(MACHINES[1], step="boot")]
    document = status(machines=machines, control={**FORMED, "phase": "CLAIMED", "swarm_id": None}, view=Silence())

    assert told(document) == [("forming", None)]
    assert document["problems"][0]["message"] == (
        "the swarm is not formed yet: the first manager makes it; "
        "prod-managers-a-1 starts its engine, prod-managers-b-1 boots"
    )
    assert "--wait 5m" in document["problems"][0]["fix"]
    bare = status(machines=[], control={"phase": "EMPTY"}, view=Silence())
    assert bare["problems"][0]["fix"] == "bootstrap up FILE"
    assert bare["problems"][0]["message"] == "the swarm is not formed yet: no manager has begun"


def sick() -> list[dict[str, Any]]:
    """Documents with every problem and note that can be told here."""
    down = [
        node(one, state="down", reachability="unreachable" if one.role is Role.MANAGER else None) for one in MACHINES
    ]
    stray = node(replace(MACHINES[3], id="i-x"), labels={}, instance=None)
    waiting = {"name": "site_web", "running": 0, "desired": 2, "error": "x"}
    stack = {"name": "site", "ours": True, "hash": "h", "live": True, "waiting": [waiting, {**waiting, "error": ""}]}
    return [
        status(down), status([*down[:2], stray]), status(machines=[]), status(stacks=[stack], published_is_live=False),
        status(control=None), status(control=None, machines=[]), status(view=Silence()), status(published_is_live=None),
        status(control={**FORMED, "phase": "DESTROYED"}, view=Silence()),
        status([node(one, availability="drain") for one in MACHINES], control={**FORMED, "reconcile": False}),
        status([node(MACHINES[0], reachability="unreachable")], health={"i-a": {"disk_free": 1, "disk_total": 99}}),
        status(machines=[replace(one, state="stopped") for one in MACHINES]),
        status(control={**FORMED, "surge": {"zone": "a", "since": "now"}, "rotated_at": "2020-01-01T00:00:00Z"}),
    ]  # fmt: skip


def test_every_mend_is_a_command_that_exists() -> None:
    """Each `bootstrap VERB` of a fix is one of ours, with options that it takes; every problem has a fix."""
    found = [one for document in sick() for one in (*document["problems"], *document["notes"])]
    assert len({one["code"] for one in found}) >= 15

    for one in found:
        calls = re.findall(r"bootstrap ([a-z-]+) (FILE[^;,`(]*)", one["fix"])
        assert calls or one["code"] == "replacing", one
        for verb, words in calls:
            assert verb in COMMANDS, one
            command = root.get_command(None, verb)  # type: ignore[arg-type]
            assert command is not None
            ours = words.split(" -- ")[0].split()
            known = {name for option in command.params for name in option.opts}
            assert [word for word in ours if word.startswith("--") and word not in known] == [], one


def test_a_demoted_manager_is_no_manager() -> None:
    """Managers are as many as wanted only while they are managers in the swarm; who is held is to be released."""
    demoted = node(MACHINES[1], role="worker", reachability=None)
    nodes = [node(MACHINES[0]), demoted, node(MACHINES[2]), node(MACHINES[3])]
    assert told(status(nodes)) == [("manager_demoted", "prod-managers-b-1")]

    nodes[1] = {**demoted, "labels": {**demoted["labels"], "bootstrap.hold": "true"}}
    assert "bootstrap undrain FILE prod-managers-b-1" in status(nodes)["problems"][0]["fix"]


def test_a_young_manager_has_not_told_yet_how_it_is() -> None:
    """Right after a first `up` nothing is missing; of an older manager it is worth a note."""
    young = [replace(one, age=20.0) for one in MACHINES]
    assert status(machines=young, health={})["notes"] == []
    old = [replace(one, age=200.0) for one in MACHINES]
    assert told(status(machines=old, health={}), "notes") == [("unseen", None)]


def test_seed_8_a_manager_with_the_description_of_a_worker() -> None:
    """Its entry says the worker's name and instance: by its address it is the manager, and the worker is itself."""
    wrong = node(MACHINES[2], hostname="prod-web-1", instance="i-web")
    document = status([node(MACHINES[0]), node(MACHINES[1]), wrong, node(MACHINES[3])])
    assert {one["id"]: one["instance"] for one in document["nodes"]}["n-prod-web-1"] == "i-web"

    known = node(MACHINES[2], hostname="prod-web-1", described_as="i-web")
    document = status([node(MACHINES[0]), node(MACHINES[1]), known, node(MACHINES[3])])
    assert document["healthy"]
    assert told(document, "notes") == [("misdescribed", "prod-managers-c-1")]
    assert document["nodes"][2]["hostname"] == "prod-managers-c-1"
