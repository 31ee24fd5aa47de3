"""What needs a manager waits for one to be elected, and only then."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from bootstrap.cli.nodes import find_node, refuse_unknown
from bootstrap.engine.hindrance import ELECTION
from bootstrap.engine.session import Session
from bootstrap.errors import BootstrapError
from tests.engine.formed import formed
from tests.fakes.provider import World


def electing(monkeypatch: pytest.MonkeyPatch, until: float) -> tuple[Session, World]:
    """A session over a cluster whose managers see no quorum until that time."""
    one, world = formed()
    whole = World.status

    def status(world: World, hostname: str) -> dict[str, Any]:
        said = whole(world, hostname)
        return said if one.clock.now() >= until else {**said, "swarm": None, "state": "active"}

    monkeypatch.setattr(World, "status", status)
    return one, world


def test_a_verb_waits_for_an_election(monkeypatch: pytest.MonkeyPatch) -> None:
    """A drain begun while a leader is elected is carried out by the new one."""
    one, _ = electing(monkeypatch, until=9.0)

    assert len(one.ask().nodes) == 3
    assert one.clock.now() >= 9.0


def test_a_name_is_looked_up_after_the_election(monkeypatch: pytest.MonkeyPatch) -> None:
    """While nobody answers no machine is called one that is no node of the swarm."""
    one, _ = electing(monkeypatch, until=9.0)

    assert find_node(one, "prod-managers-a-1")["hostname"] == "prod-managers-a-1"


def test_the_id_of_a_node_is_looked_up_after_the_election(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only a manager knows it: while none answers it is not called unknown."""
    one, _ = electing(monkeypatch, until=9.0)

    refuse_unknown(one, "n-prod-managers-a-1")

    assert one.clock.now() >= 9.0


def test_what_nobody_can_know_is_not_called_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a quorum that is the error; with one an unknown word is."""
    lost, _ = electing(monkeypatch, until=1000.0)
    with pytest.raises(BootstrapError) as caught:
        refuse_unknown(lost, "n-nobody")
    assert caught.value.code == "no_quorum"

    lost.clock.sleep(1000.0)
    with pytest.raises(BootstrapError) as caught:
        refuse_unknown(lost, "n-nobody")
    assert caught.value.code == "no_node"


def test_no_verb_waits_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    """An election that does not end is a lost quorum."""
    one, _ = electing(monkeypatch, until=1000.0)

    with pytest.raises(BootstrapError, match="no manager answers with a quorum"):
        one.ask()
    assert ELECTION <= one.clock.now() < ELECTION + 5


def test_without_a_majority_nobody_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """No election can end then: what to do is said at once."""
    one, world = electing(monkeypatch, until=1000.0)
    for name in ("prod-managers-a-1", "prod-managers-b-1"):
        world.machines[name] = replace(world.machines[name], state="stopped")
    began = one.clock.now()

    with pytest.raises(BootstrapError):
        one.ask()
    assert one.clock.now() == began


def test_nobody_waits_for_a_stopped_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    """No election brings it back: what is the matter is said at once."""
    one, _ = formed(managers=1)
    down = {"swarm": None, "state": "error", "problems": [{"code": "engine_down", "what": "refused"}]}
    monkeypatch.setattr(World, "status", lambda world, hostname: down)
    began = one.clock.now()

    with pytest.raises(BootstrapError, match="its engine is down"):
        one.ask()
    assert one.clock.now() == began


def test_status_waits_for_no_election(monkeypatch: pytest.MonkeyPatch) -> None:
    """It tells what is the case now."""
    one, _ = electing(monkeypatch, until=9.0)
    began = one.clock.now()

    assert [problem["code"] for problem in one.status()["problems"]] == ["no_quorum"]
    assert one.clock.now() == began
