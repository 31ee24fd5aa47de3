"""The rules of the control object, and compare-and-swap with read-back."""

from __future__ import annotations

from typing import Any

import pytest

from bootstrap.agent import control as rules
from bootstrap.agent.errors import Refused
from bootstrap.agent.store import ABSENT, Control, StoreUnavailable
from tests.agent.fakes import MemoryStore

MEMBER = {"instance": "i-1", "node_id": "n1", "address": "10.0.0.1"}
FACTS = {"swarm_id": "s1", "ca_digest": "d1", "secrets": {"worker": {"version": "1", "fp": "x"}}}


def empty(**changes: Any) -> Control:
    return {**rules.new("u1", "prod", managers_target=3, pools={}, timers={"stable": 10}), **changes}


def formed() -> Control:
    return rules.publish(rules.claim(empty(), "i-1", "b"), MEMBER, FACTS, 1)


@pytest.fixture
def store() -> MemoryStore:
    store = MemoryStore()
    store.swap(empty(), ABSENT)
    return store


def test_claim_bumps_the_epoch_once() -> None:
    """The first to claim holds epoch 1; asking again changes nothing; another is refused."""
    claimed = rules.claim(empty(), "i-1", "boot")
    assert (claimed["phase"], claimed["epoch"], claimed["holder"]) == (
        "CLAIMED",
        1,
        {"instance": "i-1", "boot": "boot"},
    )
    assert rules.claim(claimed, "i-1", "later boot") == claimed
    with pytest.raises(Refused):
        rules.claim(claimed, "i-2", "boot")


def test_takeover_is_for_the_claim_that_was_watched() -> None:
    """A claim that changed meanwhile is not taken over."""
    claimed = rules.claim(empty(), "i-1", "b")
    taken = rules.take_over(claimed, "i-2", "b", 1)
    assert (taken["epoch"], taken["holder"]["instance"]) == (2, "i-2")
    with pytest.raises(Refused):
        rules.take_over(taken, "i-3", "b", 1)


def test_publish_needs_the_claim_and_its_epoch() -> None:
    """After a takeover the first holder can never publish."""
    taken = rules.take_over(rules.claim(empty(), "i-1", "b"), "i-2", "b", 1)
    with pytest.raises(Refused):
        rules.publish(taken, MEMBER, FACTS, 1)
    again = rules.take_over(taken, "i-1", "b", 2)
    with pytest.raises(Refused):
        rules.publish(again, MEMBER, FACTS, 1)
    assert rules.publish(again, MEMBER, FACTS, 3)["phase"] == "FORMED"


def test_formed_is_for_good() -> None:
    """No function leads from FORMED back to a claim."""
    with pytest.raises(Refused):
        rules.claim(formed(), "i-2", "b")
    with pytest.raises(Refused):
        rules.take_over(formed(), "i-2", "b", 1)
    with pytest.raises(Refused):
        rules.publish(formed(), {**MEMBER, "instance": "i-2"}, {**FACTS, "swarm_id": "s2"}, 1)


def test_seats_end_at_the_target() -> None:
    """As many managers get a seat as are wanted, and nobody gets two."""
    control = formed()
    for name in ("i-2", "i-3", "i-3"):
        control = rules.take_seat(control, name, "10.0.0.9")
    assert set(control["seats"]) == {"i-1", "i-2", "i-3"}
    with pytest.raises(Refused, match="all 3 manager seats"):
        rules.take_seat(control, "i-4", "10.0.0.4")


def test_forget_frees_the_seat_and_leaves_a_note() -> None:
    """A removed node's seat is free, and its id is kept for the node itself to read."""
    control = rules.forget(formed(), "n1")
    assert (control["seats"], control["removed"]) == ({}, ["n1"])
    assert rules.forget(control, "n1") == control


def test_stale_seats_are_dropped_only_unchanged() -> None:
    """A seat that was filled meanwhile stays."""
    control = rules.take_seat(formed(), "i-2", "10.0.0.2")
    filled = rules.fill_seat(control, "i-2", "n2", "10.0.0.2")
    assert "i-2" not in rules.drop_seats(control, {"i-2": None})["seats"]
    assert "i-2" in rules.drop_seats(filled, {"i-2": None})["seats"]


def test_one_membership_change_at_a_time() -> None:
    """The lease is refused while another holds it, and only its holder gives it back."""
    mine = {"id": "a", "instance": "i-2", "node_id": "n2"}
    control = rules.begin_change(formed(), mine)
    with pytest.raises(Refused):
        rules.begin_change(control, {**mine, "id": "b"})
    assert rules.end_change(control, "b") == control
    assert rules.end_change(control, "a")["change"] is None


@pytest.mark.parametrize(
    ("old", "wanted"),
    [
        (formed(), {**formed(), "phase": "CLAIMED"}),
        (formed(), {**formed(), "swarm_id": "s2"}),
        (formed(), {**formed(), "epoch": 0}),
        (formed(), {**formed(), "uid": "u2"}),
        (rules.claim(empty(), "i-1", "b"), {**rules.claim(empty(), "i-2", "b")}),
        ({}, empty()),
    ],
)
def test_illegal_steps_are_refused(old: Control, wanted: Control) -> None:
    """The second wall: whatever made it, such an object is never written."""
    with pytest.raises(Refused):
        rules.check(old, wanted)


def test_reborn_with_another_uid() -> None:
    """Only a destroyed cluster becomes EMPTY with a new uid."""
    rules.check({**formed(), "phase": "DESTROYED"}, empty(uid="u2"))


@pytest.mark.parametrize("outcome", ["ok", "stale", "unknown_applied", "unknown_lost", "unavailable"])
def test_swap_ends_well_whatever_the_answer(store: MemoryStore, outcome: str) -> None:
    """A lost race or an unknown answer is settled by reading again: the claim is made exactly once."""
    store.outcomes.append(outcome)
    control, generation = rules.swap(store, lambda now: rules.claim(now, "i-1", "b"), "i-1")
    assert store.read() == (control, generation)
    assert (control["epoch"], control["updated_by"]) == (1, "i-1")


def test_swap_tells_the_loser(store: MemoryStore) -> None:
    """An unknown answer that was in truth lost to another is found out by reading, and refused."""
    rules.swap(store, lambda now: rules.claim(now, "i-2", "b"), "i-2")
    with pytest.raises(Refused):
        rules.swap(store, lambda now: rules.claim(now, "i-1", "b"), "i-1")


def test_swap_without_a_change_writes_nothing(store: MemoryStore) -> None:
    """A change that is done already costs no generation."""
    rules.swap(store, dict, "i-1")
    assert store.generation == 1


def test_swap_gives_up_when_nothing_gets_through(store: MemoryStore) -> None:
    """For ever unknown is unavailable, not success."""
    store.outcomes.extend(["unknown_lost"] * 50)
    with pytest.raises(StoreUnavailable):
        rules.swap(store, lambda now: rules.claim(now, "i-1", "b"), "i-1")


def test_only_an_instance_takes_its_own_seat() -> None:
    """What the leader sees makes none; it fills one that was taken from that address, and no filled one."""
    control = rules.take_seat(formed(), "i-2", "10.0.0.2")
    seen = [
        {"instance": "i-2", "node_id": "n2", "address": "10.0.0.2"},
        {"instance": "i-9", "node_id": "n9", "address": "x"},
    ]
    after = rules.refresh(control, seen, {})
    assert after["seats"]["i-2"]["node_id"] == "n2"
    assert "i-9" not in after["seats"]
    elsewhere = rules.refresh(control, [{**seen[0], "address": "10.0.0.7"}], {})
    assert elsewhere["seats"]["i-2"]["node_id"] is None
    assert rules.refresh(after, [{**seen[0], "node_id": "n3"}], {})["seats"]["i-2"]["node_id"] == "n2"


def test_a_removed_node_fills_no_seat() -> None:
    """A look from before its removal, acted on after it, changes nothing."""
    control = rules.forget(formed(), "n2")
    assert rules.fill_seat(control, "i-2", "n2", "10.0.0.2") == control
