"""The oracle must be able to fail: each promise is broken in a doctored history, and the whole one is left alone."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.chaos import oracle
from tests.chaos.history import Engine, Generation, History, Host, Sample, Seat

NAMES = {"a": "manager", "b": "manager", "c": "manager", "w": "worker"}
FIRST = 1000.0


def seat(name: str, **other: Any) -> Seat:
    """A ready node whose id is its host's name."""
    role = NAMES.get(name[0], "manager")
    member = role == "manager"
    return replace(Seat(name, role, "ready", member, member, leader=name == "a"), **other)


SEATS = tuple(seat(name) for name in NAMES)


def host(name: str, seats: tuple[Seat, ...] | None = SEATS, **other: Any) -> Host:
    """A host that is well."""
    mine = Engine("active", name, "swarm" if NAMES[name] == "manager" else "", seats if name != "w" else None)
    return replace(Host(name, f"i-{name}", NAMES[name], on=True, root="root", engine=mine), **other)


def sample(at: float, seats: tuple[Seat, ...] = SEATS, **other: Host) -> Sample:
    """All hosts at that second; those in `other` are told by hand."""
    return Sample(FIRST + at, tuple(other.get(name) or host(name, seats) for name in NAMES))


def control(**other: Any) -> dict[str, Any]:
    """A control object as far as the oracle reads it."""
    return {"uid": "u", "epoch": 1, "phase": "FORMED", "swarm_id": "swarm", "change": None, **other}


def history(*samples: Sample, generations: tuple[dict[str, Any], ...] = (control(),)) -> History:
    """Those samples, and a generation a second."""
    found = History(list(samples))
    found.generations = [Generation(n + 1, FIRST + n, one) for n, one in enumerate(generations)]
    return found


def without(name: str) -> tuple[Seat, ...]:
    """The list without that node."""
    return tuple(one for one in SEATS if one.id != name)


def bad(name: str) -> tuple[Seat, ...]:
    """The list with that node down."""
    return tuple(replace(one, state="down", reachable=False) if one.id == name else one for one in SEATS)


def words(found: History, **options: Any) -> str:
    """All that the oracle says."""
    return "\n".join(oracle.judge(found, **options))


def off(name: str) -> Host:
    """A host whose power is gone."""
    return host(name, on=False, engine=None, hurt=frozenset({"kill"}), root="")


def died(name: str, removed_at: int, lists: tuple[Seat, ...] | None = None) -> list[Sample]:
    """It is well for ten seconds, then off, and gone from the list at that second."""
    before = [sample(at) for at in range(10)]
    dying = [sample(at, lists or bad(name), **{name: off(name)}) for at in range(10, removed_at)]
    return [*before, *dying, sample(removed_at, without(name), **{name: off(name)})]


def test_a_quiet_history_is_well() -> None:
    """Nothing happened, nothing is said."""
    assert words(history(*(sample(at) for at in range(60)))) == ""


def test_a_dead_manager_may_be_removed() -> None:
    """Off for as long as it must be, and the two others are well."""
    assert words(history(*died("b", 40))) == ""


@pytest.mark.parametrize("name", ["b", "w"])
def test_no_live_node_is_ever_removed(name: str) -> None:
    """A node that was on, linked and active all the time went from the list."""
    gone = sample(20, without(name), **{name: host(name, without(name))})

    assert f"no_live_node_removed: removal of {name}" in words(history(*(sample(at) for at in range(20)), gone))


def test_a_demotion_of_a_live_manager_is_seen() -> None:
    """It is still in the list, but as a worker."""
    demoted = (*without("b"), seat("b", role="worker", member=False, reachable=False))

    told = words(history(*(sample(at) for at in range(20)), sample(20, demoted)))

    assert "no_live_node_removed: demotion of b" in told


def test_a_host_that_was_hurt_long_ago_is_live_again() -> None:
    """A fault excuses a removal for a minute, not for ever."""
    early = sample(0, b=host("b", hurt=frozenset({"pause"})))
    quiet = [sample(at) for at in range(1, 90)]

    told = words(history(early, *quiet, sample(90, without("b"), b=host("b", without("b")))))

    assert "no_live_node_removed: removal of b" in told


def test_a_node_that_the_list_had_as_ready_was_not_dead() -> None:
    """It was hurt for a moment, came back, and was removed although the swarm saw it as ready."""
    hurt = [sample(at, bad("b"), b=off("b")) for at in range(3)]
    back = [sample(at) for at in range(3, 30)]

    told = words(history(*hurt, *back, sample(30, without("b"), b=host("b", without("b")))))

    assert "dead_for_long_enough: removal of b" in told


def test_a_host_with_another_identity_is_not_that_node() -> None:
    """A wiped host joined anew: its old entry goes at once."""
    both, one = (*SEATS, seat("b2")), (*without("b"), seat("b2"))
    new = [replace(host("b"), engine=Engine("active", "b2", "swarm", seats)) for seats in (both, one)]
    before = [sample(at) for at in range(20)]
    after = [sample(at, both, b=new[0]) for at in range(20, 23)]

    assert words(history(*before, *after, sample(23, one, b=new[1]))) == ""


def test_seed_8_a_wiped_host_has_left_before_its_new_engine_answers() -> None:
    """A machine that the cloud says is gone may go at once: another instance stands there, and its engine still boots."""
    ready = [sample(at) for at in range(10)]
    gone = host("b", on=True, instance="i-another", engine=None, root="")
    wiped = [sample(10, b=gone), sample(11, without("b"), b=gone)]

    assert words(history(*ready, *wiped)) == ""


def test_an_orphan_of_one_node_is_not_the_swarm() -> None:
    """What a holder that lost its claim makes and wipes is no membership of anybody."""
    orphan = Engine("active", "b", "orphan", (seat("b"),))
    before = sample(0, without("b"), b=replace(host("b"), engine=orphan))

    assert before.truth("orphan") == (seat("b"),)
    assert before.truth("swarm") == without("b")


def test_what_is_not_wanted_may_go() -> None:
    """A scale-in removes a live worker."""
    doomed = host("w", doomed=True)

    assert words(history(*(sample(at, w=doomed) for at in range(20)), sample(20, without("w"), w=doomed))) == ""


def test_seed_20_what_was_scaled_away_between_two_samples_may_go() -> None:
    """`scale` takes machine and node within a second; a live node whose machine stays is another matter."""
    before = [sample(at) for at in range(20)]
    stays = sample(20, without("w"))
    gone = replace(stays, hosts=tuple(one for one in stays.hosts if one.hostname != "w"))

    assert words(history(*before, gone)) == ""
    assert "no_live_node_removed" in words(history(*before, stays))


def test_a_removal_that_costs_the_quorum_is_seen() -> None:
    """Of three, one is off; a second one is demoted: one of the two that stay is well, which is no majority."""
    seats = (seat("a"), seat("b", state="down", reachable=False), seat("c"), seat("w"))
    before = [sample(at, seats, b=off("b")) for at in range(30)]
    left = tuple(replace(one, role="worker", member=False) if one.id == "c" else one for one in seats)
    late = sample(30, left, c=host("c", None))  # b is back in that very second, and so bears the new list out

    assert "quorum_kept: demotion of c" in words(history(*before, late))


def test_two_swarms_under_one_name_are_seen() -> None:
    """P1: a second swarm id is published."""
    told = words(history(sample(0), generations=(control(), control(swarm_id="other"))))

    assert "one_swarm: generation 2 publishes other after swarm" in told


def test_a_cluster_that_goes_back_to_empty_is_seen() -> None:
    """P2: FORMED is never left by itself, and the epoch never falls."""
    told = words(history(sample(0), generations=(control(epoch=2), control(phase="EMPTY", swarm_id=None))))

    assert "goes from FORMED back to EMPTY" in told
    assert "the epoch falls in generation 2" in told


def test_an_init_after_the_swarm_was_published_is_seen() -> None:
    """P2: by what an agent said."""
    found = history(sample(0), sample(1))
    found.inits = [(FIRST - 1, "a"), (FIRST + 0.5, "b")]

    assert words(found) == "only_the_first_init: b made a swarm 0.5 s after one was published"


def test_a_second_ca_on_a_disk_is_seen() -> None:
    """P2: by what lies on the disks; where holders were hurt, their orphans are no finding."""
    found = history(sample(0), sample(1, b=host("b", root="strange")))

    assert "no_other_root: more than one CA" in words(found)
    assert words(found, holders_may_lose=True) == ""


def test_members_of_a_swarm_that_was_never_published_are_seen() -> None:
    """P1: two managers serve another swarm together."""
    strange = replace(host("b"), engine=Engine("active", "b", "other", SEATS))

    assert "one_swarm: b serves other with others" in words(history(sample(0, b=strange)), holders_may_lose=True)


def test_two_changes_at_once_are_seen() -> None:
    """P5: a lease is taken from a living one, and two managers are on their way out."""
    leases = (control(change={"id": "1"}), control(change={"id": "2"}))
    leaving = tuple(replace(one, role="worker") if one.id in ("b", "c") else one for one in SEATS)

    told = words(history(sample(0, leaving), generations=leases))

    assert "one_change_at_a_time: generation 2 takes the lease 2 from 1" in told
    assert "one_change_at_a_time: 2 managers leave at once" in told


def test_a_removal_that_nobody_recorded_is_seen() -> None:
    """P26: where there is an audit trail, what went from the list stands in it."""
    found = history(*died("b", 40))
    found.events = [{"what": "publish", "node": None, "detail": ""}]
    assert "every_change_is_recorded: removal of b" in words(found)

    found.events.append({"what": "remove", "node": "b", "detail": ""})
    assert words(found) == ""


def test_an_old_leaders_word_alone_is_not_the_truth() -> None:
    """A leader that was cut off shows an old list, and nobody bears it out."""
    alone = host("a", hurt=frozenset({"cut"}))
    together = sample(0, without("a"), a=alone)

    assert together.truth() == without("a")
    assert Sample(0, (alone, off("b"), off("c"))).truth() is None


def test_the_end_has_no_ghost_and_nobody_is_missing() -> None:
    """P12: each node is a host, each host is a ready node."""
    ghost = (*SEATS, seat("ghost", state="down", member=False))
    hosts = sample(0).hosts

    assert list(oracle.at_the_end(hosts, SEATS)) == []
    assert list(oracle.at_the_end(hosts, ghost)) == ["node ghost is no host's (down)", "node ghost is down"]
    assert list(oracle.at_the_end(hosts, without("w"))) == ["w is not in the list"]
    assert list(oracle.at_the_end(hosts, None)) == ["no list is borne out by a majority"]
    assert list(oracle.at_the_end((off("w"),), SEATS[:0])) == ["w is in no swarm"]
