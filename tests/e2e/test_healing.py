"""What a cluster mends by itself, and what `up` mends: faults done by hand to real engines, several at a time."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from bootstrap.lab import address, paths, power, records
from bootstrap.lab.records import HostRecord
from bootstrap.lab.runner import HostRunner
from bootstrap.providers.local.host import switch_on
from tests.e2e.face import Face, eventually

pytestmark = pytest.mark.lab

NAME = "healing"
INVENTORY = f"""\
version: 1
cluster: {NAME}
provider: local
local: {{memory: 512MiB}}
managers: {{count: 3}}
pools:
  web: {{count: 2, labels: {{tier: web}}}}
networks: {{edge: {{attachable: true}}}}
"""
LIMIT = 120.0  # seconds: the longest that healing may take, after a partition; twice what the issue names otherwise
WEB_1, WEB_2 = f"{NAME}-web-1", f"{NAME}-web-2"


@dataclass
class Patient:
    """A cluster that is harmed. `was` holds the node id of each host before its latest harm."""

    face: Face
    was: dict[str, str]

    def harm(self, hostname: str, deed: Callable[[HostRecord], object]) -> None:
        """Note who it is, and do it."""
        self.was[hostname] = self.node(hostname)["id"]
        deed(record(hostname))

    def nodes(self, hostname: str) -> list[Any]:
        """Its ready nodes: one that left may still stand beside it."""
        return [one for one in self.face.status()["nodes"] if one["hostname"] == hostname and one["state"] == "ready"]

    def node(self, hostname: str) -> Any:
        """Its node, when it has one."""
        return self.nodes(hostname)[0]

    def anew(self, hostname: str) -> Any:
        """Its node once it joined anew, has its labels and takes tasks."""
        end = time.monotonic() + LIMIT
        while time.monotonic() < end:
            for node in self.nodes(hostname):
                if node["id"] != self.was[hostname] and (node["instance"], node["availability"]) == (
                    record(hostname).instance,
                    "active",
                ):
                    return node
            time.sleep(0.5)
        pytest.fail(f"{hostname} did not join anew: {self.face.status()['problems']}")

    def wiped(self, hostname: str) -> None:
        """Wipe it and wait for its new node."""
        self.harm(hostname, lambda _: self.face.run("local", "wipe", str(self.face.file), hostname))
        self.anew(hostname)

    def follower(self) -> str:
        """A manager that does not lead."""
        leader = self.leader()
        nodes = [one["hostname"] for one in self.face.status()["nodes"] if one["role"] == "manager"]
        return str([name for name in nodes if name != leader][-1])

    def leader(self) -> str:
        """The one that leads; there is none while one is elected."""

        def found() -> str:
            return next((str(one["hostname"]) for one in self.face.status()["nodes"] if one["leader"]), "")

        return str(eventually("somebody leads", found, 60))


def record(hostname: str) -> HostRecord:
    """The host's record as it is now."""
    found = records.load_host(paths.cluster_dir(NAME), hostname)
    assert found is not None
    return found


def on(hostname: str, command: str) -> str:
    """What a command on a host prints; its exit code does not matter."""
    done = HostRunner(record(hostname)).run(["sh", "-c", command], timeout=90)
    return done.stdout + done.stderr


def move(host: HostRecord) -> None:
    """Off, and on again with another address."""
    power.off(host)
    switch_on(address.move(host), lambda _: None)


@pytest.fixture(scope="module")
def patient(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Patient]:
    """Three managers and two workers, healthy."""
    file = tmp_path_factory.mktemp("healing") / "cluster.yml"
    file.write_text(INVENTORY)
    face = Face(file)
    try:
        assert face.up()["healthy"]
        yield Patient(face, {})
    finally:
        face.run("down", str(file), "--yes", code=None)


@pytest.fixture(scope="module")
def first(patient: Patient) -> dict[str, str]:
    """A worker and a manager get other addresses, and the other worker is removed by hand: all at once."""
    follower = patient.follower()
    patient.harm(WEB_2, lambda _: on(patient.leader(), f"docker node rm --force {patient.was[WEB_2]}"))
    patient.harm(WEB_1, move)
    patient.harm(follower, move)
    return {"manager": follower, "worker": WEB_1, "removed": WEB_2}


@pytest.mark.parametrize("role", ["worker", "manager"])
def test_changed_address_after_a_reboot(patient: Patient, first: dict[str, str], role: str) -> None:
    """A machine that comes back with another address joins anew with it, without a person."""
    hostname = first[role]
    node = patient.anew(hostname)
    assert node["address"] == record(hostname).address
    assert on(hostname, "docker info --format '{{.Swarm.NodeAddr}}'").strip() == node["address"]


def test_node_removed_by_hand(patient: Patient, first: dict[str, str]) -> None:
    """`docker node rm --force` of a live worker: it is told, and joins anew."""
    patient.anew(first["removed"])


@pytest.fixture(scope="module")
def second(patient: Patient, first: dict[str, str]) -> dict[str, str]:
    """A worker is put into a swarm of its own, and a manager loses its raft log: at once."""
    for hostname in first.values():
        patient.anew(hostname)
    follower = patient.follower()
    engine = "systemctl stop docker.socket docker; {}; systemctl start --no-block docker"
    patient.harm(follower, lambda _: on(follower, engine.format("rm -rf /var/lib/docker/swarm/raft")))
    patient.harm(WEB_1, lambda _: on(WEB_1, "docker swarm leave --force; docker swarm init --advertise-addr eth0"))
    return {"manager": follower}


def test_foreign_joined_node(patient: Patient, second: dict[str, str]) -> None:
    """A worker that somebody made the manager of another swarm leaves that and comes back."""
    assert second
    patient.anew(WEB_1)
    assert on(WEB_1, "docker info --format '{{.Swarm.ControlAvailable}}'").strip() == "false"


def test_lost_raft_log(patient: Patient, second: dict[str, str]) -> None:
    """A manager whose engine panics over its raft log is cleared by the others, and joins anew."""
    assert patient.anew(second["manager"])["reachability"] == "reachable"


def test_labels_by_hand(patient: Patient, second: dict[str, str]) -> None:
    """The leader restores the pool's labels; a label of somebody else's stays."""
    assert second
    node = patient.node(WEB_2)
    on(
        patient.leader(),
        f"docker node update --label-rm tier --label-add bootstrap.pool=x --label-add mine=1 {node['id']}",
    )
    end = time.monotonic() + LIMIT
    while patient.node(WEB_2)["labels"].get("tier") != "web" and time.monotonic() < end:
        time.sleep(0.5)
    labels = patient.node(WEB_2)["labels"]
    assert (labels["tier"], labels["bootstrap.pool"], labels["mine"]) == ("web", "web", "1")


def test_network_and_half_made_host(patient: Patient, second: dict[str, str]) -> None:
    """`up` makes a network again that was removed by hand, and a host whose record is lost; ghosts are gone after it."""
    patient.anew(second["manager"])
    eventually("the network is gone", lambda: on(patient.leader(), "docker network rm edge") and not edges(patient), 60)
    power.kill(record(WEB_2))
    (paths.host_dir(NAME, WEB_2) / paths.RECORD).unlink()
    eventually("it is told", lambda: "drift" in {one["code"] for one in patient.face.status()["problems"]}, 30)

    after = patient.face.up()

    assert after["healthy"], after["problems"]
    assert len(after["nodes"]) == 5
    assert edges(patient)


def edges(patient: Patient) -> bool:
    """Whether the network is there."""
    return "edge" in on(patient.leader(), "docker network ls --format '{{.Name}}'")


def test_daemon_json_by_hand(patient: Patient) -> None:
    """A daemon.json changed by hand never takes effect: it is written again before the engine starts."""
    wanted = on(WEB_1, "cat /etc/docker/daemon.json")
    hand = """echo '{"debug": true}' >/etc/docker/daemon.json; systemctl restart docker"""
    on(WEB_1, hand)
    assert on(WEB_1, "docker info --format '{{.Debug}}'").strip() == "false"
    assert on(WEB_1, "cat /etc/docker/daemon.json") == wanted


def test_daemon_json_of_the_inventory(patient: Patient) -> None:
    """Other settings are told as a restart in the plan, restart only the engines that they concern, and stay."""
    face, leads = patient.face, patient.leader()
    face.healthy()  # the engine that the test before restarted is a ready node again
    face.file.write_text(INVENTORY.replace("count: 2,", "count: 2, docker: {daemon: {log-driver: local}},"))
    before = on(leads, "systemctl show --property=MainPID docker")

    plan = json.loads(face.run("plan", str(face.file), "-o", "json").stdout)

    *engines, group = sorted(plan["changes"], key=lambda one: one["kind"] == "group")
    fields = [{"name": "daemon.log-driver", "old": None, "new": "local"}]
    change = {"action": "update", "kind": "node", "fields": fields, "disruption": "restart"}
    assert engines == [{**change, "name": WEB_1}, {**change, "name": WEB_2}]
    assert (group["action"], group["name"], group["disruption"]) == ("update", f"{NAME}-pool-web", "none")
    assert plan["outdated"] == []
    patient.wiped(WEB_2)
    told = [one["name"] for one in face.status()["outdated"]]
    assert told == [WEB_1, WEB_2], "its group has the old settings still"
    assert json.loads(face.run("plan", str(face.file), "-o", "json").stdout)["changes"] == plan["changes"]
    assert face.up()["outdated"] == []
    assert on(WEB_1, "docker info --format '{{.LoggingDriver}}'").strip() == "local"
    assert on(leads, "systemctl show --property=MainPID docker") == before
    again = json.loads(face.run("plan", str(face.file), "-o", "json").stdout)
    assert (again["changes"], again["outdated"]) == ([], [])


def test_a_wiped_host_has_what_its_group_has(patient: Patient) -> None:
    """After that `up` a new machine boots with the new settings by itself: nothing differs, nothing is left to do."""
    face = patient.face

    patient.wiped(WEB_2)

    assert on(WEB_2, "docker info --format '{{.LoggingDriver}}'").strip() == "local"
    plan = json.loads(face.run("plan", str(face.file), "-o", "json").stdout)
    assert (plan["changes"], plan["outdated"], face.status()["outdated"]) == ([], [], [])


def test_settings_that_the_engine_refuses(patient: Patient, tmp_path: Path) -> None:
    """The engine is asked first: a setting that it does not know changes nothing, and `up` says which."""
    file = tmp_path / "cluster.yml"
    file.write_text(INVENTORY.replace("count: 2,", "count: 2, docker: {daemon: {no-such-key: 1}},"))
    before = on(WEB_1, "cat /etc/docker/daemon.json; systemctl show --property=MainPID docker")

    done = patient.face.run("up", str(file), "--yes", code=1)

    assert "no-such-key" in done.stderr
    assert on(WEB_1, "cat /etc/docker/daemon.json; systemctl show --property=MainPID docker") == before
