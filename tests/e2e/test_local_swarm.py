"""A real swarm on this machine from the example inventory, through its whole life. The order of the tests counts."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from bootstrap.lab import host, paths, power
from tests.e2e import overlay
from tests.e2e.face import GUARDED, MOMENT, Face, by_role, eventually, leader
from tests.e2e.machine import SECRETS, Sampler, left

pytestmark = [pytest.mark.lab, pytest.mark.alone]

SITE = """\
version: "3.8"
services:
  web:
    image: hello:e2e
    command: [/bin/busybox, httpd, -f, -p, "8080", -h, /etc]
    environment: {GREETING: "${GREETING}"}
    networks: [app]
    deploy: {mode: global, endpoint_mode: dnsrr}
networks:
  app: {external: true}
"""
MANAGERS = [f"e2e-managers-{zone}-1" for zone in "abc"]


def swarm_says(face: Face, node: str) -> list[dict[str, str]]:
    """`docker node ls`, asked over ssh on that node."""
    lines = face.told(node, "docker", "node", "ls", "--format", "{{json .}}").splitlines()
    return [json.loads(line) for line in lines]


def services(face: Face, node: str) -> list[str]:
    """The names of the swarm's services."""
    return face.told(node, "docker", "service", "ls", "--format", "{{.Name}}").split()


def remove(face: Face, node: str, kind: str, name: str) -> None:
    """`docker KIND rm NAME`, until it is gone: it may be in use for a moment, and nothing changes while nobody leads."""

    def gone() -> bool:
        face.ssh(node, "docker", kind, "rm", name, code=None)
        return name not in face.ssh(node, "docker", kind, "ls", "--format", "{{.Name}}").split()

    eventually(f"{name} is gone", gone)


def test_up_ends_healthy(face: Face, sampler: Sampler) -> None:
    """`up` -> healthy: five ready nodes, three managers in three zones, one leader, published token = live token."""
    document = face.up()

    assert document["healthy"] is True
    assert document["problems"] == []
    assert [node["state"] for node in document["nodes"]] == ["ready"] * 5
    assert sorted(node["hostname"] for node in by_role(document, "manager")) == MANAGERS
    assert {zone: count["managers"] for zone, count in document["zones"].items()} == {"a": 1, "b": 1, "c": 1}
    assert document["quorum"] == {"managers": 3, "reachable": 3, "needed": 2, "can_lose": 1}
    assert document["tokens"]["published_is_live"] is True
    assert document["unjoined"] == []
    assert document["epoch"] >= 1  # each takeover of a claim, as from a manager that is very slow, is one more


def test_the_swarm_agrees(face: Face) -> None:
    """`bootstrap ssh … -- docker node ls` shows the same nodes, roles and leader as `status`."""

    def agree() -> bool:
        document = face.status()
        told = {one["Hostname"]: one["ManagerStatus"] for one in swarm_says(face, leader(document))}
        assert sorted(told) == sorted(node["hostname"] for node in document["nodes"])
        assert sum(bool(status) for status in told.values()) == 3
        return [name for name, status in told.items() if status == "Leader"] == [leader(document)]

    eventually("both name the same leader", agree)  # it may change between two looks


def test_a_second_up_is_an_empty_plan(face: Face) -> None:
    """Second `up` -> empty plan, and nothing is other than before."""
    before = face.healthy()

    plan = face.plan("--detailed-exitcode")
    after = face.up()

    assert plan == {"cluster": "e2e", "changes": [], "outdated": [], "unknown": [], "notes": []}
    assert [node["id"] for node in after["nodes"]] == [node["id"] for node in before["nodes"]]


def test_labels_stand_on_the_nodes(face: Face) -> None:
    """Every node has its pool, zone and instance as labels, and its pool's own."""

    def labels() -> bool:  # the leader gives them in its next round: a manager is healthy without
        for node in face.healthy()["nodes"]:
            assert node["labels"].get("bootstrap.pool") == node["pool"]
            assert node["labels"].get("bootstrap.zone") == node["zone"]
            assert node["labels"].get("bootstrap.instance") == node["instance"]
            assert node["labels"].get("tier") == ("web" if node["pool"] == "web" else None)
        return True

    eventually("all have them", labels)


def test_hosts_are_real_machines(face: Face) -> None:
    """PID 1 is systemd, cloud-init ran the user-data, sshd and the engine are units of it."""
    node = MANAGERS[0]

    assert face.ssh(node, "cat", "/proc/1/comm").strip() == "systemd"
    assert face.told(node, "systemctl", "is-active", "ssh", "docker", "bootstrap-agent").split() == ["active"] * 3
    result = "/run/cloud-init/result.json"  # written at the end of cloud-init; the node is a member before
    eventually("cloud-init ends", lambda: json.loads(face.ssh(node, "cat", result))["v1"]["errors"] == [])
    assert face.ssh(node, "cat", "/var/lib/cloud/instance/user-data.txt").startswith("#!/bin/sh")


def test_the_rendered_user_data_is_what_was_booted(face: Face) -> None:
    """`render` prints exactly what the host got."""
    booted = face.ssh("e2e-web-1", "cat", "/var/lib/cloud/instance/user-data.txt")

    assert face.run("render", str(face.file), "--pool", "web").stdout == booted


def test_a_service_answers_from_every_node_to_every_node(face: Face, tmp_path: Path) -> None:
    """A service with one replica per node on an overlay network of the inventory: every node reaches every node."""
    overlay.load_everywhere("e2e", overlay.image_tar(tmp_path))
    hosts = overlay.hosts("e2e")
    leads = face.leader()
    manager = next(one for one in hosts if one.hostname == leads)
    eventually("the service is made", lambda: overlay.create_service(manager, "app"))
    eventually("five tasks run", lambda: [one[1] for one in overlay.tasks(manager)] == ["running"] * 5)

    # A task runs a moment before its server listens, and its address is known on the other nodes a moment later.
    def answer(ask: Callable[[], str]) -> str:
        return str(eventually("the service answers", ask))

    answers = {(a.hostname, b.hostname): answer(partial(overlay.over_host_port, a, b)) for a in hosts for b in hosts}
    assert len(answers) == 25
    assert len(set(answers.values())) == 5, "each node answers with its own task"

    addresses = [one[2].strip("[]").split("/")[0] for one in eventually("all", lambda: overlay.tasks(manager))]
    across = {(a.hostname, one): answer(partial(overlay.over_network, a, one)) for a in hosts for one in addresses}
    assert set(across.values()) == set(answers.values())
    eventually("it is removed", lambda: overlay.remove_service(manager))


def test_a_stack_is_deployed_and_kept_so(face: Face) -> None:
    """`stacks:` are created and kept so: an empty plan after `up`, drift told and mended, gone when the file drops it."""
    plain = face.file.read_text()
    (face.file.parent / "site.yml").write_text(SITE)
    face.file.write_text(plain + "stacks: {site: {files: [site.yml], env: {GREETING: hello}}}\n")
    node = face.leader()

    assert face.up()["healthy"] is True
    assert face.plan()["changes"] == []
    assert "hello" in face.told(node, "docker", "service", "inspect", "site_web")

    remove(face, node, "service", "site_web")
    eventually("the drift is told", lambda: [one["code"] for one in face.status()["problems"]] == ["drift"])
    assert face.up()["healthy"] is True
    assert "site_web" in services(face, node)

    face.file.write_text(plain)
    assert [(one["action"], one["kind"]) for one in face.plan()["changes"]] == [("delete", "stack")]
    assert face.up()["healthy"] is True
    eventually("the service is gone", lambda: services(face, node) == [])


def test_a_network_removed_by_hand_is_made_again(face: Face) -> None:
    """`networks:` are created and kept so: status tells the drift, `up` mends it."""
    remove(face, face.leader(), "network", "app")  # when it is free: the tasks of the service have to end

    eventually("the drift is told", lambda: [one["code"] for one in face.status()["problems"]] == ["drift"])
    plan = face.plan()
    assert [(one["action"], one["kind"], one["name"]) for one in plan["changes"]] == [("create", "network", "app")]
    assert face.up()["healthy"] is True


def test_scale_out_and_in(face: Face) -> None:
    """`scale web=4`, back to 1: joined, drained, removed, nothing left `Down`."""
    face.insist("scale", "web=4", "--yes")

    assert sum(node["pool"] == "web" for node in face.healthy()["nodes"]) == 4
    assert face.plan()["changes"] == [], "the size is not undone by `up`"

    face.insist("scale", "web=1", "--yes")

    back = face.healthy()
    assert sum(node["pool"] == "web" for node in back["nodes"]) == 1
    eventually("all are ready", lambda: {one["Status"] for one in swarm_says(face, leader(back))} == {"Ready"})
    assert len(swarm_says(face, leader(back))) == 5


def test_a_drain_by_hand_is_held(face: Face) -> None:
    """A drain with docker's own command is nobody else's to undo: it is marked as held, no change, and healthy."""
    node = face.leader()
    face.told(node, "docker", "node", "update", "--availability", "drain", "e2e-jobs-1")

    def held() -> bool:
        return any(one["hold"] for one in face.status()["nodes"])

    eventually("the leader holds it", held)
    document = face.up()
    drained = next(one for one in document["nodes"] if one["hostname"] == "e2e-jobs-1")
    assert (document["healthy"], drained["availability"], drained["hold"]) == (True, "drain", True)
    assert face.plan()["changes"] == []

    face.told(
        node, "docker", "node", "update", "--label-rm", "bootstrap.hold", "--availability", "active", "e2e-jobs-1"
    )
    assert face.up()["healthy"] is True


def test_a_wiped_manager_is_replaced_with_the_same_swarm_id(face: Face) -> None:
    """A manager that loses its disk joins again as a new node of the same swarm; its old seat is cleared."""
    before = face.healthy()
    victim = next(name for name in MANAGERS if name != leader(before))
    record = next(one for one in overlay.hosts("e2e") if one.hostname == victim)

    power.kill(record)
    host.wipe(record)
    face.up()
    after = face.healthy(2 * MOMENT)

    assert after["swarm_id"] == before["swarm_id"]
    assert after["epoch"] == before["epoch"]
    old, new = (next(n["id"] for n in d["nodes"] if n["hostname"] == victim) for d in (before, after))
    assert new != old
    assert sorted(one["Hostname"] for one in swarm_says(face, leader(after))) == sorted(
        node["hostname"] for node in before["nodes"]
    )


def test_managers_from_three_to_five_and_back(face: Face) -> None:
    """Managers 3 -> 5 -> 3 through the guard: 2-2-1 over the zones, then one at a time; the file follows."""
    face.insist("scale", "managers=5", "--write", "--yes")

    grown = face.healthy()
    assert sorted(count["managers"] for count in grown["zones"].values()) == [1, 2, 2]
    assert grown["quorum"] == {"managers": 5, "reachable": 5, "needed": 3, "can_lose": 2}
    assert "count: 5" in face.file.read_text()

    # The guard: a manager that was slow just now is not stable for a while.
    face.insist("scale", "managers=3", "--write", "--yes", later=GUARDED)

    back = face.healthy()
    assert back["swarm_id"] == grown["swarm_id"]
    assert len(swarm_says(face, leader(back))) == 5
    assert sorted(node["hostname"] for node in by_role(back, "manager")) == MANAGERS


def test_exec_runs_on_many_and_logs_tell_the_boot(face: Face) -> None:
    """`exec` prefixes each host's output; `logs --boot` has the console of the first boot."""
    shown = face.run("exec", str(face.file), "--role", "manager", "--", "hostname").stdout

    assert all(name in shown for name in MANAGERS)
    assert "docker" in face.run("logs", str(face.file), "e2e-web-1", "--boot").stdout.lower()
    assert face.run("exec", str(face.file), "--", "false", code=1).returncode == 1
    assert face.run("ssh", str(face.file), "e2e-web-1", "--", "sh", "-c", "exit 7", code=7).returncode == 7


def test_the_stock_docker_client_follows_the_leader(face: Face, tmp_path: Path) -> None:
    """`context`: `docker --context NAME node ls` works over ssh, the host key is verified, again changes nothing."""
    if not shutil.which("docker"):
        pytest.skip("witness absent: docker's client is not installed here")
    config = {"DOCKER_CONFIG": str(tmp_path)}
    argv = ["docker", "--context", "e2e", "node", "ls", "--format", "{{.Hostname}} {{.ManagerStatus}}"]

    def context() -> Any:
        return json.loads(face.run("context", str(face.file), "-o", "json", env=config).stdout)

    def listed() -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, **config}
        return subprocess.run(argv, env=environment, capture_output=True, text=True, timeout=MOMENT, check=False)

    def follow() -> Any:
        made, done = context(), listed()
        assert done.returncode == 0, done.stderr
        assert len(done.stdout.splitlines()) == len(face.healthy()["nodes"])
        return made if f"{made['node']} Leader" in done.stdout.splitlines() else None

    made = eventually("it goes to the leader", follow)  # which may change between two looks
    assert (made["context"], made["host"]) == ("e2e", f"ssh://root@{made['node']}")
    eventually("a second one changes nothing", lambda: context()["changed"] is False)
    known = Path(made["ssh_config"]).with_name("known_hosts")
    known.write_text(
        re.sub(r"AAAA\S+", "AAAAC3NzaC1lZDI1NTE5AAAAILuC6eaKfi0hPvmJDhjC6QgCxphpJkOa/pFhCO/56Ia+", known.read_text())
    )
    refused = listed()
    assert refused.returncode != 0, "another host key is refused"
    assert "ost key verification failed" in refused.stderr or "IDENTIFICATION HAS CHANGED" in refused.stderr


def test_what_shows_the_cluster(face: Face, tmp_path: Path) -> None:
    """`graph` draws every node, `doctor` finds all of a whole cluster fine, `events` has the trail, `dump` no secret."""
    document = face.healthy()

    def drawn() -> bool:
        cards = face.json("graph", "--to", str(tmp_path / "x.svg"))["cards"]
        assert sorted(f"e2e-{card['name']}" for card in cards) == sorted(node["hostname"] for node in document["nodes"])
        return "can lose 1" in (tmp_path / "x.svg").read_text()

    def checks() -> Any:
        found = face.json("doctor")["checks"]
        assert [one for one in found if one["result"] == "fail"] == []
        return found

    eventually("every node is drawn", drawn)
    ports = [one for one in eventually("all is fine", checks) if one["id"] == "ports"]
    assert sorted(one["node"] for one in ports) == sorted(node["hostname"] for node in document["nodes"])

    told = {
        (one["who"].split(":")[0].split("@")[0] == "agent", one["outcome"]) for one in face.json("events")["events"]
    }
    assert (True, "done") in told
    assert (False, "done") in told

    def whole() -> bool:
        packed = face.json("dump", "--to", str(tmp_path / "x.tar.gz"))
        return (packed["unreachable"], packed["missing"]) == ([], [])

    eventually("everybody answers for the archive", whole)
    with tarfile.open(tmp_path / "x.tar.gz") as archive:
        texts = {one.name: one_file.read() for one in archive if (one_file := archive.extractfile(one))}
    assert [name for name, text in texts.items() if SECRETS.search(text)] == []
    assert sum(name.endswith("/joining.txt") for name in texts) == len(document["nodes"])


def test_no_secret_anywhere(face: Face, sampler: Sampler) -> None:
    """Canary search: output, files, user-data, argv and environment samples, journal and console logs hold no secret."""
    known = len(face.printed)
    token = face.told(face.leader(), "docker", "swarm", "join-token", "-q", "worker").strip()
    del face.printed[known:]  # that output was asked for by this test itself
    assert SECRETS.search(token.encode()), "the pattern knows what a token looks like"
    assert token.encode() in own_tokens()

    assert sampler.rounds > 100
    assert {hit for hit in sampler.hits if hit in own_tokens() or not hit.startswith(b"SWMTKN")} == set()
    assert [text for text in face.printed if SECRETS.search(text.encode())] == []
    assert secret_files(paths.cluster_dir("e2e")) == []
    for one in overlay.hosts("e2e"):
        root = Path(f"/proc/{host.init_pid(one)}/root")
        assert [secret_files(root / part) for part in ("etc", "run", "tmp", "root", "var", "usr/local")] == [[]] * 6
        journal = overlay.on(one, "journalctl", "--no-pager", "-o", "cat", timeout=300)
        assert not SECRETS.search(journal.encode()), one.hostname


def own_tokens() -> set[bytes]:
    """Every join token that the cluster ever had: one in the argv of a swarm made by hand beside it is no fault of ours."""
    store = paths.cluster_dir("e2e") / "store"
    return {path.read_bytes().strip() for role in ("worker", "manager") for path in (store / role).iterdir()}


def secret_files(folder: Path) -> list[str]:
    """Files that hold a token or key, but for the store's secret parts, the engines' own state and ssh keys.

    A host's disk as one file is left out: its files are looked at in the host.
    """
    own = (
        "/store/worker/",
        "/store/manager/",
        "/lib/docker/",
        "/lib/containerd/",
        "/ssh/id_ed25519",
        "/etc/ssh/ssh_host_",
    )
    found = []
    for path in folder.rglob("*"):
        name = str(path)
        if any(part in name for part in own) or path.name == paths.DISK or not path.is_file() or path.is_symlink():
            continue
        with suppress(OSError):  # gone meanwhile, or a file of the kernel's
            if SECRETS.search(path.read_bytes()):
                found.append(name)
    return found


def test_an_interrupted_down_and_up_go_on(face: Face) -> None:
    """Ctrl-C in `up` stops cleanly with 130 and says how to go on; the same command then ends healthy."""
    told = face.run("down", str(face.file), "--yes").stderr
    assert "docker context is removed: e2e" in told or not shutil.which("docker")
    running = subprocess.Popen(
        [sys.executable, "-m", "bootstrap", "up", str(face.file), "--yes"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    eventually("the first hosts are made", lambda: len(overlay.hosts("e2e")) >= 2)

    running.send_signal(2)
    _, told = running.communicate(timeout=2 * MOMENT)

    assert running.returncode == 130, told
    assert "bootstrap up" in told
    assert face.up()["healthy"] is True


def test_down_leaves_nothing(face: Face, before: dict[str, list[str]]) -> None:
    """`down` leaves no process, namespace, mount, interface, rule, cgroup, sysctl, folder or lock."""
    face.run("down", str(face.file), "--yes")

    assert left(before) == {}
    assert face.status()["swarm_id"] is None
    assert face.run("down", str(face.file), "--yes").returncode == 0, "a second `down` has nothing to do"
