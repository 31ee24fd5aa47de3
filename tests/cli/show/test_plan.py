from __future__ import annotations

import json
from dataclasses import dataclass
from typing import ClassVar

import click

from bootstrap.cli.show import plan as plans
from bootstrap.cli.show.values import cut, plain, short
from bootstrap.model.cluster import Availability
from bootstrap.model.resource import Action, Change, FieldChange, Plan
from bootstrap.model.secret import Secret
from tests.cli.fake_session import Thing, World

WORLD = World()


def drawn(plan: Plan, *, every: bool = False) -> str:
    return click.unstyle(plans.text(plan, every=every))


def creates(count: int) -> Plan:
    fields = (FieldChange("image", None, "debian-13"),)
    hosts = [Thing(f"prod-web-{number}", world=WORLD) for number in range(count)]
    return Plan("prod", tuple(Change(Action.CREATE, host, None, fields) for host in hosts))


def test_long_lists_are_cut() -> None:
    """Of many alike some are named and the rest counted; -v names all and shows the fields."""
    text = drawn(creates(40))

    assert "  + host (40)" in text
    assert "and 28 more" in text
    assert "image" not in text
    assert "prod-web-39\n" in drawn(creates(40), every=True)
    assert "image: debian-13" in drawn(creates(40), every=True)


def test_few_have_a_line_each() -> None:
    """Up to three stand alone."""
    assert drawn(creates(2)) == "  + host prod-web-0\n  + host prod-web-1\n\nprod: 2 to create"


def test_the_same_change_of_many_is_told_once() -> None:
    """Updates are alike only when their fields are."""
    fields = (FieldChange("labels", {"a": "1", "b": "2"}, {"a": "1", "b": "3"}),)
    hosts = [Thing(f"prod-web-{number}", world=WORLD) for number in range(5)]
    alike = tuple(Change(Action.UPDATE, host, host, fields) for host in hosts)
    other = Change(Action.UPDATE, hosts[0], hosts[0], (FieldChange("engine", "1", "2"),))
    text = drawn(Plan("prod", (*alike, other)))

    assert text.count("labels.b: 2 -> 3") == 1
    assert "  ~ host (5)" in text
    assert "engine: 1 -> 2" in text


def test_every_value_is_json() -> None:
    """Whatever a resource holds becomes JSON; a secret becomes its fingerprint."""
    value = {
        "set": frozenset({"b", "a"}), "word": Availability.DRAIN, "thing": {"x": (1, None, True)},
        "bytes": b"abc", "secret": Secret("SWMTKN-1-x"), 1: object,
    }  # fmt: skip
    found = json.loads(json.dumps(plain(value)))

    assert found["set"] == ["a", "b"]
    assert found["word"] == "drain"
    assert found["thing"] == {"x": [1, None, True]}
    assert found["bytes"] == "<3 bytes>"
    assert found["secret"].startswith("<secret fp=")


def test_values_are_short() -> None:
    """One line of few characters; both ends are kept."""
    assert short(None) == "(unset)"
    assert short("") == '""'
    assert short("a\nb\n") == "<2 lines>"
    assert short(["a"]) == '["a"]'
    assert len(short("x" * 300)) == 48
    assert cut("prod-managers-ap-northeast-2a-1", 16) == "prod-ma..st-2a-1"


def test_nested_mappings_are_told_by_their_leaves() -> None:
    """However deep: only what differs, by its dotted name; a mapping that comes or goes too; an empty one as itself."""
    old = {"web": {"labels": {"tier": "web"}, "availability": "active"}, "old": {"labels": {}, "size": 1}}
    new = {"web": {"labels": {"tier": "front"}, "availability": "active"}}
    host = Thing("prod", world=WORLD)
    fields = (FieldChange("pools", old, new), FieldChange("timers", None, {}))
    lines = [line.strip() for line in drawn(Plan("prod", (Change(Action.UPDATE, host, host, fields),))).splitlines()]

    assert lines[1:4] == [
        "pools.old.size: 1 -> (unset)", "pools.web.labels.tier: web -> front", "timers: (unset) -> {}",
    ]  # fmt: skip


@dataclass(frozen=True)
class Digested(Thing):
    """A thing of whose settings only a digest is kept."""

    digests: ClassVar[frozenset[str]] = frozenset({"settings"})


def test_of_a_digest_is_told_that_it_changed() -> None:
    """Two digests say nothing to people; what is known beside them has its keys and values. JSON has the digests."""
    host = Digested("prod-pool-web", world=WORLD)
    known = FieldChange("settings.daemon", {"debug": True}, {"debug": True, "log-driver": "local"})
    fields = (FieldChange("settings", "9f86d081884c7d65", "60303ae22b998861"), known)
    made = Change(Action.CREATE, host, None, (FieldChange("settings", None, "60303ae22b998861"),))
    update = Plan("prod", (Change(Action.UPDATE, host, host, fields),))

    told = "        settings: changed\n        settings.daemon.log-driver: (unset) -> local\n"
    assert drawn(update) == f"  ~ host prod-pool-web\n{told}\nprod: 1 to update"
    assert drawn(Plan("prod", (made,)), every=True) == "  + host prod-pool-web\n\nprod: 1 to create"
    assert plans.document(update)["changes"][0]["fields"][0]["new"] == "60303ae22b998861"


def test_notes_stand_below() -> None:
    """As in `status`: the node where there is one, the sentence, and the mend."""
    off = {"code": "reconcile_off", "node": None, "message": "it is paused", "fix": "bootstrap reconcile FILE on"}
    other = {"code": "replacing", "node": "m1", "message": "it is being replaced", "fix": "bootstrap up FILE"}
    plan = Plan("prod", notes=(off, other))

    assert drawn(plan).splitlines() == [
        "prod: no changes",
        "  i it is paused", "      bootstrap reconcile FILE on",
        "  i m1: it is being replaced", "      bootstrap up FILE",
    ]  # fmt: skip
    assert plans.document(plan)["notes"] == [off, other]
