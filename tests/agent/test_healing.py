"""What a node and its leader mend without a person: each fault of reliability §A that no other module has."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from bootstrap.agent import configure, nodes
from bootstrap.agent import control as rules
from bootstrap.agent.engine_api import EngineError
from bootstrap.agent.errors import AgentError, Refused
from bootstrap.agent.join import next_step
from bootstrap.agent.local import observe
from tests.agent.fake_service import with_service
from tests.agent.fakes import Cluster, Host

WORKER = "i-04"


@pytest.fixture
def speaking(cluster: Cluster) -> Cluster:
    """The same while one verb runs: the other managers go on to tell how they are."""
    cluster.clock.meanwhile = cluster.speak
    return cluster


@pytest.fixture
def cluster(tmp_path: Path) -> Cluster:
    """Three managers and a worker that joined."""
    cluster = Cluster(tmp_path, managers=3, workers=1)
    cluster.run(60)
    assert all(host.joined for host in cluster.hosts.values())
    return cluster


def follower(cluster: Cluster) -> Host:
    """A manager that does not lead."""
    return next(
        host for host in cluster.hosts.values() if host.context.role == "manager" and host is not cluster.leader
    )


def move(cluster: Cluster, host: Host, address: str = "10.91.0.99") -> str:
    """The machine comes back from a reboot with another address; its former node id."""
    cluster.machines[host.instance] = cluster.machines[host.instance]._replace(address=address)
    host.engine.address = address
    if host.context.role == "manager":
        host.engine.state, host.engine.error = "error", "failed to listen on remote API address"
    return host.engine.node_id


def seats(cluster: Cluster) -> int:
    """How many raft seats the swarm has."""
    return len(cluster.world.swarms[cluster.control["swarm_id"]].raft)


def test_changed_address_of_a_worker(cluster: Cluster) -> None:
    """A worker whose address changed after a reboot joins anew: its overlay networks would go to the old address."""
    host = cluster.hosts[WORKER]
    before = move(cluster, host)
    cluster.run(20)
    assert host.joined
    assert host.engine.node_id != before
    assert host.engine.advertised == "10.91.0.99"


def test_changed_address_of_a_manager(cluster: Cluster) -> None:
    """A manager whose address changed gives its seat up as lost, is cleared by the leader, and joins anew; two stay."""
    host = follower(cluster)
    before = move(cluster, host)
    cluster.run(30)
    assert host.joined
    assert host.engine.node_id != before
    assert before in cluster.control["removed"]
    assert seats(cluster) == 3


def test_changed_address_of_all_managers_wipes_nothing(cluster: Cluster) -> None:
    """Nobody leaves where no quorum has committed that it is out: the raft logs are the only copies."""
    for host in list(cluster.hosts.values())[:3]:
        host.engine.address = host.engine.address + "9"
        cluster.machines[host.instance] = cluster.machines[host.instance]._replace(address=host.engine.address)
        host.engine.state, host.engine.error = "error", "failed to listen on remote API address"
    left = [entry for entry in cluster.world.log if entry[0] == "leave"]
    cluster.run(600)
    assert [entry for entry in cluster.world.log if entry[0] == "leave"] == left
    assert seats(cluster) == 3


def test_changed_address_of_the_only_manager(tmp_path: Path) -> None:
    """A single manager never gives up its seat for another address; it says what to do."""
    cluster = Cluster(tmp_path, managers=1)
    cluster.run(30)
    host = cluster.hosts["i-01"]
    move(cluster, host)
    cluster.run(60)
    step = next_step(cluster.control, observe(host.context), cluster.machines["i-01"])
    assert "only manager" in step.why
    assert "10.91.0.1 back" in step.fix
    assert not any(seat.get("lost") for seat in cluster.control["seats"].values())


@pytest.mark.parametrize("role", ["worker", "manager"])
def test_foreign_joined_node_comes_back(cluster: Cluster, role: str) -> None:
    """A node that somebody took out and made a swarm of its own leaves that swarm and comes back."""
    host = cluster.hosts[WORKER] if role == "worker" else follower(cluster)
    host.engine.leave()
    body = {"Spec": {}, "DefaultAddrPool": ["10.0.0.0/8"], "SubnetSize": 24, "DataPathPort": 4789}
    host.engine.request("POST", "/swarm/init", {**body, "Availability": "active"})
    cluster.run(60)
    assert host.joined
    assert host.engine.home is cluster.world.swarms[cluster.control["swarm_id"]]
    assert seats(cluster) == 3


def test_node_removed_by_hand_joins_anew(cluster: Cluster) -> None:
    """`docker node rm --force` of a live worker is not told to it: the leader publishes it, the worker joins anew."""
    host = cluster.hosts[WORKER]
    before = host.engine.node_id
    cluster.leader.engine.delete("nodes", before, force="1")
    cluster.run(20)
    assert host.joined
    assert host.engine.node_id != before
    assert before in cluster.control["removed"]


def test_node_removed_by_hand_while_the_leader_changes(cluster: Cluster) -> None:
    """Every manager knows who was there, also after its agent began anew: the next leader sees who vanished."""
    host, old = cluster.hosts[WORKER], cluster.leader
    before = host.engine.node_id
    old.engine.delete("nodes", before, force="1")
    old.engine.linked = False
    for one in cluster.hosts.values():
        one.restart()
    cluster.run(30, skip=(old.instance,))
    assert before in cluster.control["removed"]
    assert host.joined
    assert host.engine.node_id != before


def test_nothing_vanishes_for_a_leader_that_is_cut_off(cluster: Cluster) -> None:
    """What a quorum does not confirm is not published."""
    before = cluster.control["removed"]
    cluster.leader.engine.linked = False
    cluster.run(30, skip=tuple(name for name in cluster.hosts if name != "i-01"))
    assert cluster.control["removed"] == before


def test_lost_raft_log(cluster: Cluster) -> None:
    """An engine that panics over its raft log is started without it, once the others have committed that it is out."""
    host = follower(cluster)
    service = with_service(host)
    before = host.engine.node_id
    host.engine.up = False
    service.word = "failed"
    for _ in range(40):
        cluster.run(1.5)
        host.agent.tick()
    assert host.joined
    assert host.engine.node_id != before
    assert service.log == ["restart"]
    assert seats(cluster) == 3


def silent(cluster: Cluster, host: Host, seconds: float) -> None:
    """The engine does not answer for that long, while the agents go on."""
    end = cluster.clock.now() + seconds
    while cluster.clock.now() < end:
        host.agent.tick()
        cluster.clock.sleep(1.5)


def test_hung_engine_is_restarted_seldom(cluster: Cluster) -> None:
    """An engine that does not answer is restarted after a minute, and then not again for half an hour."""
    host = cluster.hosts[WORKER]
    service = with_service(host)
    host.engine.up = False
    silent(cluster, host, 50)
    assert service.log == []
    silent(cluster, host, 30)
    assert service.log == ["restart"]
    host.engine.up = False
    silent(cluster, host, 1500)
    assert service.log == ["restart"]
    silent(cluster, host, 600)
    assert service.log == ["restart", "restart"]


def test_engine_stopped_by_hand_stays_off(cluster: Cluster) -> None:
    """`systemctl stop docker` is somebody's wish until the next boot."""
    host = cluster.hosts[WORKER]
    service = with_service(host)
    host.engine.up, service.word = False, "inactive"
    silent(cluster, host, 900)
    assert service.log == []


def test_one_manager_at_a_time_is_restarted(cluster: Cluster) -> None:
    """While another change of the membership is under way, a manager's hung engine waits."""
    host = follower(cluster)
    service = with_service(host)
    lease = {"id": "other", "instance": "i-09", "node_id": ""}
    rules.swap(cluster.store, lambda now: rules.begin_change(now, lease), "test")
    host.engine.up = False
    silent(cluster, host, 120)
    assert service.log == []
    rules.swap(cluster.store, lambda now: rules.end_change(now, "other"), "test")
    silent(cluster, host, 60)
    assert service.log == ["restart"]
    assert cluster.control["change"] is None


def test_locked_with_an_older_key(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    """A manager that was off while the unlock key was rotated opens with the version before."""
    host = follower(cluster)
    tried: list[str] = []
    for key in ("SWMKEY-1-old", "SWMKEY-1-new"):
        version = cluster.store.write_secret("manager", "unlock-key", key)
    cluster.store.control["secrets"]["unlock"] = {"version": version, "fp": "x"}

    def unlock(body: dict[str, str]) -> None:
        tried.append(body["UnlockKey"])
        if body["UnlockKey"] != "SWMKEY-1-old":
            raise EngineError("swarm could not be unlocked: invalid key provided")
        host.engine.state = "active"

    host.engine.state = "locked"
    real = host.engine.request

    def request(method: str, path: str, body: Any = None, **query: Any) -> Any:
        return unlock(body) if path == "/swarm/unlock" else real(method, path, body, **query)

    monkeypatch.setattr(host.engine, "request", request)
    host.agent.tick()
    assert tried == ["SWMKEY-1-new", "SWMKEY-1-old"]
    assert host.joined


def test_daemon_json_changed_by_hand_is_written_again(cluster: Cluster) -> None:
    """The engine never starts with it, and is not restarted for it."""
    host = cluster.hosts[WORKER]
    service = with_service(host)
    path = Path(host.context.paths.daemon)
    right = path.read_text()
    path.write_text('{"debug": true}')
    cluster.run(20)
    assert path.read_text() == right
    assert service.log == ["reload"]
    path.write_text('{"debug": true}')
    service.restart()
    assert path.read_text() == right


@pytest.mark.parametrize("role", ["worker", "manager"])
def test_configure(speaking: Cluster, role: str) -> None:
    """New settings reach agent.json, daemon.json and the engine by one restart; the second time nothing happens."""
    cluster = speaking
    host = cluster.hosts[WORKER] if role == "worker" else follower(cluster)
    service = with_service(host)
    document = {"daemon": {"log-driver": "local"}}
    assert configure.run(host.context, document, 60) == {"restarted": True}
    assert configure.run(host.context, document, 60) == {"restarted": False}
    assert service.log == ["restart"]
    assert 'bootstrap.daemon={"log-driver":"local"}' in host.engine.labels
    assert json.loads(Path(host.context.paths.config).read_text())["daemon"] == {"log-driver": "local"}
    cluster.run(20)
    assert service.log == ["restart"]
    assert cluster.control["change"] is None


@pytest.mark.parametrize(("checks", "restarts"), [(True, 0), (False, 2)])
def test_configure_takes_back_what_the_engine_refuses(speaking: Cluster, checks: bool, restarts: int) -> None:
    """Settings that the engine does not start with change nothing, or are taken back."""
    cluster = speaking
    host = follower(cluster)
    service = with_service(host)
    service.refuses, service.checks = {"colour"}, checks
    before = {path: Path(path).read_text() for path in (host.context.paths.config, host.context.paths.daemon)}
    with pytest.raises(AgentError) as caught:
        configure.run(host.context, {"daemon": {"colour": "red"}}, 60)
    assert caught.value.code == "daemon_refused"
    assert {path: Path(path).read_text() for path in before} == before
    assert len(service.log) == restarts
    assert host.joined
    assert cluster.control["change"] is None


def test_configure_waits_for_the_other_managers(speaking: Cluster) -> None:
    """No engine of a manager is restarted while another manager is not stable."""
    cluster = speaking
    sick, host = follower(cluster), cluster.leader
    service = with_service(host)
    sick.engine.linked = False
    with pytest.raises(Refused) as caught:
        configure.run(host.context, {"daemon": {"log-driver": "local"}}, 60)
    assert sick.instance in caught.value.what
    assert service.log == []
    assert configure_label(host) == "{}"


def test_settings_are_told_in_the_node_list() -> None:
    """The swarm's own list says what each engine runs with, so nobody has to ask the nodes."""
    raw = {"ID": "n1", "Description": {"Engine": {"Labels": {nodes.DAEMON: '{"log-driver":"local"}'}}}}
    assert nodes.parse(raw).daemon == '{"log-driver":"local"}'
    assert nodes.parse({"ID": "n2"}).daemon is None


def configure_label(host: Host) -> str:
    """What the engine says that it runs with."""
    return next(one for one in host.engine.labels if one.startswith(nodes.DAEMON)).partition("=")[2]
