from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from bootstrap import checkpoint
from bootstrap.engine.events import ChangeDone, Event, NodeProgress, Note
from bootstrap.engine.hindrance import ELECTION
from bootstrap.engine.progress import PATIENCE, REMIND, Progress
from bootstrap.engine.session import Session
from bootstrap.engine.switch import TIMES
from bootstrap.errors import BootstrapError
from bootstrap.model.cluster import Size
from bootstrap.providers.base import Fault
from tests.engine.formed import formed
from tests.fakes.clock import FakeClock
from tests.fakes.provider import World, node

PAUSED = Fault("paused", "its machine is paused", "bootstrap local resume FILE X", silent=True, alone=True)
CUT = Fault("cut off", "its machine is cut off the network", "bootstrap local heal FILE X", alone=True)
PARTED = Fault("parted", "the network is parted", "bootstrap local heal FILE X")


def waited(one: Session, seconds: float) -> tuple[list[str], BootstrapError | None]:
    """The notes of a wait for a quorum, and how it ended."""
    told: list[str] = []
    try:
        told.extend(event.text for event in one.wait_formed(seconds) if isinstance(event, Note))
    except BootstrapError as error:
        return told, error
    return told, None


def ended(one: Session, seconds: float = 600) -> tuple[BootstrapError, float]:
    """How a wait for health ended that cannot end well, and after how many seconds."""
    start = one.clock.now()
    with pytest.raises(BootstrapError) as caught:
        list(one.wait_healthy(seconds))
    return caught.value, one.clock.now() - start


def change(world: World, hostname: str, **changed: Any) -> None:
    """Another state of a machine."""
    world.machines[hostname] = replace(world.machines[hostname], **changed)


def after(one: Session, seconds: float, monkeypatch: pytest.MonkeyPatch, happens: Any) -> None:
    """Let something happen when that much time has gone by."""
    nap = FakeClock.sleep

    def sleep(clock: FakeClock, length: float) -> None:
        nap(clock, length)
        if clock is one.clock and clock.now() >= seconds:
            happens()

    monkeypatch.setattr(FakeClock, "sleep", sleep)


def test_a_cluster_that_lost_its_quorum_says_what_is_waited_for() -> None:
    """`up` waits in the hope that it heals; meanwhile it tells once what the managers say, and at the end where to look."""
    one, world = formed()
    world.quorum = False

    told, error = waited(one, 2 * PATIENCE)

    assert len(told) == 1
    assert "prod-managers-a-1, prod-managers-b-1, prod-managers-c-1: it sees no quorum" in told[0]
    assert error is not None
    assert "bootstrap status" in error.fix
    assert waited(one, PATIENCE / 2)[0] == [], "an election takes as long, and is no news"


def test_a_first_boot_is_told_by_its_steps_alone() -> None:
    """Before there was a cluster nobody can have lost a quorum."""
    one, world = formed()
    world.control = None

    told, error = waited(one, 2 * PATIENCE)

    assert told == []
    assert error is not None


def test_a_first_boot_that_takes_long_says_who_is_late() -> None:
    """Once it takes longer than a boot does, and again each minute, however many have joined meanwhile."""
    one, world = formed(web=Size.of(1))
    world.control = None
    change(world, "prod-managers-b-1", step="boot")
    change(world, "prod-web-1", step="engine")

    told, _ = waited(one, 2 * REMIND)

    late = "the cluster: not joined yet: prod-managers-b-1 (boot), prod-web-1 (engine)"
    assert told == [f"waiting: {late}", f"still waiting after 75 s: {late}"]


@pytest.mark.parametrize("fault", [PAUSED, CUT])
def test_what_was_done_to_a_worker_ends_the_wait_at_once(fault: Fault) -> None:
    """No waiting helps: the machine, the cause and the command that lifts it are told."""
    one, world = formed(web=Size.of(2))
    change(world, "prod-web-1", fault=fault)
    world.nodes["prod-web-1"]["state"] = "down"

    error, seconds = ended(one)

    assert seconds == 0
    assert f"prod-web-1: {fault.what}" in str(error)
    assert error.fix == f"`{fault.fix}`; then `bootstrap up FILE`"
    assert (error.code, error.exit_code) == ("unhealthy", 1)


def test_a_paused_machine_is_not_told_as_joined() -> None:
    """The step of a machine that does not get on is what was done to it."""
    one, world = formed(web=Size.of(2))
    change(world, "prod-web-1", fault=PAUSED)

    told = {}
    for event in wait_events(one):
        if isinstance(event, NodeProgress):
            told[event.hostname] = event.step

    assert (told["prod-web-1"], told["prod-web-2"]) == ("paused", "active")


def wait_events(one: Session) -> list[Event]:
    """What a wait for health tells that ends with an error."""
    found: list[Event] = []
    with pytest.raises(BootstrapError):
        found.extend(one.wait_healthy(600))
    return found


def test_what_is_under_way_is_waited_for_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that boots beside a paused one may come; then the wait ends, and no sooner."""
    one, world = formed(web=Size.of(2))
    change(world, "prod-web-1", fault=PAUSED)
    change(world, "prod-web-2", step="engine")
    late = world.nodes.pop("prod-web-2")
    after(one, 7, monkeypatch, lambda: world.nodes.update({"prod-web-2": late}))

    error, seconds = ended(one)

    assert seconds == 7
    assert "prod-web-2" not in str(error)


def test_a_paused_machine_that_never_joined_is_one_cause() -> None:
    """Its pool is short of it: that is no second reason to wait."""
    one, world = formed(web=Size.of(2))
    change(world, "prod-web-1", fault=PAUSED, step="boot")
    del world.nodes["prod-web-1"]

    error, seconds = ended(one)

    assert seconds == 0
    assert "resume" in error.fix


def test_a_cut_manager_takes_the_rest_with_it() -> None:
    """The only manager is cut off: that its workers look down follows from it, and no waiting mends them."""
    one, world = formed(1, web=Size.of(2))
    change(world, "prod-managers-a-1", fault=CUT)
    for name in ("prod-web-1", "prod-web-2"):
        world.nodes[name]["state"] = "down"

    error, seconds = ended(one)

    assert seconds == 0
    assert "prod-managers-a-1: its machine is cut off" in str(error)
    assert "prod-web" not in str(error)


def test_one_manager_of_three_that_is_cut_off_leaves_a_quorum_to_wait_for() -> None:
    """The others elect, and what they see is waited for: a worker that is not ready may become so."""
    one, world = formed(web=Size.of(1))
    change(world, "prod-managers-a-1", fault=CUT)
    world.nodes["prod-web-1"]["state"] = "down"

    assert ended(one, 60)[1] == 60


def test_a_ghost_is_waited_for_unless_the_upkeep_is_off() -> None:
    """The leader removes it: where it may not, the wait ends at once with the command that lets it."""
    one, world = formed(web=Size.of(2))
    world.nodes["old"] = {**world.nodes["prod-web-1"], "id": "old1", "instance": "i-gone", "state": "down"}
    assert ended(one, 60)[1] == 60

    one.upkeep(False)
    error, seconds = ended(one)

    assert seconds == 0
    assert "has no machine any more" in str(error)
    assert "upkeep is off" in str(error)
    assert error.fix == "`bootstrap reconcile FILE on`; then `bootstrap up FILE`"


def test_a_manager_without_a_seat_is_no_reason_to_wait_while_the_upkeep_is_off() -> None:
    """A wiped manager joins when the leader has cleared its old seat, which it does not do then."""
    one, world = formed()
    one.upkeep(False)
    change(world, "prod-managers-c-1", id="i-new", step="joining")
    world.nodes["prod-managers-c-1"] |= {"state": "down", "reachability": "unreachable"}

    error, seconds = ended(one)

    assert seconds == 0
    assert "bootstrap reconcile FILE on" in error.fix


def test_a_quorum_that_was_paused_away_is_told_at_once() -> None:
    """Two of three managers are paused: nobody can answer until one is let go on."""
    one, world = formed()
    world.quorum = False
    world.control = {**(world.control or {}), "managers": [{"node_id": one} for one in "abc"]}
    for name in ("prod-managers-a-1", "prod-managers-b-1"):
        change(world, name, fault=PAUSED)

    told, error = waited(one, 900)

    assert (told, one.clock.now()) == ([], 0)
    assert error is not None
    assert (error.code, error.where) == ("not_formed", "prod")
    assert "prod-managers-b-1: its machine is paused" in error.what
    assert "bootstrap local resume FILE X" in error.fix


def test_the_parts_of_a_network_may_elect_first() -> None:
    """Managers that are parted may be in the larger part: only when an election is over without a quorum it is in vain."""
    one, world = formed()
    world.quorum = False
    for name in list(world.machines):
        change(world, name, fault=PARTED)

    _, error = waited(one, 900)

    assert one.clock.now() == ELECTION
    assert error is not None
    assert "parted" in error.what


def test_an_election_has_its_time_however_long_health_was_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """The network is parted after a minute of waiting, and the larger part elects ten seconds later."""
    one, world = formed(web=Size.of(1))
    world.nodes["prod-web-1"]["state"] = "down"
    world.control = {**(world.control or {}), "managers": [{"node_id": one} for one in "abc"]}

    def happens() -> None:
        world.quorum = not 60 <= one.clock.now() < 70
        for name in list(world.machines):
            change(world, name, fault=None if world.quorum else PARTED)
        world.nodes["prod-web-1"]["state"] = "down" if one.clock.now() < 75 else "ready"

    after(one, 60, monkeypatch, happens)

    list(one.wait_healthy(600))
    assert one.clock.now() == 75


def test_a_pause_is_no_part_of_an_election(monkeypatch: pytest.MonkeyPatch) -> None:
    """A manager was paused for a minute before the network was parted: the two others have their time from then on."""
    one, world = formed()
    world.quorum = False
    world.control = {**(world.control or {}), "managers": [{"node_id": one} for one in "abc"]}
    change(world, "prod-managers-a-1", fault=PAUSED)

    def happens() -> None:
        for zone in "bc":
            change(world, f"prod-managers-{zone}-1", fault=PARTED)
        world.quorum = one.clock.now() >= 70

    after(one, 60, monkeypatch, happens)

    assert waited(one, 900)[1] is None
    assert one.clock.now() == 70


def test_a_boot_is_no_part_of_an_election(monkeypatch: pytest.MonkeyPatch) -> None:
    """Managers that are parted and boot have the time of an election from the end of their boot: then two of three elect."""
    one, world = formed()
    world.quorum = False
    for name in list(world.machines):
        change(world, name, fault=PARTED, step="engine")

    def booted() -> None:
        for name in list(world.machines):
            change(world, name, step="joining")

    def elected() -> None:
        world.quorum = one.clock.now() >= 40 + ELECTION / 2

    after(one, 40, monkeypatch, booted)
    after(one, 40, monkeypatch, elected)

    assert waited(one, 900)[1] is None
    assert one.clock.now() == 40 + ELECTION / 2


def test_a_long_wait_is_told_again_each_minute() -> None:
    """Who waits for the same for long is told so, and for whom."""
    one, world = formed(web=Size.of(2))
    for name in ("prod-web-1", "prod-web-2"):
        world.nodes[name]["state"] = "down"
    told = [event.text for event in wait_events(one) if isinstance(event, Note)]

    assert len(told) == 600 // REMIND
    assert told[0].startswith("waiting: prod-web-1: its engine is down")
    assert "prod-web-2: its engine is down" in told[0]
    assert told[1].startswith("still waiting after 63 s: prod-web-1")


def progress(*steps: str) -> list[str]:
    """What is told of a machine that is seen in these steps."""
    one = Progress(FakeClock())
    events = [event for step in steps for event in one.of({"prod-web-1": step})]
    return [event.text if isinstance(event, Note) else event.step for event in events]


def test_a_machine_that_boots_again_is_told_so() -> None:
    """Steps never run backwards without a word: after a power loss the next boot is told as one."""
    again = "prod-web-1: boots again"
    assert progress("boot", "joined", "boot", "joined") == ["boot", "joined", again, "boot", "joined"]
    assert progress("engine", "boot") == ["engine", again, "boot"]
    assert progress("active", "joining", "active") == ["active", again, "joining", "active"]


def test_a_node_in_service_does_not_go_back_to_joined() -> None:
    """Its leader is drained for a moment, or not heard of: that is no step of a boot. One that is down is told as down."""
    assert progress("joined", "active", "joined", "active") == ["joined", "active"]
    assert progress("active", "down", "active") == ["active", "down", "active"]
    assert progress("paused", "joined", "active") == ["paused", "joined", "active"]


def test_a_machine_that_boots_is_not_what_the_swarm_still_thinks() -> None:
    """Until it has joined again, its own step counts and not its old entry."""
    one, world = formed(web=Size.of(1))
    change(world, "prod-web-1", step="engine")
    world.nodes["prod-web-1"]["state"] = "down"

    told = [event.step for event in wait_events(one) if isinstance(event, NodeProgress) and "web" in event.hostname]

    assert told == ["engine"]


def test_a_wait_has_its_checkpoints() -> None:
    """A test can end a run that waits for a quorum, or for health."""
    reached: list[str] = []
    one, world = formed()
    checkpoint.watch(reached.append)
    try:
        list(one.wait_formed(5))
        world.nodes["prod-managers-a-1"] = node(world.machines["prod-managers-a-1"], leader=True)
        list(one.wait_healthy(5))
    finally:
        checkpoint.watch(None)

    assert reached == ["wait.quorum", "wait.health"]


def test_a_machine_that_goes_off_while_it_is_waited_for_is_switched_on() -> None:
    """`up` looked before its power failed: the wait switches it on again, and ends well."""
    one, world = formed(web=Size.of(2))
    change(world, "prod-web-1", state="stopped", step="")
    world.nodes["prod-web-1"]["state"] = "down"

    told = list(one.wait_healthy(60))

    assert one.status()["healthy"]
    assert one.clock.now() <= PATIENCE
    assert [event.change.resource.name for event in told if isinstance(event, ChangeDone)] == ["prod-web-1"]


def test_managers_that_go_off_while_a_quorum_is_waited_for_are_switched_on() -> None:
    """Likewise, where nobody is left to answer."""
    one, world = formed()
    for zone in "abc":
        change(world, f"prod-managers-{zone}-1", state="stopped", step="")

    list(one.wait_formed(60))

    assert one.clock.now() <= PATIENCE


def test_a_machine_that_reboots_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is off for a moment as well."""
    one, world = formed(web=Size.of(2))
    made = world.made
    change(world, "prod-web-1", state="stopped", step="")
    after(one, 2, monkeypatch, lambda: change(world, "prod-web-1", state="running", step="joined"))

    told = list(one.wait_healthy(60))

    assert world.made == made
    assert not [event for event in told if isinstance(event, ChangeDone)]


def test_a_machine_that_does_not_stay_on_is_not_switched_on_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    """Something is wrong with it that a boot does not mend; the wait ends as any other."""
    one, world = formed(web=Size.of(2))
    made = world.made
    after(one, 0, monkeypatch, lambda: change(world, "prod-web-1", state="stopped", step=""))
    change(world, "prod-web-1", state="stopped", step="")
    world.nodes["prod-web-1"]["state"] = "down"

    error, seconds = ended(one, 120)

    assert error.code == "unhealthy"
    assert seconds >= 120
    assert world.made - made == TIMES


def test_who_only_looks_on_switches_nothing_on() -> None:
    """`scale` waits a moment for what follows from it by itself; other machines stay as somebody left them."""
    one, world = formed(web=Size.of(2))
    change(world, "prod-web-1", state="stopped", step="")

    with pytest.raises(BootstrapError):
        list(one.wait_healthy(15, mend=False))

    assert world.machines["prod-web-1"].state == "stopped"
