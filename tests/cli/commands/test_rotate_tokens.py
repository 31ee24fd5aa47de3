from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result as Ended

from bootstrap.remote.agent import Agent
from bootstrap.remote.runner import Result
from bootstrap.swarm.view import View
from tests.cli.conftest import document
from tests.cli.fake_session import FakeRunner, FakeSession, World

Invoke = Callable[..., Ended]


@pytest.fixture(autouse=True)
def manager(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """One manager that answers as the world says."""
    agent = Agent(FakeRunner(world, "m1"), "m1")
    monkeypatch.setattr(FakeSession, "ask", lambda _: View({"swarm": {}}, agent), raising=False)
    says(world, rotated=["worker", "manager"], published_version=3)


def says(world: World, code: int = 0, **answer: object) -> None:
    world.answers["m1"] = Result(code, json.dumps(answer))


def asked(world: World) -> str:
    """The words of the one call to the agent."""
    (line,) = (line for line in world.log if line.startswith("run m1"))
    return line


def test_json_tells_roles_and_version_only(invoke: Invoke, world: World, file: Path) -> None:
    """What the contract says; more that an agent may answer does not come out."""
    says(world, rotated=["worker"], published_version=3, token="SWMTKN-1-x")
    assert document(invoke("rotate-tokens", file, "-o", "json")) == {"rotated": ["worker"], "published_version": 3}


def test_the_agent_is_asked_for_roles_and_age(invoke: Invoke, world: World, file: Path) -> None:
    """The role and the age in seconds go to a manager; no lock is taken, and nobody is asked."""
    result = invoke("rotate-tokens", file, "--role", "manager", "--if-older-than", "2d")
    assert result.exit_code == 0
    assert "'rotate', '--role', 'manager', '--if-older-than', '172800', '--json'" in asked(world)
    assert not [line for line in world.log if line.startswith("lock")]


def test_who_asked_stands_in_the_trail(invoke: Invoke, world: World, file: Path) -> None:
    """Under the person's name, beside what the agent writes; where nothing was old enough, nothing was done."""
    invoke("rotate-tokens", file)
    invoke("rotate-tokens", file, "--role", "worker")
    says(world, rotated=[], published_version=3)
    invoke("rotate-tokens", file, "--if-older-than", "2d")

    assert world.trail == [
        {"who": "me@here", "what": "rotate-tokens", "outcome": "done"},
        {"who": "me@here", "what": "rotate-tokens --role worker", "outcome": "done"},
    ]


@pytest.mark.parametrize(
    ("rotated", "text"),
    [
        (["worker", "manager"], "rotated the join tokens of worker and manager: version 3\n"),
        (["worker"], "rotated the join token of worker: version 3\n"),
        ([], "nothing is old enough: version 3 stays\n"),
    ],
)
def test_text(invoke: Invoke, world: World, file: Path, rotated: list[str], text: str) -> None:
    """One line that says what was done."""
    says(world, rotated=rotated, published_version=3)
    assert invoke("rotate-tokens", file).stdout == text


def test_quiet_is_silent(invoke: Invoke, file: Path) -> None:
    """From cron: not a word when all is well, so that no mail is sent."""
    result = invoke("-q", "rotate-tokens", file)
    assert (result.exit_code, result.output) == (0, "")


def test_what_the_agent_refuses_is_exit_1(invoke: Invoke, world: World, file: Path) -> None:
    """In its own words, on stderr also with -q."""
    says(world, 1, error={"code": "engine_no_quorum", "what": "no leader", "where": "m1", "fix": "bring them back"})
    result = invoke("-q", "rotate-tokens", file)
    assert result.exit_code == 1
    assert "no leader" in result.stderr


def test_usage(invoke: Invoke, file: Path) -> None:
    """A role or an age that does not exist is exit 2."""
    assert invoke("rotate-tokens", file, "--role", "leader").exit_code == 2
    assert invoke("rotate-tokens", file, "--if-older-than", "soon").exit_code == 2
