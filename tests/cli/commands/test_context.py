from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest

from bootstrap.cli.commands import context
from bootstrap.cli.contexts import ssh
from bootstrap.cli.contexts.docker import Contexts, context_name
from tests.cli.conftest import Invoke, document
from tests.cli.contexts.fake_docker import FakeDocker
from tests.cli.fake_session import World


@pytest.fixture
def docker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeDocker:
    """Docker's client, the user's home, and managers that all answer."""
    fake = FakeDocker()
    monkeypatch.setattr(ssh, "home", lambda: tmp_path)
    monkeypatch.setattr(context, "Contexts", partial(Contexts, run=fake))
    monkeypatch.setattr(context, "answers", lambda way: True)
    monkeypatch.setenv("DOCKER_CONFIG", "/config")
    return fake


def test_it_goes_to_the_leader(invoke: Invoke, running: World, file: Path, docker: FakeDocker) -> None:
    """The context has the cluster's name and leads over ssh to the leader; the document says all of it."""
    result = invoke("context", file, "-o", "json")

    assert result.exit_code == 0, result.stderr
    found = document(result)
    assert (found["context"], found["host"], found["leader"]) == ("prod", "ssh://root@prod-managers-1", True)
    assert docker.contexts["/config"]["prod"][1] == "ssh://root@prod-managers-1"
    assert "docker --context prod node ls" in invoke("context", file).stdout


def test_the_second_time_changes_nothing(invoke: Invoke, running: World, file: Path, docker: FakeDocker) -> None:
    """It is idempotent, and says so."""
    assert document(invoke("context", file, "-o", "json"))["changed"] is True
    assert document(invoke("context", file, "-o", "json"))["changed"] is False
    assert [call[1] for call in docker.calls].count("create") == 1


def test_it_follows_the_leader(invoke: Invoke, running: World, file: Path, docker: FakeDocker) -> None:
    """Run again after a change of the leader it leads to the new one."""
    invoke("context", file)
    running.leader = "managers-2"
    result = invoke("context", file, "-o", "json")

    assert document(result)["host"] == "ssh://root@prod-managers-2"
    assert docker.contexts["/config"]["prod"][1] == "ssh://root@prod-managers-2"


def test_another_manager_where_the_leader_is_out_of_reach(
    invoke: Invoke, running: World, file: Path, docker: FakeDocker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A leader that does not answer from here is no place to go; the next ready manager is."""
    monkeypatch.setattr(context, "answers", lambda way: not way.host_key.endswith("managers-1"))
    found = document(invoke("context", file, "-o", "json"))

    assert (found["node"], found["leader"]) == ("prod-managers-2", False)


def test_without_a_manager_nothing_is_written(
    invoke: Invoke, running: World, file: Path, docker: FakeDocker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody to go to is exit 1, and neither docker nor ssh was told anything."""
    monkeypatch.setattr(context, "answers", lambda way: False)
    result = invoke("context", file)

    assert result.exit_code == 1
    assert "no manager to go to" in result.stderr
    assert docker.contexts == {"/config": {}}
    assert not (tmp_path / ".ssh").exists()


def test_a_context_of_somebody_else_is_left_alone(
    invoke: Invoke, running: World, file: Path, docker: FakeDocker
) -> None:
    """A context of that name that we did not make is neither changed nor removed: exit 1 says what to do."""
    docker.contexts["/config"] = {"prod": ("my own", "tcp://192.0.2.1")}
    result = invoke("context", file, "-o", "json")

    assert result.exit_code == 1
    assert document(result)["error"]["code"] == "not_ours"
    assert docker.contexts["/config"] == {"prod": ("my own", "tcp://192.0.2.1")}


def test_remove_leaves_nothing(invoke: Invoke, running: World, file: Path, docker: FakeDocker, tmp_path: Path) -> None:
    """--remove takes context and ssh entries away; the one in use gives way to `default` first; again is no error."""
    invoke("context", file)
    docker.used["/config"] = "prod"

    assert document(invoke("context", file, "--remove", "-o", "json"))["removed"] is True
    assert docker.contexts == {"/config": {}}
    assert docker.used == {"/config": "default"}
    assert not (tmp_path / ".ssh/bootstrap").exists()
    assert document(invoke("context", file, "--remove", "-o", "json"))["removed"] is False


def test_down_takes_it_away(invoke: Invoke, running: World, file: Path, docker: FakeDocker) -> None:
    """`down` leaves no context behind that leads to nobody, also one made under another DOCKER_CONFIG."""
    invoke("context", file)
    result = invoke("down", file, "--yes", env={"DOCKER_CONFIG": "/other"})

    assert result.exit_code == 0
    assert docker.contexts == {"/config": {}, "/other": {}}
    assert "docker context is removed: prod" in result.stderr


def test_docker_is_not_led_astray(invoke: Invoke, running: World, file: Path, docker: FakeDocker) -> None:
    """DOCKER_HOST and DOCKER_CONTEXT of the user would turn docker's own commands elsewhere."""
    invoke("context", file, env={"DOCKER_HOST": "tcp://192.0.2.1", "DOCKER_CONTEXT": "x"})

    assert docker.environments
    assert not [one for one in docker.environments if {"DOCKER_HOST", "DOCKER_CONTEXT"} & set(one)]


@pytest.mark.parametrize(("cluster", "name"), [("prod", "prod"), ("p", "p-swarm"), ("default", "default-swarm")])
def test_names_that_docker_refuses(cluster: str, name: str) -> None:
    """One letter, and docker's own `default`, get an ending."""
    assert context_name(cluster) == name
