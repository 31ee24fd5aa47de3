from __future__ import annotations

import itertools
from collections.abc import Generator
from typing import Any

import pytest

from bootstrap.engine.events import ChangeSkipped, NodeProgress, Note
from bootstrap.engine.session import Session
from bootstrap.errors import BootstrapError, FailedTogether, InterruptedRun
from bootstrap.model.cluster import Cluster, Network, Size, Stack
from tests.fakes.clock import FakeClock
from tests.fakes.cluster import cluster, pool
from tests.fakes.provider import FakeProvider, World


def session(made: Cluster, world: World | None = None, recorded: dict[str, int] | None = None) -> Session:
    """A session over a world that remembers."""
    return Session(made, FakeProvider(made, world or World(), {} if recorded is None else recorded), FakeClock())


def up(one: Session) -> None:
    """What the command line does for `up`, without its words."""
    plan = one.plan_up()
    list(one.apply(plan))
    if plan.unknown:
        list(one.wait_formed(60))
        list(one.apply(one.plan_up()))


def actions(one: Session) -> list[tuple[str, str]]:
    """(action, key) of what `up` would do."""
    return [(str(change.action), change.resource.key) for change in one.plan_up().changes]


FULL = cluster(
    pool("web", Size(1, 6, 1)), networks=(Network("app"),), stacks=(Stack("site", (("site.yml", "services: {}"),)),)
)


def test_where_no_manager_answers_the_swarm_is_unknown() -> None:
    """Swarm-level kinds are `unknown`, never `create`, until a manager answers."""
    plan = session(FULL).plan_up()

    assert set(plan.unknown) == {"swarm", "network", "stack"}
    assert {change.resource.kind for change in plan.changes} == {"host"}


def test_a_second_up_is_an_empty_plan() -> None:
    """After `up` there is nothing to do."""
    one = session(FULL)
    up(one)

    again = one.plan_up()

    assert not again
    assert again.unknown == ()
    assert one.status()["healthy"] is True


def test_networks_and_stacks_are_kept_so() -> None:
    """A network removed by hand is made again; a stack changed by hand is deployed again."""
    world = World()
    one = session(FULL, world)
    up(one)

    world.networks.clear()
    world.stacks["site"]["live"] = False

    assert actions(one) == [("create", "network/app"), ("update", "stack/site")]
    assert {problem["code"] for problem in one.status()["problems"]} == {"drift"}


def test_with_the_upkeep_off_a_plan_says_so() -> None:
    """A node whose machine is gone is the leader's, who rests then: no change, and a note with what stays and the mend."""
    world = World()
    one = session(FULL, world)
    up(one)
    world.nodes["ghost"] = {**world.nodes["prod-web-1"], "id": "n-ghost", "instance": "i-gone", "state": "down"}
    assert one.plan_up().notes == ()

    one.upkeep(False)

    plan = one.plan_up()
    assert not plan
    (note,) = plan.notes
    assert note in one.status()["notes"]
    assert note["code"] == "reconcile_off"
    assert "bootstrap reconcile FILE on" in str(note["fix"])
    assert "lost ones stay" in str(note["message"])


def test_a_network_that_is_not_ours_is_left_alone() -> None:
    """What `up` did not make and the file does not name is never deleted."""
    world = World()
    one = session(FULL, world)
    up(one)
    base = {"encrypted": False, "attachable": False, "internal": False, "subnet": "10.200.8.0/24"}

    world.networks["theirs"] = {"name": "theirs", "ours": False, **base}
    assert actions(one) == []

    world.networks["old"] = {"name": "old", "ours": True, **base}
    assert actions(one) == [("delete", "network/old")]


def test_scaling_in_removes_the_node_before_its_machine() -> None:
    """A worker is drained and removed by the agent first; its machine goes after."""
    world, recorded = World(), {"prod-pool-web": 3}
    one = session(FULL, world, recorded)
    up(one)
    recorded["prod-pool-web"] = 1
    world.calls.clear()

    assert set(actions(one)) == {
        ("delete", "node/prod-web-2"), ("delete", "node/prod-web-3"),
        ("delete", "host/prod-web-2"), ("delete", "host/prod-web-3"),
    }  # fmt: skip
    up(one)

    assert sorted(world.machines) == [f"prod-managers-{zone}-1" for zone in "abc"] + ["prod-web-1"]
    done = [call[:2] for call in world.calls if call[0] in {"remove", "destroy"}]
    for name in ("prod-web-2", "prod-web-3"):
        assert done.index(("remove", f"n-{name}")) < done.index(("destroy", name))
    assert len(done) == 4


def test_an_interruption_reaches_what_is_carried_out() -> None:
    """It is handed into the stream of events: what was not begun is told as skipped, and the run ends as interrupted."""
    one = session(FULL)
    events = one.apply(one.plan_up(), parallel=1)
    assert isinstance(events, Generator)
    told = [next(events), events.throw(KeyboardInterrupt())]

    with pytest.raises(InterruptedRun):
        told.extend(events)

    assert any(isinstance(event, ChangeSkipped) for event in told)


def test_managers_leave_one_behind_the_other() -> None:
    """From five managers to three: each removal waits for the one before it."""
    world = World()
    up(session(cluster(managers=5), world))

    plan = session(cluster(managers=3), world).plan_up()

    nodes = [change.resource for change in plan.changes if change.resource.kind == "node"]
    chained = [one for one in nodes if any(key.startswith("node/") for key in one.after)]
    assert len(nodes) == 2
    assert len(chained) == 1


@pytest.mark.parametrize("parallel", [1, 2, 8])
def test_a_manager_that_goes_may_be_the_one_that_answers(parallel: int) -> None:
    """While those that stay tell nothing, the last that answers is not asked to remove itself, and stays with its machine."""
    world, recorded = World(), {"prod-pool-web": 6}
    pools = pool("web", Size(1, 6, 1))
    up(session(cluster(pools, managers=5), world, recorded))
    recorded["prod-pool-web"] = 1
    smaller = session(cluster(pools, managers=3), world, recorded)
    going = {change.resource.name for change in smaller.plan_up().changes if change.resource.kind == "node"}
    world.mute = set(world.machines) - going
    world.target = 3

    with pytest.raises(FailedTogether) as caught:
        list(smaller.apply(smaller.plan_up(), parallel=parallel))

    (error,) = caught.value.errors
    assert "no node removes itself" in error.what
    assert world.mute | {error.where} <= set(world.machines)
    assert {one["hostname"] for one in world.nodes.values()} == set(world.machines)
    if parallel == 8:  # with fewer hands not all had begun when it was refused, and nothing is begun after that
        assert set(world.machines) == world.mute | {error.where}


def test_a_refused_removal_keeps_the_machine() -> None:
    """What the guard refuses is not destroyed, and the refusal is told."""
    world = World()
    up(session(cluster(managers=5), world))
    world.refuse = "remove"
    smaller = session(cluster(managers=3), world)

    with pytest.raises(FailedTogether) as caught:
        list(smaller.apply(smaller.plan_up()))

    assert "quorum could be lost" in str(caught.value.errors[0])
    assert len(world.machines) == 5


def test_without_a_quorum_no_machine_is_taken_away() -> None:
    """A machine that may be a member waits until a manager answers; the plan says that nodes are unknown."""
    world, recorded = World(), {"prod-pool-web": 3}
    one = session(FULL, world, recorded)
    up(one)
    recorded["prod-pool-web"] = 1
    world.quorum = False

    plan = one.plan_up()

    assert plan.changes == ()
    assert "node" in plan.unknown


def test_down_is_the_difference_with_nothing_wanted() -> None:
    """`down` deletes every machine that exists and asks no swarm."""
    world = World()
    one = session(FULL, world)
    up(one)
    world.calls.clear()

    list(one.apply(one.plan_down()))

    assert world.machines == {}
    assert {call[0] for call in world.calls} == {"destroy"}
    assert not one.plan_down()


def test_a_ghost_with_the_hostname_of_a_leaving_machine_is_no_stumbling_block() -> None:
    """A machine that joined twice has two node objects; both are told apart and both go."""
    world, recorded = World(), {"prod-pool-web": 2}
    one = session(FULL, world, recorded)
    up(one)
    world.nodes["ghost"] = {**world.nodes["prod-web-2"], "id": "n-ghost-of-web-2", "state": "down"}
    recorded["prod-pool-web"] = 1

    assert {key for action, key in actions(one) if key.startswith("node/")} == {
        "node/prod-web-2.n-ghost-of-w", "node/prod-web-2.n-prod-web-2",
    }  # fmt: skip
    up(one)
    assert "ghost" not in world.nodes


def test_a_node_that_only_bears_the_name_of_a_leaving_machine_stays() -> None:
    """What goes is decided by the machine's instance id, never by what a node calls itself."""
    world, recorded = World(), {"prod-pool-web": 2}
    one = session(FULL, world, recorded)
    up(one)
    world.nodes["prod-web-2"]["instance"] = "i-somebody-else"
    recorded["prod-pool-web"] = 1

    assert actions(one) == [("delete", "host/prod-web-2")]


def test_a_manager_that_would_move_is_refused() -> None:
    """Without a surge the guard would bar the move for ever, so it is refused before anything is touched."""
    world = World()
    up(session(cluster(), world))

    with pytest.raises(BootstrapError, match="managers would move") as caught:
        session(cluster(zones=("a", "b")), world).plan_up()

    assert caught.value.code == "manager_move"


def test_a_stack_goes_before_its_network() -> None:
    """Dropped in one edit, the stack is removed first."""
    world = World()
    up(session(FULL, world))

    bare = session(cluster(pool("web", Size(1, 6, 1))), world)
    up(bare)

    assert world.networks == {}
    assert world.stacks == {}


def test_a_lost_quorum_is_told_as_it_is() -> None:
    """Nobody answers: the managers are those published and those seated since, and who has joined is not called unjoined."""
    world = World()
    one = session(FULL, world)
    up(one)
    seats = {"i-1": {"node_id": "a"}, "i-2": {"node_id": "b"}, "i-3": {"node_id": "c"}, "i-4": {"node_id": None}}
    world.control = {**(world.control or {}), "managers": [{"node_id": "a"}], "seats": seats}
    world.quorum = False

    document = one.status()

    assert document["quorum"] == {"managers": 3, "reachable": 0, "needed": 2, "can_lose": 0}
    assert document["unjoined"] == []
    assert [problem["code"] for problem in document["problems"]] == ["no_quorum"]


def test_a_lost_control_object_is_not_no_cluster() -> None:
    """Machines without their control object: `status` does not call that "no cluster yet"."""
    world = World()
    one = session(FULL, world)
    up(one)
    world.control = None

    assert [problem["code"] for problem in one.status()["problems"]] == ["control_lost"]


def test_waiting_says_for_what() -> None:
    """Where nothing boots, for whom and why is told as soon as the leader had a moment, once."""
    world = World()
    one = session(FULL, world)
    up(one)
    world.nodes["prod-web-1"]["state"] = "down"
    clock = FakeClock()
    again = Session(FULL, FakeProvider(FULL, world), clock)
    heard = []
    for event in again.wait_healthy(60):
        if isinstance(event, Note):
            heard.append(event.text)
            assert clock.now() >= 3
            world.nodes["prod-web-1"]["state"] = "ready"
    assert heard == ["waiting: prod-web-1: its engine is down (node n-prod-web-1)"]


def test_a_machine_that_is_off_is_one_problem() -> None:
    """Its engine is down as well, which needs no telling."""
    world = World()
    one = session(FULL, world)
    up(one)
    stop(world, "prod-web-1")
    world.nodes["prod-web-1"]["state"] = "down"

    assert [problem["code"] for problem in one.status()["problems"]] == ["machine_stopped"]


def test_another_swarm_s_answer_is_no_answer() -> None:
    """A manager of a swarm that was not published steers nothing, and `status` says whom it was asked."""
    world = World()
    one = session(FULL, world)
    up(one)
    world.control = {**(world.control or {}), "swarm_id": "the-published-one"}

    document = one.status()

    assert [problem["code"] for problem in document["problems"]] == ["no_quorum"]
    assert "it is in another swarm (s1)" in document["problems"][0]["message"]


def test_a_cluster_that_is_going_is_not_healthy() -> None:
    """After a killed `down` the machines may all be well; the cluster is not."""
    world = World()
    one = session(FULL, world)
    up(one)
    one.retire()

    document = one.status()

    assert document["healthy"] is False
    assert [problem["code"] for problem in document["problems"]] == ["going"]


def test_what_a_killed_down_left_is_ended_by_down() -> None:
    """Each machine that it switched off says so too: `up` would only refuse."""
    world = World()
    one = session(FULL, world)
    up(one)
    one.retire()
    stop(world, "prod-web-1")

    assert {problem["fix"] for problem in one.status()["problems"]} == {"bootstrap down FILE"}


def test_a_forced_drain_is_told() -> None:
    """Tasks that did not end in time are killed with their node; the user hears of it."""
    world, recorded, told = World(), {"prod-pool-web": 2}, list[str]()
    one = Session(FULL, FakeProvider(FULL, world, recorded), FakeClock(), say=told.append)
    up(one)
    world.emptied = False
    recorded["prod-pool-web"] = 1

    up(one)

    assert len(told) == 1
    assert "prod-web-2" in told[0]


def test_up_refuses_while_a_down_is_half_done() -> None:
    """After an interrupted `down` nothing is made beside what is left; the mend is to end it."""
    world = World()
    one = session(FULL, world)
    up(one)
    one.retire()

    with pytest.raises(BootstrapError, match="did not end") as caught:
        one.plan_up()

    assert "bootstrap down" in caught.value.fix
    assert one.plan_down()


def test_a_stopped_machine_is_switched_on() -> None:
    """A machine that is off is an update in the plan and a problem in `status`."""
    world = World()
    one = session(FULL, world)
    up(one)
    stop(world, "prod-web-1")

    assert actions(one) == [("update", "host/prod-web-1")]
    assert ("machine_stopped", "prod-web-1") in {(p["code"], p["node"]) for p in one.status()["problems"]}


def test_a_manager_that_is_off_does_not_hide_the_others() -> None:
    """The next manager is asked when one does not answer."""
    world = World()
    one = session(FULL, world)
    up(one)
    stop(world, "prod-managers-a-1")

    assert one.status()["quorum"]["managers"] == 3


def test_no_cluster_yet() -> None:
    """Before the first `up`: no swarm id, no epoch, not healthy, every zone listed."""
    document = session(FULL).status()

    assert (document["swarm_id"], document["epoch"], document["healthy"]) == (None, None, False)
    assert [problem["code"] for problem in document["problems"]] == ["no_cluster"]
    assert document["zones"] == {zone: {"managers": 0, "workers": 0} for zone in "abc"}


def test_waiting_tells_each_step_once_and_ends() -> None:
    """Progress is told when it changes, not at each poll."""
    world = World()
    one = session(FULL, world)
    list(one.apply(one.plan_up()))
    list(one.apply(one.plan_up()))

    told = [event for event in one.wait_healthy(60) if isinstance(event, NodeProgress)]

    assert sorted(event.hostname for event in told) == sorted(world.machines)


def test_waiting_for_health_gives_up_with_the_reasons() -> None:
    """After the deadline the error carries every problem; nothing else is lost."""
    world = World()
    one = session(FULL, world)
    up(one)
    world.nodes["prod-web-1"]["state"] = "down"

    with pytest.raises(BootstrapError, match="prod-web-1: its engine is down"):
        list(itertools.islice(one.wait_healthy(5), 1000))


def stop(world: World, hostname: str) -> None:
    """Somebody pulls the plug."""
    from dataclasses import replace

    world.machines[hostname] = replace(world.machines[hostname], state="stopped", step="")


def problems(one: Session) -> set[Any]:
    """The problem codes of `status`."""
    return {problem["code"] for problem in one.status()["problems"]}


@pytest.mark.parametrize(
    ("hostname", "changed", "code"),
    [
        ("prod-web-1", {"state": "down"}, "node_not_ready"),
        ("prod-web-1", {"availability": "drain"}, "availability"),
        ("prod-web-1", {"instance": "i-gone", "state": "down"}, "ghost"),
        ("prod-web-1", {"instance": None}, "stranger"),
        ("prod-managers-b-1", {"reachability": "unreachable"}, "manager_unreachable"),
    ],
)
def test_each_thing_that_is_wrong_with_a_node_is_told(hostname: str, changed: dict[str, Any], code: str) -> None:
    """One problem per cause, with the node's name and a mend."""
    world = World()
    one = session(FULL, world)
    up(one)
    world.nodes[hostname].update(changed)

    document = one.status()

    assert document["healthy"] is False
    found = [problem for problem in document["problems"] if problem["code"] == code]
    assert [problem["node"] for problem in found] == [hostname]
    assert all(problem["fix"] for problem in found)


def test_a_drain_by_hand_that_is_held_is_healthy() -> None:
    """The label `bootstrap.hold` says that a person wants it so."""
    world = World()
    one = session(FULL, world)
    up(one)
    world.nodes["prod-web-1"].update(availability="drain", labels={"bootstrap.hold": ""})

    assert one.status()["healthy"] is True
    assert one.status()["nodes"][-1]["hold"] is True
