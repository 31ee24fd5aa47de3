"""What every provider promises (docs/design: the engine relies on nothing else). One more provider: one more maker."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest

from bootstrap.engine.apply import apply
from bootstrap.engine.diff import diff
from bootstrap.errors import BootstrapError, FailedTogether, LockedError
from bootstrap.model.cluster import Cluster, Size
from bootstrap.model.resource import Plan
from bootstrap.providers.base import Instance, Provider
from bootstrap.providers.local.provider import LocalProvider
from tests.fakes.cluster import cluster, pool
from tests.fakes.provider import FakeProvider, World
from tests.providers.machine import Machine

WEB = pool("web", Size(1, 6, 3))
MADE = cluster(WEB, pool("db", 1))


@dataclass
class Subject:
    """One kind of provider: `open` gives that of an inventory, over one world; `fail` makes machines not start."""

    open: Callable[[Cluster], Provider]
    fail: Callable[[str, bool], None]
    kinds: frozenset[str]  # of what is compared here: what a test double leaves out is not asked for


def fake() -> Subject:
    """The provider of the engine's tests."""
    worlds: dict[str, tuple[World, dict[str, int]]] = {}

    def open_it(made: Cluster) -> Provider:
        world, sizes = worlds.setdefault(made.name, (World(), {}))
        return FakeProvider(made, world, sizes)

    def fail(name: str, on: bool) -> None:
        for world, _ in worlds.values():
            (world.no_boot.add if on else world.no_boot.discard)(name)

    return Subject(open_it, fail, frozenset({"host"}))


def local(machine: Machine) -> Subject:
    """Hosts on this machine, with switches in the place of real ones."""

    def fail(name: str, on: bool) -> None:
        (machine.no_boot.add if on else machine.no_boot.discard)(name)

    kinds = frozenset({"host", "group", "fabric", "control"})
    return Subject(lambda made: LocalProvider(made, lambda line: None), fail, kinds)


@pytest.fixture(params=["fake", "local"])
def subject(request: pytest.FixtureRequest, machine: Machine) -> Subject:
    """Each provider in turn."""
    return fake() if request.param == "fake" else local(machine)


def plan(one: Provider) -> Plan:
    """What `up` would do to machines."""
    surge = (one.control() or {}).get("surge")
    return diff("prod", one.desired(surge), one.existing(), one.outdated())


def up(one: Provider) -> None:
    """Carry it out."""
    list(apply(plan(one)))


def hosts(one: Provider) -> list[str]:
    """The machines' names."""
    return [machine.hostname for machine in one.instances()]


def named(one: Provider, hostname: str) -> Instance:
    """The machine of that name."""
    return next(machine for machine in one.instances() if machine.hostname == hostname)


def changes(one: Provider) -> set[tuple[str, str]]:
    """(action, hostname) of what `up` would do to machines."""
    return {
        (str(change.action), change.resource.name) for change in plan(one).changes if change.resource.kind == "host"
    }


def test_asking_changes_nothing(subject: Subject) -> None:
    """What should exist, what does, how large, who runs: asked before anything is made, nothing is made by it."""
    one = subject.open(MADE)

    first = plan(one)
    assert (one.instances(), one.control(), one.holder()) == ([], None, None)
    assert one.sizes() == {"managers": 3, "web": 3, "db": 1}
    assert list(one.events()) == []
    again = plan(one)

    assert [change.resource.key for change in again.changes] == [change.resource.key for change in first.changes]
    assert list(one.existing()) == []


def test_up_twice_is_an_empty_plan(subject: Subject) -> None:
    """What was made is what was wanted; each machine is there once, with a role, a pool, a zone and an address."""
    one = subject.open(MADE)
    up(one)

    assert not plan(one)
    assert len(one.instances()) == len({machine.id for machine in one.instances()}) == 7
    assert hosts(one) == sorted(hosts(one))
    for machine in one.instances():
        assert machine.state == "running"
        assert machine.zone in MADE.zones
        assert machine.address
    assert {machine.zone for machine in one.instances() if machine.pool == "managers"} == {"a", "b", "c"}


def test_a_dropped_pool_deletes_only_its_own(subject: Subject) -> None:
    """The file has one pool less: exactly its machines go."""
    up(subject.open(MADE))
    one = subject.open(cluster(WEB))

    assert changes(one) == {("delete", "prod-db-1")}
    up(one)
    assert "prod-db-1" not in hosts(one)
    assert len(hosts(one)) == 6


def test_a_failure_is_resumed(subject: Subject) -> None:
    """One machine does not start: the others are made, and the next run makes the rest and no duplicate."""
    one = subject.open(MADE)
    up(subject.open(cluster()))
    subject.fail("prod-web-2", True)
    with pytest.raises(FailedTogether):
        list(apply(plan(one)))
    subject.fail("prod-web-2", False)

    up(one)

    assert not plan(one)
    assert len(hosts(one)) == 7


def test_down_leaves_nothing(subject: Subject) -> None:
    """With nothing wanted everything of this cluster goes; once more there is nothing to do."""
    one = subject.open(MADE)
    up(one)

    one.retire()
    list(apply(diff("prod", [], one.existing())))

    assert one.instances() == []
    assert [found for found in one.existing() if found.kind in subject.kinds] == []


def test_two_clusters_do_not_see_each_other(subject: Subject) -> None:
    """`prod` beside `prod-eu`: each has its own machines, sizes and lock, and `down` of one leaves the other whole."""
    home, europe = subject.open(MADE), subject.open(replace(MADE, name="prod-eu"))
    up(home)
    list(apply(diff("prod-eu", europe.desired(), europe.existing())))

    assert not set(hosts(home)) & set(hosts(europe))
    with home.locked("up"):
        assert europe.holder() is None
    list(apply(diff("prod", [], home.existing())))
    assert len(hosts(europe)) == 7


def test_a_size_is_kept_by_its_group(subject: Subject) -> None:
    """An autoscaled pool's size is its own: set once, it stays, and no plan undoes it."""
    one = subject.open(MADE)
    up(one)

    one.set_size("web", 5)
    up(one)

    assert one.sizes()["web"] == 5
    assert sum("web" in name for name in hosts(one)) == 5
    assert not plan(one)


def test_a_machine_that_is_to_leave_is_made_anew(subject: Subject) -> None:
    """Marked, it is terminating and the plan replaces it; taken back, nothing was; carried out, another is there."""
    one = subject.open(MADE)
    up(one)
    before = named(one, "prod-web-2")

    one.leave(before, shrink=False)
    assert named(one, "prod-web-2").state == "terminating"
    assert changes(one) == {("replace", "prod-web-2")}
    one.stay(before)
    assert not plan(one)
    assert named(one, "prod-web-2").state == "running"

    one.leave(before, shrink=False)
    up(one)
    assert named(one, "prod-web-2").id != before.id
    assert named(one, "prod-web-2").state == "running"
    assert not plan(one)


@pytest.mark.parametrize("name", ["prod-web-1", "prod-web-2", "prod-web-3"])
def test_a_machine_that_leaves_for_good_takes_its_place_along(subject: Subject, name: str) -> None:
    """The group wants one less and the others keep their names; taken back, nothing was."""
    one = subject.open(MADE)
    up(one)

    one.leave(named(one, name), shrink=True)
    assert named(one, name).state == "terminating"
    assert changes(one) == {("delete", name)}
    one.stay(named(one, name))
    assert not plan(one)
    assert one.sizes()["web"] == 3

    one.leave(named(one, name), shrink=True)
    up(one)
    assert one.sizes()["web"] == 2
    assert name not in hosts(one)
    assert len(hosts(one)) == 6
    assert not plan(one)


def test_a_surge_is_one_manager_more_and_is_remembered(subject: Subject) -> None:
    """It stands in the control object, its zone has one manager more, and without it that one goes again."""
    one = subject.open(MADE)
    up(one)
    before = hosts(one)
    surge = {"instance": "i-1", "hostname": "prod-managers-b-1", "zone": "b", "since": "2026-01-01T00:00:00Z"}

    list(apply(diff("prod", one.desired(surge), one.existing())))

    assert (one.control() or {})["surge"] == surge
    (more,) = set(hosts(one)) - set(before)
    assert named(one, more).zone == "b"
    assert not plan(one)
    list(apply(diff("prod", one.desired(None), one.existing())))
    assert hosts(one) == before
    assert (one.control() or {})["surge"] is None


def test_the_lock_keeps_others_out_and_names_its_holder(subject: Subject) -> None:
    """One at a time; who is refused learns who works; looking is no taking; afterwards it is free."""
    one = subject.open(MADE)

    with one.locked("up") as mine:
        assert one.holder() == mine
        with pytest.raises(LockedError) as caught, subject.open(MADE).locked("down"):
            pass
    assert mine.who in str(caught.value)
    assert caught.value.exit_code == 4
    assert one.holder() is None
    with pytest.raises(BootstrapError) as refused:
        one.force_unlock(mine.id)
    assert refused.value.exit_code == 1


def test_the_trail_is_kept_with_the_cluster_and_never_made_for_itself(subject: Subject) -> None:
    """What was recorded is told in its order; where there is no cluster nothing is written."""
    one = subject.open(MADE)
    first, second = ({"time": f"2026-01-01T00:00:0{n}.000000Z", "id": f"{n}" * 8, "what": "up"} for n in (1, 2))
    if subject.kinds > {"host"}:  # the fake has a store from the beginning
        assert one.record(first) is False
        assert list(one.existing()) == []
    up(one)

    assert one.record(first) is True
    assert one.record(second) is True
    assert list(one.events()) == [first, second]


def test_the_upkeep_is_a_word_in_the_control_object(subject: Subject) -> None:
    """Off and on again; where there is no cluster it is refused."""
    one = subject.open(MADE)
    with pytest.raises(BootstrapError, match="no such cluster"):
        one.upkeep(False)
    up(one)

    one.upkeep(False)
    assert (one.control() or {})["reconcile"] is False
    assert not plan(one)
    one.upkeep(True)
    assert (one.control() or {})["reconcile"] is True
