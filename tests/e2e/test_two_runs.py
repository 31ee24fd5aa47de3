"""Several runs at once, and the verbs that change one node: each judged by what `docker node ls` says."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bootstrap.checkpoint import FOLDER, VARIABLE
from tests.e2e.face import DEADLINE, Face, by_role, eventually
from tests.e2e.machine import left, snapshot

pytestmark = pytest.mark.lab

INVENTORY = """\
version: 1
cluster: tworuns
provider: local
local: {zones: [a], memory: 512MiB}
single_zone: true
managers: {count: 1}
pools:
  web: {min: 1, max: 4, desired: 2}
"""
LS = "docker node ls --format '{{.ID}} {{.Hostname}} {{.Status}} {{.Availability}}'"


@pytest.fixture(scope="module")
def face(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Face]:
    """One inventory for the whole module; the cluster is taken down at the end whatever happened."""
    file = tmp_path_factory.mktemp("tworuns") / "tworuns.yml"
    file.write_text(INVENTORY)
    face = Face(file)
    try:
        yield face
    finally:
        face.run("down", str(file), "--yes", code=None)


@pytest.fixture(scope="module")
def made(face: Face) -> Face:
    """The cluster, up."""
    face.up()
    return face


def start(face: Face, *argv: str, env: dict[str, str] | None = None) -> subprocess.Popen[str]:
    """A run that goes on beside the test."""
    command = [sys.executable, "-m", "bootstrap", *argv, "-o", "json"]
    settings = {**os.environ, **(env or {})}
    pipe = subprocess.PIPE
    return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=pipe, stderr=pipe, text=True, env=settings)


def at_once(face: Face, *patience: str) -> list[tuple[int, Any]]:
    """That many `up` at once, each with its `--lock-timeout`: exit code and document of each."""
    runs = [start(face, "up", str(face.file), "--yes", "--lock-timeout", one) for one in patience]
    ended = [(run.communicate(timeout=DEADLINE), run.returncode) for run in runs]
    face.printed += [text for both, _ in ended for text in both]
    return [(code, json.loads(stdout)) for (stdout, _), code in ended]


def nodes(face: Face) -> dict[str, tuple[str, str, str]]:
    """What the engine of the manager says: id, status and availability by hostname."""
    lines = face.told("tworuns-managers-a-1", LS).splitlines()
    found = {name: (key, status, wish) for key, name, status, wish in (line.split() for line in lines)}
    assert len(found) == len(lines), f"a name stands there twice: {lines}"
    return found


def one_cluster(face: Face, *patience: str) -> None:
    """Many `up` at once: one works, the others wait or exit 4 naming it; one healthy swarm, nothing left to do."""
    ended = at_once(face, *patience)

    well = [document for code, document in ended if code == 0]
    refused = [document["error"] for code, document in ended if code == 4]
    assert len(well) + len(refused) == len(patience), ended
    assert len(refused) in {patience.count("0s"), patience.count("0s") - 1}
    assert all("`up` since" in error["what"] and "(id " in error["what"] for error in refused)
    assert len({document["swarm_id"] for document in well}) == 1
    assert all(document["healthy"] for document in well)
    assert face.plan()["changes"] == []
    found = nodes(face)
    assert sorted(found) == ["tworuns-managers-a-1", "tworuns-web-1", "tworuns-web-2"]
    eventually("all are ready", lambda: {status for _, status, _ in nodes(face).values()} == {"Ready"})


def test_two_up_at_once(face: Face) -> None:
    """Two `up` at once: one works, the other waits or exits 4 naming it; afterwards `down` finds no orphan."""
    before = snapshot()

    one_cluster(face, "0s", "10m")

    face.run("down", str(face.file), "--yes")
    assert left(before, lambda one: "tworuns" in one) == {}


def test_five_up_at_once(face: Face) -> None:
    """Five `up` at once: one works, the others wait or exit 4 naming it."""
    one_cluster(face, "0s", "0s", "0s", "10m", "10m")


def test_a_held_lock_is_seen_and_freed_only_when_its_holder_is_gone(made: Face, tmp_path: Path) -> None:
    """`status` tells the run and its id; `force-unlock` frees it after kill -9, not before, and never by another id."""
    held = tmp_path / "up.planned.held"
    run = start(made, "up", str(made.file), "--yes", env={VARIABLE: "up.planned=hold", FOLDER: str(tmp_path)})
    try:
        eventually("it is held", held.exists)
        running = made.status()["running"]
        assert running["what"] == "up"
        refused = made.json("drain", "tworuns-web-1", code=4)["error"]
        assert running["id"] in refused["what"]
        assert made.json("force-unlock", "--id", running["id"], code=1)["error"]["code"] == "lock_alive"
    finally:
        run.send_signal(signal.SIGKILL)
        run.communicate()

    assert made.status()["running"] is None
    told = [one["outcome"] for one in made.json("events")["events"] if one.get("run") == running["id"]]
    assert told == ["killed"]
    assert made.json("force-unlock", "--id", "ffffffff", code=1)["error"]["code"] == "lock_id"
    assert made.json("force-unlock", "--id", running["id"])["freed"] == running
    assert made.json("force-unlock", "--id", running["id"], code=1)["error"]["code"] == "not_locked"


def test_a_drain_by_hand_is_held_until_undrain(made: Face) -> None:
    """Neither `up` nor the leader gives the node back; `undrain` does."""
    made.json("drain", "tworuns-web-1")

    assert made.up()["healthy"]
    assert nodes(made)["tworuns-web-1"][2] == "Drain"
    assert next(node for node in made.healthy()["nodes"] if node["hostname"] == "tworuns-web-1")["hold"]
    made.json("undrain", "tworuns-web-1")
    eventually("it is active", lambda: nodes(made)["tworuns-web-1"][2] == "Active")


def test_the_only_manager_is_not_removed(made: Face) -> None:
    """Exit 1 with the reason, and nothing is drained or marked."""
    made.healthy()

    error = made.json("remove", "tworuns-managers-a-1", "--yes", code=1)["error"]

    assert error["code"] == "guard"
    assert set(nodes(made)["tworuns-managers-a-1"][1:]) == {"Ready", "Active"}
    assert made.plan()["changes"] == []


def test_a_removed_worker_is_gone_and_a_replaced_one_is_new(made: Face) -> None:
    """`remove` takes node, machine and place; `replace` another node under the same name; `up` has nothing to do."""
    before = nodes(made)

    assert made.json("remove", "tworuns-web-1", "--yes")["size"] == 1
    assert sorted(nodes(made)) == ["tworuns-managers-a-1", "tworuns-web-2"]
    document = made.json("replace", "tworuns-web-2", "--yes")

    there = (document["id"], "Ready", "Active")
    eventually("the new one serves", lambda: nodes(made)["tworuns-web-2"] == there)
    assert document["id"] != before["tworuns-web-2"][0]
    assert document["instance"] != document["replaced"]
    assert made.plan()["changes"] == []
    assert [node["hostname"] for node in by_role(made.healthy(), "worker")] == ["tworuns-web-2"]


def test_the_trail_tells_all_of_it(made: Face) -> None:
    """Every run that took the lock stands in the audit trail with its end, and no token does."""
    events = made.json("events")["events"]

    told = {(event["what"], event["outcome"]) for event in events}
    assert {("up", "done"), ("remove tworuns-web-1", "done"), ("replace tworuns-web-2", "done")} <= told
    assert ("remove tworuns-managers-a-1", "refused") in told
    assert "SWMTKN" not in json.dumps(events)
