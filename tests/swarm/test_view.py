from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

import pytest

from bootstrap.errors import BootstrapError
from bootstrap.remote.agent import Agent
from bootstrap.remote.runner import CommandFailed, Result
from bootstrap.swarm.view import first_answer


@dataclass(frozen=True)
class Says:
    """A runner on which every command prints the same."""

    stdout: str
    code: int = 0
    stderr: str = ""

    def run(self, argv: Sequence[str], *, stdin: str = "", timeout: float = 60.0) -> Result:
        return Result(self.code, self.stdout, self.stderr)


def test_the_first_manager_with_a_quorum_is_asked() -> None:
    """One that fails and one without a quorum are passed over."""
    agents = [
        Agent(Says("", 1, "no such file"), "m1"),
        Agent(Says('{"swarm": null}'), "m2"),
        Agent(Says('{"swarm": {"nodes": [], "networks": [], "stacks": []}}'), "m3"),
    ]

    view = first_answer(agents)

    assert view is not None
    assert view.agent.where == "m3"


def test_nobody_answers() -> None:
    """Silence is no answer."""
    assert first_answer([Agent(Says("", 1), "m1")]) is None


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
