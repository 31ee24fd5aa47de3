"""Before the engine starts: a baked identity goes, an old epoch is fenced, daemon.json carries the label."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from bootstrap.agent import boot, daemon, identity
from tests.agent.fakes import Cluster, Host


@pytest.fixture
def cluster(tmp_path: Path) -> Cluster:
    return Cluster(tmp_path, managers=1)


@pytest.fixture
def host(cluster: Cluster) -> Host:
    return cluster.hosts["i-01"]


def raft(host: Host) -> Path:
    folder = Path(host.context.swarm_dir)
    (folder / "raft").mkdir(parents=True, exist_ok=True)
    return folder


def test_baked_identity_is_put_away(host: Host) -> None:
    """The image of another machine brings its swarm identity along: a new instance does not start with it."""
    folder = raft(host)
    key = Path(host.context.docker_root) / "engine-id"
    key.write_text("same on every copy")
    boot.run(host.context)
    assert not folder.exists()
    assert not key.exists()
    assert identity.recall(host.context) == {"instance": "i-01"}


def test_own_reboot_keeps_everything(host: Host) -> None:
    """The same instance boots again: nothing is touched."""
    boot.run(host.context)
    folder = raft(host)
    boot.run(host.context)
    assert folder.exists()


@pytest.mark.parametrize(
    ("epoch", "managers", "kept"),
    [(1, [], True), (2, [], False), (2, [{"node_id": "n1"}], True), (0, [], True)],
)
def test_fence(cluster: Cluster, host: Host, epoch: int, managers: list[dict[str, str]], kept: bool) -> None:
    """A node of an earlier epoch starts without its raft log, unless the cluster lists it as a manager."""
    boot.run(host.context)
    folder = raft(host)
    identity.remember(host.context, epoch=1, node_id="n1")
    cluster.store.control.update(epoch=epoch, managers=managers)
    boot.run(host.context)
    assert folder.exists() is kept
    assert (folder.parent / f"swarm.fenced-{epoch}").exists() is not kept


def test_fence_is_for_the_same_cluster(cluster: Cluster, host: Host) -> None:
    """Another cluster's object fences nobody."""
    boot.run(host.context)
    folder = raft(host)
    cluster.store.control.update(epoch=9, uid="other")
    boot.run(host.context)
    assert folder.exists()


def test_daemon_json(host: Host) -> None:
    """The configured daemon.json plus the labels of this instance and its settings; rewritten only when it changes."""
    host.context.config["daemon"] = {"log-driver": "local"}
    boot.run(host.context)
    path = Path(host.context.paths.daemon)
    labels = ["bootstrap.instance=i-01", 'bootstrap.daemon={"log-driver":"local"}']
    assert json.loads(path.read_text()) == {"log-driver": "local", "labels": labels}
    before = path.stat().st_ino
    boot.run(host.context)
    assert path.stat().st_ino == before


def test_worker_starts_without_the_store(cluster: Cluster, host: Host) -> None:
    """A store that is down for long does not keep a worker's engine off; a metadata service is awaited."""
    boot.run(host.context)
    raft(host)
    cluster.store.down = True
    host.context.config["role"] = "worker"
    start = host.context.clock.now()
    boot.run(host.context)
    assert 60 <= host.context.clock.now() - start < 70
    assert (Path(host.context.paths.run) / "progress").read_text() == "engine"


def test_boot_waits_for_a_disk(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    """docker.service requires the boot step: what fails now is tried again, for nobody else would start it."""
    real, left = daemon.write, [3]

    def full(*args: Any) -> bool:
        left[0] -= 1
        if left[0] >= 0:
            raise OSError(28, "No space left on device")
        return real(*args)

    monkeypatch.setattr(daemon, "write", full)
    boot.run(host.context)
    assert Path(host.context.paths.daemon).exists()
