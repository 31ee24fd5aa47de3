from __future__ import annotations

import xml.etree.ElementTree as ET
from typing import Any

import click
import pytest

from bootstrap.cli.show.graph.picture import Level, Picture, as_json, picture
from bootstrap.cli.show.graph.svg import svg
from bootstrap.cli.show.graph.terminal import PLAIN, text
from bootstrap.model.cluster import Role
from bootstrap.providers.base import Fault, Instance


def node(name: str, zone: str, number: int, **changed: Any) -> dict[str, Any]:
    pool = name.rsplit("-", 1)[0] if name.startswith("web") else "managers"
    manager = pool == "managers"
    return {
        "id": f"n{number}", "hostname": f"prod-{name}", "role": "manager" if manager else "worker", "pool": pool,
        "zone": zone, "instance": f"i-{number}", "address": f"10.91.0.{number}", "state": "ready", "leader": number == 1,
        "availability": "active", "reachability": "reachable" if manager else None, "engine": "26.1.5", "labels": {},
        "hold": False, "machine": "running", **changed,
    }  # fmt: skip


def machine(name: str, zone: str, number: int, **changed: Any) -> Instance:
    role, pool = (Role.WORKER, "web") if name.startswith("web") else (Role.MANAGER, "managers")
    facts = {"state": "running", "age": 9.0, "step": "joined", **changed}
    return Instance(f"i-{number}", f"prod-{name}", role, pool, zone, f"10.91.0.{number}", **facts)


def drawn(nodes: list[dict[str, Any]], *machines: Instance, problems: tuple[dict[str, Any], ...] = ()) -> Picture:
    managers = [one for one in nodes if one["role"] == "manager"]
    reachable = sum(one["reachability"] == "reachable" for one in managers)
    needed = (len(managers) or 3) // 2 + 1
    quorum = {"managers": len(managers) or 3, "reachable": reachable, "needed": needed,
              "can_lose": max(0, reachable - needed)}  # fmt: skip
    document = {"cluster": "prod", "swarm_id": "s1", "healthy": not problems, "problems": list(problems), "nodes": nodes,
                "quorum": quorum, "zones": {zone: {} for zone in "abc"}}  # fmt: skip
    return picture(document, machines, {"managers": 3, "web": 2})


MANAGERS = [node(f"managers-{zone}-1", zone, number) for number, zone in enumerate("abc", 1)]
WHOLE = [*MANAGERS, node("web-1", "a", 4), node("web-2", "b", 5)]


def test_zones_are_columns_and_the_leader_stands_out() -> None:
    """Each node is in its zone's box; the leader has a star; the margin of the quorum is told."""
    lines = click.unstyle(text(drawn(WHOLE), 120)).splitlines()

    assert [word in lines[2] for word in ("zone a", "zone b", "zone c")] == [True] * 3
    row = next(line for line in lines if "managers-a-1" in line)
    assert row.index("managers-a-1") < row.index("managers-b-1") < row.index("managers-c-1")
    assert [line for line in lines if "★" in line] == [row]
    assert "quorum ■■■  3 of 3 managers reachable, 2 needed: can lose 1" in lines
    assert "pools  managers 3 of 3, web 2 of 2" in lines


@pytest.mark.parametrize("room", [40, 60, 80, 120])
def test_it_fits_the_screen(room: int) -> None:
    """No line is wider than the screen; boxes that do not fit stand below; every node is there."""
    shown = click.unstyle(text(drawn(WHOLE), room, PLAIN))

    assert max(len(line) for line in shown.splitlines() if line.startswith(("+", "|"))) <= room
    assert all(f"web-{number}" in shown for number in (1, 2))
    assert shown.isascii()


def test_colours_of_the_terminal_are_none_of_the_picture() -> None:
    """The words of a headline are coloured for a screen; the file has them plain."""
    assert "<title>prod: healthy: 3 managers" in svg(drawn(WHOLE))


TROUBLES = [
    (node("web-1", "a", 4, state="down"), None, "down", Level.BAD),
    (node("web-1", "a", 4, state="unknown"), None, "unknown", Level.WARN),
    (node("managers-c-1", "c", 3, reachability="unreachable"), None, "unreachable", Level.BAD),
    (node("web-1", "a", 4, instance=None, state="down"), None, "ghost", Level.BAD),
    (node("web-1", "a", 4, instance=None), None, "stranger", Level.WARN),
    (node("web-1", "a", 4, availability="drain", hold=True), None, "held", Level.REST),
    (node("web-1", "a", 4, availability="pause"), None, "paused", Level.REST),
    (node("web-1", "a", 4), machine("web-1", "a", 4, state="stopped"), "off", Level.BAD),
    (node("web-1", "a", 4), machine("web-1", "a", 4, fault=Fault("cut off", "it is", "heal")), "cut off", Level.BAD),
]


@pytest.mark.parametrize(("one", "host", "word", "level"), TROUBLES, ids=[one[2] for one in TROUBLES])
def test_trouble_is_shown_by_word_and_sign(one: Any, host: Instance | None, word: str, level: Level) -> None:
    """A cluster in trouble shows it: each state has a word, a sign and a colour of its own level."""
    others = [node for node in WHOLE if node["id"] != one["id"]]
    found = drawn([*others, one], *([host] if host else []))

    cards = {card["name"]: card for card in as_json(found, None)["cards"]}
    assert (cards[one["hostname"].removeprefix("prod-")]["state"], cards[one["hostname"][5:]]["level"]) == (word, level)
    assert word in text(found, 120)
    assert f'class="small {level}" font-weight="600">{word}<' in svg(found)


def test_a_card_has_words_and_no_codes() -> None:
    """The code of a problem is for scripts: a node that waits to be activated is drained, an ailing manager ails."""
    problems = tuple({"node": f"prod-{name}", "code": code, "message": "", "fix": ""}
                     for name, code in (("web-1", "availability"), ("managers-b-1", "manager_ailing")))  # fmt: skip
    nodes = [*MANAGERS, node("web-1", "a", 4, availability="drain"), WHOLE[4]]
    cards = {card["name"]: card for card in as_json(drawn(nodes, problems=problems), None)["cards"]}

    assert {name: (cards[name]["state"], cards[name]["level"]) for name in ("web-1", "managers-b-1")} == {
        "web-1": ("drained", "warn"),
        "managers-b-1": ("ailing", "warn"),
    }


def test_a_lost_quorum_is_drawn_from_the_machines() -> None:
    """While nobody answers the machines stand there all the same: off, or running and not seen."""
    found = drawn([], machine("managers-a-1", "a", 1, state="stopped"), machine("managers-b-1", "b", 2),
                  problems=({"node": None, "message": "no manager answers", "fix": "", "code": "no_quorum"},))  # fmt: skip
    shown = text(found, 120)

    assert "off" in shown
    assert "not seen" in shown
    assert "quorum ???  not seen, as no manager answers: 2 of 3 managers are needed" in click.unstyle(shown)
    assert "managers ? of 3, web ? of 2" in shown
    assert "reachable" not in shown, "nobody told who is"
    assert svg(found).count('class="unseen"') == 3
    assert found.level is Level.BAD


def test_a_manager_that_answers_tells_a_quorum_that_is_lost() -> None:
    """Where nodes were seen, how many managers are reachable is known."""
    nodes = [MANAGERS[0], *(node(f"managers-{zone}-1", zone, number, reachability="unreachable")
                            for number, zone in enumerate("bc", 2))]  # fmt: skip
    assert "1 of 3 managers reachable, 2 needed: the quorum is lost" in text(drawn(nodes), 120)


def test_machines_that_boot_are_there() -> None:
    """A machine that is no node yet stands in its zone with how far it is."""
    cards = as_json(drawn(WHOLE, machine("web-3", "c", 9, step="engine")), None)["cards"]

    assert {
        "name": "web-3",
        "pool": "web",
        "zone": "c",
        "state": "starts engine",
        "level": "warn",
        "leader": False,
    } in cards


def test_the_svg_is_one_whole_file() -> None:
    """It is XML, has a title, needs nothing from elsewhere, and holds what is hostile in names as text."""
    evil = node("web-1", "a", 4, hostname='prod-<script>&"{x}')
    problem = {"node": None, "message": 'a <b> & {y} "c"', "fix": "", "code": "drift"}
    drawing = svg(drawn([*WHOLE[:3], evil], problems=(problem,)))
    tree = ET.fromstring(drawing)

    words = " ".join(one for one in tree.itertext())
    assert '<script>&"{x}' in words
    assert 'a <b> & {y} "c"' in words
    assert tree.find("{http://www.w3.org/2000/svg}title") is not None
    assert not [part for part in ("href", "url(", "@import", "@font-face", "<image") if part in drawing]


def test_fifty_nodes_have_room() -> None:
    """No two cards lie on each other, and none leaves the picture."""
    many = [node(f"web-{number}", "abc"[number % 3], number) for number in range(10, 57)]
    tree = ET.fromstring(svg(drawn([*MANAGERS, *many])))
    wide, high = int(tree.attrib["width"]), int(tree.attrib["height"])
    places = [one.attrib["transform"] for one in tree.iter("{http://www.w3.org/2000/svg}g")
              if one.find("{http://www.w3.org/2000/svg}title") is not None]  # fmt: skip

    corners = [tuple(int(part) for part in place[len("translate(") : -1].split()) for place in places]
    assert len(set(corners)) == len(corners) == 50
    assert max(x for x, _ in corners) + 208 <= wide
    assert max(y for _, y in corners) + 44 <= high
