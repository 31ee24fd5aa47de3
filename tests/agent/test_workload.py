"""Networks and stacks: what is ours, what is not, and whether it still is as deployed."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from bootstrap.agent import stack, workload
from bootstrap.agent.errors import AgentError
from tests.agent.fake_swarm import Swarm
from tests.agent.fakes import Cluster, Host

EDGE = {"name": "edge", "encrypted": True, "attachable": True, "internal": False, "subnet": "10.201.0.0/24"}
WEB = {"files": [{"path": "a.yml", "text": "services: {}"}], "env": {"TAG": "7"}, "hash": "h1"}


@pytest.fixture
def cluster(tmp_path: Path) -> Cluster:
    one = Cluster(tmp_path, managers=1)
    one.run(20)
    return one


@pytest.fixture
def host(cluster: Cluster) -> Host:
    return cluster.leader


@pytest.fixture
def swarm(cluster: Cluster) -> Swarm:
    return cluster.world.swarms[cluster.control["swarm_id"]]


@pytest.fixture
def docker(monkeypatch: pytest.MonkeyPatch, swarm: Swarm) -> list[dict[str, Any]]:
    """Docker's client as a stand-in: `stack deploy` makes one service, whose image is the variable TAG."""
    calls: list[dict[str, Any]] = []

    def run(argv: list[str], **options: Any) -> subprocess.CompletedProcess[str]:
        files = [Path(argv[at + 1]) for at, word in enumerate(argv) if word == "-c"]
        modes = {oct(path.stat().st_mode & 0o777) for path in files}
        calls.append({"argv": argv, "texts": [path.read_text() for path in files], "modes": modes, **options})
        if options["env"].get("TAG") == "bad":
            return subprocess.CompletedProcess(argv, 1, "", "services.web: Additional property is not allowed")
        spec = {"Name": f"{argv[-1]}_web", "Labels": {stack.NAMESPACE: argv[-1]}}
        image = {"TaskTemplate": {"ContainerSpec": {"Image": options["env"]["TAG"]}, "ForceUpdate": 0}}
        swarm.services[:] = [{"ID": "svc1", "Spec": {**spec, **image}}]
        return subprocess.CompletedProcess(argv, 0, "", "image could not be accessed on a registry")

    monkeypatch.setattr(subprocess, "run", run)
    return calls


def test_network_once(host: Host) -> None:
    """Made once, found the second time, shown as ours, removed, and removing again is success."""
    assert workload.create(host.engine, "prod", EDGE) == {"created": True}
    assert workload.create(host.engine, "prod", EDGE) == {"created": False}
    shown = workload.networks(host.engine, "prod")
    assert [{key: one[key] for key in (*EDGE, "ours")} for one in shown] == [{**EDGE, "ours": True}]
    assert workload.remove(host.engine, "prod", "edge") == {"removed": True}
    assert workload.remove(host.engine, "prod", "edge") == {"removed": False}


def test_network_that_differs(host: Host) -> None:
    """An existing network is never taken for a wanted one that differs."""
    workload.create(host.engine, "prod", EDGE)
    with pytest.raises(AgentError) as caught:
        workload.create(host.engine, "prod", {**EDGE, "attachable": False})
    assert caught.value.code == "network_differs"


def test_foreign_network_is_left_alone(host: Host) -> None:
    """What another made is neither adopted nor removed."""
    workload.create(host.engine, "prod-eu", EDGE)
    with pytest.raises(AgentError, match="not ours"):
        workload.create(host.engine, "prod", EDGE)
    with pytest.raises(AgentError, match="not ours"):
        workload.remove(host.engine, "prod", "edge")


def test_stack_is_deployed_and_recorded(host: Host, docker: list[dict[str, Any]]) -> None:
    """Files go by 0600 paths that are gone after, variables by the environment, and the hash is recorded."""
    assert stack.deploy(host.context, "web", WEB) == {"deployed": True}
    call = docker[0]
    assert call["argv"][:4] == ["docker", "stack", "deploy", "--prune"]
    assert call["argv"][-1] == "web"
    assert (call["texts"], call["modes"], call["env"]["TAG"]) == (["services: {}"], {"0o600"}, "7")
    assert not [path for path in Path(host.context.paths.run).iterdir() if path.name.startswith("stack")]
    assert stack.stacks(host.engine) == [{"name": "web", "ours": True, "hash": "h1", "live": True, "waiting": []}]


def test_changed_service_is_not_live(host: Host, docker: list[dict[str, Any]], swarm: Swarm) -> None:
    """An edit by hand is seen; a forced update, which only moves tasks, is none."""
    stack.deploy(host.context, "web", WEB)
    swarm.services[0]["Spec"]["TaskTemplate"]["ForceUpdate"] = 3
    assert stack.stacks(host.engine)[0]["live"]
    swarm.services[0]["Spec"]["TaskTemplate"]["ContainerSpec"]["Image"] = "other"
    assert not stack.stacks(host.engine)[0]["live"]


def test_failed_deploy_is_not_recorded(host: Host, docker: list[dict[str, Any]]) -> None:
    """After a failure the stack has no hash, so that the next run deploys again."""
    stack.deploy(host.context, "web", WEB)
    with pytest.raises(AgentError, match="Additional property"):
        stack.deploy(host.context, "web", {**WEB, "env": {"TAG": "bad"}, "hash": "h2"})
    assert stack.stacks(host.engine) == [{"name": "web", "ours": True, "hash": None, "live": False, "waiting": []}]


def test_foreign_stack_is_left_alone(host: Host, docker: list[dict[str, Any]], swarm: Swarm) -> None:
    """A stack that somebody else deployed is shown without a hash, and never touched."""
    swarm.services.append({"ID": "x", "Spec": {"Name": "web_x", "Labels": {stack.NAMESPACE: "web"}}})
    assert stack.stacks(host.engine) == [{"name": "web", "ours": False, "hash": None, "live": False, "waiting": []}]
    with pytest.raises(AgentError, match="not ours"):
        stack.deploy(host.context, "web", WEB)
    with pytest.raises(AgentError, match="not ours"):
        stack.remove(host.context, "web")
    assert docker == []


def test_stack_is_removed_with_its_record(host: Host, docker: list[dict[str, Any]], swarm: Swarm) -> None:
    """Nothing of it stays; removing again is success."""
    stack.deploy(host.context, "web", WEB)
    assert stack.remove(host.context, "web") == {"removed": True}
    assert (swarm.services, swarm.configs) == ([], {})
    assert stack.remove(host.context, "web") == {"removed": False}
