from __future__ import annotations

from pathlib import Path

from bootstrap.model.resource import Outdated
from tests.cli.conftest import Invoke, document
from tests.cli.fake_session import Thing, World


def test_plan_as_json(invoke: Invoke, world: World, file: Path) -> None:
    """The document has the shape that scripts rely on, and nothing was changed or locked."""
    found = document(invoke("plan", file, "-o", "json"))

    assert set(found) == {"cluster", "changes", "outdated", "unknown", "notes"}
    assert found["unknown"] == ["network", "swarm"]
    first = found["changes"][0]
    assert set(first) == {"action", "kind", "name", "fields", "disruption"}
    assert (first["action"], first["kind"], first["name"], first["disruption"]) == (
        "create", "host", "prod-dmz-1", "none",
    )  # fmt: skip
    assert {"name": "image", "old": None, "new": "debian-13"} in first["fields"]
    assert world.log == ["look"]


def test_an_empty_plan(invoke: Invoke, running: World, file: Path) -> None:
    """`changes` is [] and the exit code is 0, detailed or not."""
    result = invoke("plan", file, "-o", "json", "--detailed-exitcode")

    assert result.exit_code == 0
    assert document(result) == {"cluster": "prod", "changes": [], "outdated": [], "unknown": [], "notes": []}
    assert invoke("plan", file).stdout == "prod: no changes\n"


def test_detailed_exitcode(invoke: Invoke, world: World, file: Path) -> None:
    """3 when there are changes, 0 without the option."""
    assert invoke("plan", file, "--detailed-exitcode").exit_code == 3
    assert invoke("plan", file).exit_code == 0
    assert invoke("plan", file, env={"BOOTSTRAP_DETAILED_EXITCODE": "1"}).exit_code == 3


def test_outdated_counts_as_different(invoke: Invoke, running: World, file: Path) -> None:
    """An outdated machine is no change, but 3 with the option, and it is named with its reason."""
    running.outdated = (Outdated("prod-web-1", "its user-data changed"),)
    result = invoke("plan", file, "--detailed-exitcode")

    assert result.exit_code == 3
    assert "prod-web-1 is outdated and left running: its user-data changed" in result.stdout
    found = document(invoke("plan", file, "-o", "json"))
    assert found["changes"] == []
    assert found["outdated"] == [{"name": "prod-web-1", "why": "its user-data changed"}]


def test_updates_show_old_and_new(invoke: Invoke, running: World, file: Path) -> None:
    """`~` with the fields that differ; `-/+` where a field forces new; what restarts engines says so."""
    running.things["host/prod-web-1"] = Thing("prod-web-1", labels={"tier": "db"}, world=running)
    running.things["host/prod-dmz-1"] = Thing("prod-dmz-1", image="debian-12", world=running)
    running.things["host/prod-dmz-2"] = Thing("prod-dmz-2", engine="20.10.24", world=running)
    running.things["host/prod-old-1"] = Thing("prod-old-1", world=running)
    text = invoke("plan", file).stdout

    assert "  ~ host prod-web-1\n        labels.tier: db -> (unset)\n" in text
    assert "-/+ host prod-dmz-1\n        image: debian-12 -> debian-13  (replaces it)\n" in text
    assert "  ~ host prod-dmz-2  (restarts engines)\n        engine: 20.10.24 -> 26.1.5\n" in text
    assert "  - host prod-old-1\n" in text
    assert text.endswith("prod: 2 to update, 1 to replace, 1 to delete\n")
    disruptions = {one["name"]: one["disruption"] for one in document(invoke("plan", file, "-o", "json"))["changes"]}
    assert disruptions == {
        "prod-web-1": "none", "prod-dmz-1": "replace", "prod-dmz-2": "restart", "prod-old-1": "none",
    }  # fmt: skip


def test_what_is_not_known_is_not_unchanged(invoke: Invoke, running: World, file: Path) -> None:
    """With kinds unknown an empty plan does not say "no changes"; it is no difference either."""
    running.formed = False
    result = invoke("plan", file, "--detailed-exitcode")

    assert result.exit_code == 0
    assert result.stdout == ("prod: nothing known to change; unknown until a manager answers: network, swarm\n")
