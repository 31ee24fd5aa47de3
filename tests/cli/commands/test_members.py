from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from bootstrap.cli.root import root
from bootstrap.cli.run import Run
from bootstrap.engine.session import Session
from bootstrap.model.cluster import Size
from bootstrap.providers.base import LockInfo
from tests.cli.conftest import document
from tests.engine.formed import formed
from tests.fakes.provider import World

Say = Callable[..., Result]


@pytest.fixture
def pair() -> tuple[Session, World]:
    """Three managers and three workers, up."""
    return formed(web=Size(1, 4, 3))


@pytest.fixture
def say(pair: tuple[Session, World]) -> Say:
    """Run the command line on that cluster."""

    def call(*argv: str, answer: str = "", **settings: Any) -> Result:
        settings.setdefault("terminal", False)
        run = Run(open_session=lambda path, say: replace(pair[0], say=say), **settings)
        return CliRunner().invoke(root, list(argv), input=answer, obj=run)

    return call


def test_a_drain_is_held_until_it_is_undone(pair: tuple[Session, World], say: Say) -> None:
    """`drain` needs no question, marks the node, and `undrain` gives it back to its pool."""
    result = say("drain", "prod.yml", "prod-web-1", "-o", "json")

    assert result.exit_code == 0, result.stderr
    assert document(result) == {
        "node": "prod-web-1", "id": "n-prod-web-1", "availability": "drain", "hold": True,
    }  # fmt: skip
    node = pair[1].nodes["prod-web-1"]
    assert (node["availability"], node["labels"]["bootstrap.hold"]) == ("drain", "true")

    result = say("undrain", "prod.yml", "n-prod-web-1", "-o", "json")

    assert document(result) == {
        "node": "prod-web-1", "id": "n-prod-web-1", "availability": "active", "hold": False,
    }  # fmt: skip
    assert "bootstrap.hold" not in pair[1].nodes["prod-web-1"]["labels"]


def test_removing_needs_consent(pair: tuple[Session, World], say: Say) -> None:
    """Without a terminal a missing --yes is exit 2 and names the flag; a "no" is exit 1; nothing is changed."""
    for verb in ("remove", "replace"):
        result = say(verb, "prod.yml", "prod-web-1")
        assert result.exit_code == 2
        assert "--yes" in result.stderr
        result = say(verb, "prod.yml", "prod-web-1", terminal=True, answer="n\n")
        assert result.exit_code == 1
        assert "nothing was changed" in result.stderr

    assert pair[1].made == 6
    assert len(pair[1].machines) == 6


def test_remove_tells_the_pools_new_size(pair: tuple[Session, World], say: Say) -> None:
    """The node and its machine are gone, and the document says how many the pool has now."""
    machine = pair[1].machines["prod-web-2"].id

    result = say("remove", "prod.yml", "prod-web-2", "--yes", "-o", "json")

    assert result.exit_code == 0, result.stderr
    assert document(result) == {
        "node": "prod-web-2", "id": "n-prod-web-2", "instance": machine, "pool": "web", "size": 2,
    }  # fmt: skip


def test_a_refusal_is_told_before_the_question(say: Say) -> None:
    """A live manager that is wanted is exit 1 with the reason and what to do instead; nobody is asked for that."""
    result = say("remove", "prod.yml", "prod-managers-a-1", "--yes", "-o", "json")

    assert result.exit_code == 1
    assert document(result)["error"]["code"] == "guard"
    assert "bootstrap replace" in document(result)["error"]["fix"]
    assert "destroyed" not in result.stderr


def test_replace_tells_the_new_machine(pair: tuple[Session, World], say: Say) -> None:
    """The document has the machine that is there now and the one that was."""
    before = pair[1].machines["prod-web-1"].id

    result = say("replace", "prod.yml", before, "--yes", "-o", "json")

    assert result.exit_code == 0, result.stderr
    after = pair[1].machines["prod-web-1"].id
    assert document(result) == {"node": "prod-web-1", "id": "n-prod-web-1", "instance": after, "replaced": before}
    assert after != before


def test_the_upkeep_is_paused_and_goes_on(pair: tuple[Session, World], say: Say) -> None:
    """`reconcile off` and `on` stand in the control object; any other word is exit 2."""
    result = say("reconcile", "prod.yml", "off", "-o", "json")

    assert document(result) == {"cluster": "prod", "reconcile": False}
    off = dict(pair[1].control or {})
    assert say("reconcile", "prod.yml", "on").exit_code == 0
    on = dict(pair[1].control or {})
    assert (off["reconcile"], on["reconcile"]) == (False, True)
    assert say("reconcile", "prod.yml", "perhaps").exit_code == 2


@pytest.mark.parametrize(
    "argv",
    [
        ["drain", "prod.yml", "prod-web-1"],
        ["undrain", "prod.yml", "prod-web-1"],
        ["remove", "prod.yml", "prod-web-1", "--yes"],
        ["replace", "prod.yml", "prod-web-1", "--yes"],
    ],
    ids=lambda argv: str(argv[0]),
)
def test_another_run_keeps_them_out(pair: tuple[Session, World], say: Say, argv: list[str]) -> None:
    """While another run holds the lock each of them is exit 4 and names it."""
    pair[1].lock = LockInfo("ann@there", "up", "2026-01-01T00:00:00Z", "abcd1234")

    result = say(*argv)

    assert result.exit_code == 4
    assert "ann@there" in result.stderr


def test_the_brake_needs_no_lock(pair: tuple[Session, World], say: Say) -> None:
    """`reconcile` works beside an `up` that waits, perhaps for just that; the trail has it with the person's name."""
    pair[1].lock = up = LockInfo("ann@there", "up", "2026-01-01T00:00:00Z", "abcd1234")

    assert say("reconcile", "prod.yml", "off").exit_code == 0
    assert (pair[1].control or {})["reconcile"] is False
    assert pair[1].lock is up
    assert [(one["what"], one["outcome"]) for one in pair[1].trail] == [("reconcile off", "done")]
    assert pair[1].trail[0]["who"] == LockInfo.mine("").who


def test_force_unlock(pair: tuple[Session, World], say: Say) -> None:
    """The lock goes by its id; another id and no lock are exit 1; without --id it is exit 2."""
    pair[1].lock = LockInfo("ann@there", "up", "2026-01-01T00:00:00Z", "abcd1234")

    assert say("force-unlock", "prod.yml").exit_code == 2
    assert say("force-unlock", "prod.yml", "--id", "ffff0000").exit_code == 1
    result = say("force-unlock", "prod.yml", "--id", "abcd1234", "-o", "json")
    assert result.exit_code == 0
    assert document(result)["freed"]["who"] == "ann@there"
    assert say("force-unlock", "prod.yml", "--id", "abcd1234").exit_code == 1


def test_what_is_no_node_cannot_be_drained(pair: tuple[Session, World], say: Say) -> None:
    """A machine that has not joined, and a name that nobody has, are exit 1 and told apart."""
    del pair[1].nodes["prod-web-1"]

    assert "no node of the swarm" in say("drain", "prod.yml", "prod-web-1").stderr
    result = say("drain", "prod.yml", "nobody")
    assert result.exit_code == 1
    assert "there is no node 'nobody'" in result.stderr


def test_a_name_that_fits_several_entries_is_not_guessed(pair: tuple[Session, World], say: Say) -> None:
    """The beginning of several ids is refused, and each is named with its id."""
    result = say("drain", "prod.yml", "n-prod-web")

    assert result.exit_code == 1
    assert "prod-web-1 (n-prod-web-1)" in result.stderr


def test_an_old_entry_of_a_machine_is_named_by_its_id(pair: tuple[Session, World], say: Say) -> None:
    """A machine that joined twice: its name is the node that is ready, the id of the other is that entry alone."""
    world = pair[1]
    world.nodes["old"] = {**world.nodes["prod-web-1"], "id": "old1", "state": "down"}

    result = say("remove", "prod.yml", "old1", "--yes", "-o", "json")

    assert result.exit_code == 0, result.stderr
    assert document(result)["instance"] is None
    assert "prod-web-1" in world.machines
    assert "prod-web-1" in world.nodes


@pytest.mark.parametrize("verb", ["drain", "undrain", "remove", "replace"])
def test_a_name_that_nobody_has_leaves_no_trace(pair: tuple[Session, World], say: Say, verb: str) -> None:
    """It is refused before the run begins: neither lock nor audit trail know of it."""
    pair[1].trail.clear()

    result = say(verb, "prod.yml", "nope", "--yes")

    assert result.exit_code == 1
    assert "there is no node 'nope'" in result.stderr
    assert pair[1].trail == []


COUNTED = """\
version: 1
cluster: prod
provider: local
managers: {count: 3}
pools:
  web: {min: 1, max: 4}
  jobs: {count: 1}
"""


@pytest.mark.parametrize("words", [("web=4",), ("jobs=2", "--write")])
def test_no_size_is_stored_without_a_quorum(tmp_path: Path, words: tuple[str, ...]) -> None:
    """Whoever decides the size, group or file: nobody could join, so it is refused and all stays as it was."""
    file = tmp_path / "prod.yml"
    file.write_text(COUNTED)
    one, world = formed(web=Size(1, 4, 3), jobs=Size.of(1))
    sizes, machines = dict(one.sizes()), dict(world.machines)
    world.quorum = False

    run = Run(open_session=lambda path, say: replace(one, say=say), terminal=False)
    result = CliRunner().invoke(root, ["scale", str(file), *words, "--yes", "-o", "json"], obj=run)

    assert (result.exit_code, document(result)["error"]["code"]) == (1, "no_quorum")
    assert (one.sizes(), world.machines, file.read_text()) == (sizes, machines, COUNTED)


def test_a_manager_is_not_taken_for_gone_in_an_election(
    pair: tuple[Session, World], say: Say, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody tells of any node then: one that works is replaced as one that works, with another beside it first."""
    told, looks = Session.status, list[dict[str, Any]]()

    def silent_at_first(self: Session) -> dict[str, Any]:
        looks.append(document := told(self))
        return {**document, "nodes": []} if len(looks) == 1 else document

    monkeypatch.setattr(Session, "status", silent_at_first)
    name = next(name for name, one in pair[1].machines.items() if one.role == "manager")
    result = say("replace", "prod.yml", name, "--yes")

    assert result.exit_code == 0, result.stderr
    assert "one manager more" in result.stderr
