from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from bootstrap.engine.events import Event, Note
from tests.cli.conftest import Invoke, document
from tests.cli.fake_session import FakeSession, Overlay, World

HOSTS = ["prod-dmz-1", "prod-dmz-2", "prod-managers-1", "prod-managers-2", "prod-managers-3", "prod-web-1"]


def test_up_makes_a_cluster(invoke: Invoke, world: World, file: Path) -> None:
    """Locked, planned, applied, formed, planned again for what lives in the swarm, healthy, unlocked."""
    world.networks = ("edge",)
    world.healthy_after = 1
    result = invoke("up", file, "--yes")

    assert result.exit_code == 0
    assert sorted(one.name for one in world.things.values()) == ["edge", *HOSTS]
    steps = [line for line in world.log if line != "look"]
    assert steps[0] == "lock up 0"
    assert steps[-4:] == ["wait formed 900", "create network/edge", "wait healthy 600", "unlock"]


def test_an_election_after_the_first_answer_leaves_nothing_undone(invoke: Invoke, world: World, file: Path) -> None:
    """The managers that join may elect at that moment: who answers next is waited for, and the network is made."""
    world.networks = ("edge",)
    waits: list[bool] = []

    def elect() -> None:
        waits.append(world.formed)
        if len(waits) == 2:  # now one leads for good
            world.on.clear()

    def lose() -> None:
        if len(waits) == 1:
            world.formed = False

    world.on = {"wait formed 900": elect, "look": lose}
    assert invoke("up", file, "--yes").exit_code == 0
    assert "network/edge" in world.things
    assert len(waits) == 2


def test_managers_that_never_lead_for_long_end_the_run(
    invoke: Invoke, world: World, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One answers at each wait and none at any plan: that ends after the time of a boot, with what to do."""
    waits: list[float] = []

    def flap(self: FakeSession, timeout: float) -> Iterator[Event]:
        waits.append(timeout)
        assert len(waits) < 1000, "this never ends"
        return iter(())

    monkeypatch.setattr(FakeSession, "wait_formed", flap)
    result = invoke("up", file, "--yes")

    assert result.exit_code == 1
    assert "error: prod: no manager answers with a quorum any more" in result.stderr
    assert min(waits) > 0


def test_data_and_the_rest_go_apart(invoke: Invoke, world: World, file: Path) -> None:
    """Stdout has the status table only; plan and progress stand on stderr."""
    result = invoke("up", file, "--yes")

    assert result.stdout.startswith("NODE")
    assert "prod: healthy: 3 managers, can lose 1; 3 workers" in result.stdout
    assert "prod: 6 to create" in result.stderr
    assert "host prod-web-1: created (0.0 s)" in result.stderr
    assert "prod-web-1: engine (" in result.stderr
    assert "\x1b[" not in result.output


def test_up_as_json_is_the_status(invoke: Invoke, world: World, file: Path) -> None:
    """One document, the status."""
    found = document(invoke("up", file, "--yes", "-o", "json"))

    assert found["healthy"] is True
    assert [node["hostname"] for node in found["nodes"]] == HOSTS


def test_what_is_told_in_the_end_is_what_ended_the_wait(
    invoke: Invoke, world: World, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A leader may change a moment later: exit code 0 does not stand beside a document that says not healthy."""
    wait = FakeSession.wait_healthy

    def flap(self: FakeSession, timeout: float, seen: Callable[[dict[str, Any]], None]) -> Iterator[Event]:
        yield from wait(self, timeout, seen)
        world.sick = "the leader changed"

    monkeypatch.setattr(FakeSession, "wait_healthy", flap)
    world.healthy_after = 1
    found = document(invoke("up", file, "--yes", "-o", "json"))

    assert world.sick
    assert found["healthy"] is True


def test_up_again_changes_nothing(invoke: Invoke, running: World, file: Path) -> None:
    """An empty plan says so, asks nothing, waits for nothing, and still prints the status."""
    result = invoke("up", file, "--yes")

    assert result.exit_code == 0
    assert result.stderr == "prod: no changes\n"
    assert result.stdout.startswith("NODE")
    assert [line for line in running.log if line != "look"] == ["lock up 0", "unlock"]


def test_up_quietly(invoke: Invoke, world: World, file: Path) -> None:
    """-q leaves stderr empty."""
    assert invoke("up", file, "--yes", "-q").stderr == ""


def test_without_a_terminal_yes_is_needed(invoke: Invoke, world: World, file: Path) -> None:
    """Exit 2, the flag is named, nothing was contacted."""
    result = invoke("up", file)

    assert result.exit_code == 2
    assert "--yes" in result.stderr
    assert world.log == []


def test_no_input_never_asks(invoke: Invoke, world: World, file: Path) -> None:
    """--no-input on a terminal is as no terminal."""
    result = invoke("up", file, "--no-input", terminal=True, answer="y\n")

    assert result.exit_code == 2
    assert world.things == {}


def test_yes_from_a_variable(invoke: Invoke, world: World, file: Path) -> None:
    """BOOTSTRAP_YES and BOOTSTRAP_FILE are enough."""
    result = invoke("up", env={"BOOTSTRAP_YES": "1", "BOOTSTRAP_FILE": str(file)})

    assert result.exit_code == 0
    assert world.formed


def test_the_default_file(
    invoke: Invoke, world: World, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without FILE and without a variable it is ./bootstrap.yml."""
    monkeypatch.chdir(tmp_path)
    file.rename(tmp_path / "bootstrap.yml")

    assert document(invoke("plan", "-o", "json"))["cluster"] == "prod"


@pytest.mark.parametrize(("answer", "code"), [("y\n", 0), ("n\n", 1), ("\n", 1), ("", 1)])
def test_a_terminal_is_asked(invoke: Invoke, world: World, file: Path, answer: str, code: int) -> None:
    """Yes goes on; no, nothing and the end of input are declined: exit 1, nothing changed."""
    result = invoke("up", file, terminal=True, answer=answer)

    assert result.exit_code == code
    assert len(world.things) == (0 if code else 6)
    assert "apply this plan?" in result.stderr
    assert code == 0 or "declined: nothing was changed" in result.stderr


def test_who_is_asked_sees_the_plan(invoke: Invoke, world: World, file: Path) -> None:
    """-q hides the plan from nobody who has to agree to it."""
    assert "prod: 6 to create" in invoke("up", file, "-q", terminal=True, answer="n\n").stderr


def test_what_was_announced_is_not_asked_again(invoke: Invoke, world: World, file: Path) -> None:
    """One question for both plans."""
    world.networks = ("edge",)
    result = invoke("up", file, terminal=True, answer="y\n")

    assert result.exit_code == 0
    assert result.stderr.count("apply this plan?") == 1
    assert "network/edge" in world.things


def test_who_was_never_asked_is_asked(invoke: Invoke, running: World, file: Path) -> None:
    """After an interruption before the swarm answered the first plan is empty: then the second is asked about."""
    running.formed, running.networks = False, ("edge",)
    result = invoke("up", file, terminal=True, answer="n\n")

    assert result.exit_code == 1
    assert "network/edge" not in running.things


def test_no_wait(invoke: Invoke, world: World, file: Path) -> None:
    """--no-wait forms the swarm but does not wait for health."""
    world.healthy_after = 5
    result = invoke("up", file, "--yes", "--no-wait")

    assert result.exit_code == 0
    assert "wait formed 900" in world.log
    assert "wait healthy 600" not in world.log


def test_an_unhealthy_end(invoke: Invoke, world: World, file: Path) -> None:
    """The wait's failure is exit 1; people get the table on stdout and the reason on stderr."""
    world.sick = "its engine is down"
    result = invoke("up", file, "--yes")

    assert result.exit_code == 1
    assert "not healthy within 600 s" in result.stderr
    assert "its engine is down" in result.stdout


def test_an_unhealthy_end_as_json(invoke: Invoke, world: World, file: Path) -> None:
    """Scripts get one document: the error."""
    world.sick = "its engine is down"

    assert document(invoke("up", file, "--yes", "-o", "json"))["error"]["code"] == "unhealthy"


def test_roll_is_not_built(invoke: Invoke, world: World, file: Path) -> None:
    """--roll says so before anything, exit 1, with what to do instead."""
    result = invoke("up", file, "--roll", "--yes")

    assert result.exit_code == 1
    assert "not built yet" in result.stderr
    assert "hint:" in result.stderr
    assert world.log == []
    assert "--roll" not in invoke("up", "--help").stdout


@pytest.mark.parametrize(("answers", "code"), [("y\nn\n", 1), ("y\ny\n", 0)])
def test_what_goes_was_not_announced(invoke: Invoke, world: World, file: Path, answers: str, code: int) -> None:
    """What turns out to be deleted when the swarm answers is asked about, whatever was agreed to before."""
    world.hidden = (Overlay("old", world=world),)
    result = invoke("up", file, terminal=True, answer=answers)

    assert result.exit_code == code
    assert result.stderr.count("apply this plan?") == 2
    assert ("network/old" in world.things) is bool(code)
    assert ("declined: nothing more was changed" in result.stderr) is bool(code)


def test_what_is_replaced_was_not_announced(invoke: Invoke, world: World, file: Path) -> None:
    """A replacement deletes as well; with --yes nobody is asked."""
    world.networks = ("edge",)
    world.hidden = (Overlay("edge", image="other", world=world),)

    assert invoke("up", file, terminal=True, answer="y\nn\n").exit_code == 1
    assert world.things["network/edge"].image == "other"

    world.formed = False

    assert invoke("up", file, "--yes").exit_code == 0
    assert world.things["network/edge"].image != "other"


@pytest.mark.parametrize("words", [("up", "--yes"), ("plan",)])
def test_warnings_of_the_file_are_shown(invoke: Invoke, world: World, file: Path, words: tuple[str, ...]) -> None:
    """Once, on stderr, with their place; stdout stays one document."""
    file.write_text(file.read_text().replace("count: 3 ", "count: 1 "))
    result = invoke(words[0], file, *words[1:], "-o", "json")

    assert result.exit_code == 0
    assert result.stderr.count("warning[W031]") == 1
    assert result.stderr.startswith(f"{file}:")
    assert document(result)["cluster"] == "prod"


def test_a_note_is_shown(invoke: Invoke, world: World, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A sentence of the engine's is a line like any other event, in either form."""

    def forming(session: FakeSession, timeout: float) -> Iterator[Event]:
        world.formed = True
        yield Note("node prod-web-1 [old] was not empty after 900 s: removed all the same")

    monkeypatch.setattr(FakeSession, "wait_formed", forming)
    plain = invoke("up", file, "--yes").stderr
    world.formed = False
    lines = [json.loads(line) for line in invoke("up", file, "--yes", "--log-format", "json").stderr.splitlines()]

    assert "node prod-web-1 [old] was not empty after 900 s: removed all the same\n" in plain
    assert [one["message"] for one in lines if one.get("event") == "note"] == [
        "node prod-web-1 [old] was not empty after 900 s: removed all the same"
    ]
