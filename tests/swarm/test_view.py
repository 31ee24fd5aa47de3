from __future__ import annotations

import json
import threading
from collections.abc import Sequence
from dataclasses import dataclass

import pytest

from bootstrap.errors import BootstrapError
from bootstrap.remote.agent import Agent
from bootstrap.remote.runner import CommandFailed, Result
from bootstrap.swarm.view import Silence, View, first_answer


@dataclass(frozen=True)
class Says:
    """A runner on which every command prints the same."""

    stdout: str
    code: int = 0
    stderr: str = ""

    def run(self, argv: Sequence[str], *, stdin: str = "", timeout: float = 60.0) -> Result:
        return Result(self.code, self.stdout, self.stderr)


class Frozen:
    """A runner that answers when it is thawed."""

    def __init__(self) -> None:
        self.thaw = threading.Event()

    def run(self, argv: Sequence[str], *, stdin: str = "", timeout: float = 60.0) -> Result:
        self.thaw.wait(10)
        return Result(1)


def test_the_first_manager_with_a_quorum_is_asked() -> None:
    """One that fails and one without a quorum are passed over."""
    agents = [
        Agent(Says("", 1, "no such file"), "m1"),
        Agent(Says('{"swarm": null}'), "m2"),
        Agent(Says('{"swarm": {"id": "s1", "nodes": [], "networks": [], "stacks": []}}'), "m3"),
    ]

    view = first_answer(agents, swarm_id="s1")

    assert isinstance(view, View)
    assert view.agent.where == "m3"


def test_nobody_answers() -> None:
    """Silence is no answer; what each manager said instead is kept."""
    silence = first_answer([Agent(Says("", 1, "no such file"), "m1")], swarm_id=None)

    assert isinstance(silence, Silence)
    assert "no such file" in silence.reasons["m1"]


def test_an_engine_in_error_is_told_without_holes() -> None:
    """An engine that says nothing more leaves no empty message behind; managers that say the same are told together."""
    problem = {"code": "not_joined", "what": "wait: the engine's swarm is in error: ", "fix": "restart it"}
    says = Says(json.dumps({"swarm": None, "state": "error", "problems": [problem]}))

    silence = first_answer([Agent(says, "m1"), Agent(says, "m2")], swarm_id="s1")

    assert isinstance(silence, Silence)
    assert silence.broken == {"m1", "m2"}
    assert str(silence) == (
        "m1, m2: it sees no quorum (its engine: error; wait: the engine's swarm is in error: restart it)"
    )


def test_a_frozen_manager_does_not_hold_up_the_answer() -> None:
    """When one takes its time, the next is asked as well, and its answer is taken."""
    frozen, free = Frozen(), Says('{"swarm": {"id": "s1", "nodes": [], "networks": [], "stacks": []}}')

    view = first_answer([Agent(frozen, "m1"), Agent(free, "m2")], swarm_id="s1", patience=0.01)
    frozen.thaw.set()

    assert isinstance(view, View)
    assert view.agent.where == "m2"


def test_the_agent_s_own_error_is_passed_on() -> None:
    """What happened, where and what to do, in the agent's words."""
    error = {"error": {"code": "guard", "what": "quorum could be lost", "where": "m2", "fix": "wait"}}

    with pytest.raises(BootstrapError) as caught:
        Agent(Says(json.dumps(error), 1), "m1").call("remove", "x")

    assert (caught.value.code, caught.value.where, caught.value.fix) == ("guard", "m2", "wait")
    assert str(caught.value) == "m2: quorum could be lost"


def test_an_agent_that_prints_nonsense_is_a_failed_command() -> None:
    """The last lines of what it said are the message."""
    with pytest.raises(CommandFailed, match="Traceback here"):
        Agent(Says("garbage", 1, "x\nTraceback here"), "m1").call("status")
