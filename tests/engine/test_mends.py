from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest

from bootstrap.providers.base import Fault
from bootstrap.swarm.view import Silence
from tests.engine.test_health import FORMED, MACHINES, node, sick, status, told


def test_a_majority_that_is_on_elects_by_itself() -> None:
    """A paused leader among three is no reason to hurry: to wait comes first, then what lifts it."""
    paused = replace(MACHINES[0], fault=Fault("paused", "its machine is paused", "bootstrap local resume FILE M"))
    fix = status(machines=[paused, *MACHINES[1:]], view=Silence())["problems"][0]["fix"]

    assert fix.startswith("wait: `bootstrap status FILE --wait 5m`")
    assert fix.endswith("if it stays: `bootstrap local resume FILE M`")


def test_a_leader_that_lost_the_majority_says_so() -> None:
    """It answers for some seconds more: that the quorum is lost is told then already, with what brings it back."""
    fault = Fault("paused", "its machine is paused", "bootstrap local resume FILE M")
    machines = [MACHINES[0], *(replace(one, fault=fault) for one in MACHINES[1:3]), MACHINES[3]]
    nodes = [node(one, **({"reachability": "unreachable"} if one.fault else {})) for one in machines]
    first = status(nodes, machines)["problems"][0]

    assert first["code"] == "no_quorum"
    assert "1 of 3 managers are reachable, 2 are needed" in first["message"]
    assert first["fix"] == "bootstrap local resume FILE M"


def test_a_partition_of_all_managers_has_one_mend() -> None:
    """However many groups it has: what brings the quorum back is one command, and so is each manager's own."""
    fault = Fault("parted", "the network is parted", "bootstrap local heal FILE")
    machines = [*(replace(one, fault=fault) for one in MACHINES[:3]), MACHINES[3]]
    document = status(machines=machines, view=Silence())

    assert told(document) == [("no_quorum", None), *(("machine_fault", one.hostname) for one in MACHINES[:3])]
    assert {one["fix"] for one in document["problems"]} == {"bootstrap local heal FILE"}


def test_a_machine_that_joined_and_is_no_node_is_told_as_that() -> None:
    """It is not `not joined yet`: where to look is its agent's log, not its first boot's."""
    document = status([node(one) for one in MACHINES[:3]])

    assert told(document) == [("pool_short", None)]
    message, fix = document["problems"][0]["message"], document["problems"][0]["fix"]
    assert message == "pool web has 0 of 1 nodes: joined once, and no node of the swarm now: prod-web-1"
    assert fix.endswith("`bootstrap logs FILE prod-web-1`")


UPKEEP = [
    ([node(one) for one in MACHINES[:3]] + [node(MACHINES[3], id="n-old", instance="i-gone", state="down")], "ghost", {}),
    ([node(one, availability="drain") for one in MACHINES], "availability", {}),
    ([node(MACHINES[0]), node(MACHINES[1], role="worker", reachability=None), *map(node, MACHINES[2:])], "manager_demoted", {}),
    ([node(one) for one in MACHINES], "token_stale", {"published_is_live": False}),
]  # fmt: skip


@pytest.mark.parametrize(("nodes", "code", "said"), UPKEEP, ids=[one[1] for one in UPKEEP])
def test_the_leader_does_nothing_while_upkeep_is_off(
    nodes: list[dict[str, Any]], code: str, said: dict[str, Any]
) -> None:
    """Then no text says that it does; the mend is to turn it on, and not to wait."""
    for control in (FORMED, {**FORMED, "reconcile": False}):
        problem = next(one for one in status(nodes, control=control, **said)["problems"] if one["code"] == code)
        assert ("; the leader " in problem["message"]) is control["reconcile"]
        first = "wait: " if control["reconcile"] else "bootstrap reconcile FILE on"
        assert problem["fix"].lstrip("`").startswith(first)
        assert ("--wait" in problem["fix"]) is control["reconcile"]


def test_a_wish_that_only_the_file_knows_needs_an_up() -> None:
    """The leader sets what the last `up` told it: to wait does not help."""
    control = {**FORMED, "pools": {"web": {"availability": "drain"}}}
    nodes = [*(node(one) for one in MACHINES[:3]), node(MACHINES[3], availability="drain")]
    (problem,) = status(nodes, control=control)["problems"]

    assert (problem["code"], problem["fix"]) == ("availability", "bootstrap up FILE")
    assert problem["message"].endswith("the leader goes by the last `up`, which said drain")


def test_a_manager_that_may_wait_for_a_seat_needs_the_upkeep() -> None:
    """Only the leader clears the seat of a lost manager: while that is paused, waiting alone does not help."""
    machines = [*MACHINES[:2], replace(MACHINES[2], step="joining"), MACHINES[3]]
    nodes = [node(one) for one in MACHINES if one.id != "i-c"]
    fixes = [status(nodes, machines, control={**FORMED, "reconcile": on})["problems"][0]["fix"] for on in (True, False)]

    assert [fix.startswith("`bootstrap reconcile FILE on`") for fix in fixes] == [False, True]


def test_a_full_disk_is_healed_and_not_pruned() -> None:
    """Where the provider filled it, and did something else to the machine as well, nothing says `docker system prune`."""
    fault = Fault("parted", "it is parted, and its disk was filled", "bootstrap local heal FILE M", full=True)
    health = {"i-b": {"disk_free": 0, "disk_total": 20 << 30, "ailing": "its disk is full"}}
    document = status(machines=[MACHINES[0], replace(MACHINES[1], fault=fault), *MACHINES[2:]], health=health)

    assert [(one["code"], one["fix"]) for one in document["problems"]] == [("disk_full", "bootstrap local heal FILE M")]


def test_a_lost_quorum_names_what_brings_it_back() -> None:
    """Machines that are off are started by `up`, paused ones are resumed."""
    off = [*(replace(one, state="stopped") for one in MACHINES[:2]), *MACHINES[2:]]
    paused = [replace(MACHINES[0], fault=Fault("paused", "its machine is paused", "bootstrap local resume FILE M"))]

    assert status(machines=off, view=Silence())["problems"][0]["fix"].startswith("bootstrap up FILE")
    assert status(machines=paused, view=Silence())["problems"][0]["fix"] == "bootstrap local resume FILE M"


def test_what_was_done_to_managers_is_lifted_before_up() -> None:
    """Typed one behind the other, each command works: `up` waits for no quorum that a paused machine bars."""
    fault = Fault("paused", "its machine is paused", "bootstrap local resume FILE M")
    machines = [replace(MACHINES[0], state="stopped"), replace(MACHINES[1], fault=fault), *MACHINES[2:]]

    fix = status(machines=machines, view=Silence())["problems"][0]["fix"]

    assert fix == "bootstrap local resume FILE M; bootstrap up FILE"


def test_managers_that_are_all_in_error_are_to_be_restarted() -> None:
    """They may be electing: waiting comes first. Where each engine is broken, a restart may help after that."""
    names = [one.hostname for one in MACHINES[:3]]
    broken = Silence(dict.fromkeys(names, "it sees no quorum"), frozenset(names))
    every, some = status(view=broken), status(view=replace(broken, broken=frozenset(names[:2])))
    assert ["electing" in one["problems"][0]["fix"] for one in (every, some)] == [True, True]
    assert ["systemctl restart docker" in one["problems"][0]["fix"] for one in (every, some)] == [True, False]


def test_engines_that_are_down_are_to_be_started() -> None:
    """Where enough of the others run, they elect by themselves first; else no waiting helps."""
    names = [one.hostname for one in MACHINES[:3]]
    start = "bootstrap exec FILE --role manager -- systemctl start docker"
    some, most = (status(view=Silence(down=frozenset(names[:number])))["problems"][0]["fix"] for number in (1, 2))

    assert some.startswith("wait: ")
    assert some.endswith(f"if it stays: `{start}`")
    assert most == start


def test_upkeep_that_is_off_is_said_and_not_unhealthy() -> None:
    """A note, with the command that ends it."""
    document = status(control={**FORMED, "reconcile": False})

    assert document["healthy"] is True
    assert told(document, "notes") == [("reconcile_off", None)]
    assert document["notes"][0]["fix"] == "bootstrap reconcile FILE on"


def test_a_full_manager_looks_reachable_and_is_not_well() -> None:
    """Each manager's own word counts, not only that of the one that answered."""
    health = {"i-b": {"disk_free": 1 << 20, "disk_total": 20 << 30, "ailing": "its disk is full"}}
    assert told(status(health=health)) == [("disk_full", "prod-managers-b-1")]

    health = {"i-c": {"disk_free": 50 << 30, "disk_total": 90 << 30, "ailing": "its raft node stopped 3 times lately"}}
    document = status(health=health)
    assert told(document) == [("manager_ailing", "prod-managers-c-1")]
    assert "3 times" in document["problems"][0]["message"]


def test_no_command_of_a_mend_touches_other_text() -> None:
    """It can be copied: it stands alone, or in backticks, so that no colon or full stop of the sentence sticks to it."""
    fixes = [one["fix"] for document in sick() for one in (*document["problems"], *document["notes"])]
    typed = [fix for fix in fixes if "`" not in fix]

    assert len(typed) < len(fixes)
    assert [fix for fix in typed if not re.fullmatch(r"bootstrap [^:;,(]+", fix)] == []
    assert [fix for fix in fixes if fix not in typed and "bootstrap " in re.sub("`[^`]*`", "", fix)] == []
