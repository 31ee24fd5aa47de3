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

import pytest

from bootstrap.lab import host, paths, power
from tests.e2e import overlay
from tests.e2e.face import Face, by_role, eventually, leader
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
    lines = face.ssh(node, "docker", "node", "ls", "--format", "{{json .}}").splitlines()
    return [json.loads(line) for line in lines]


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
    assert document["epoch"] == 1


def test_the_swarm_agrees(face: Face) -> None:
    """`bootstrap ssh … -- docker node ls` shows the same nodes, roles and leader as `status`."""

    def agree() -> bool:
        document = face.status()
        told = {one["Hostname"]: one["ManagerStatus"] for one in swarm_says(face, leader(document))}
        assert sorted(told) == sorted(node["hostname"] for node in document["nodes"])
        assert sum(bool(status) for status in told.values()) == 3
        return [name for name, status in told.items() if status == "Leader"] == [leader(document)]

    eventually("both name the same leader", agree, 30)  # it may change between two looks


def test_a_second_up_is_an_empty_plan(face: Face) -> None:
    """Second `up` -> empty plan, and nothing is other than before."""
    before = face.status()

    plan = face.json("plan", "--detailed-exitcode", code=0)
    after = face.up()

    assert plan == {"cluster": "e2e", "changes": [], "outdated": [], "unknown": []}
    assert [node["id"] for node in after["nodes"]] == [node["id"] for node in before["nodes"]]


def test_labels_stand_on_the_nodes(face: Face) -> None:
    """Every node has its pool, zone and instance as labels, and its pool's own."""
    for node in face.status()["nodes"]:
        assert node["labels"]["bootstrap.pool"] == node["pool"]
        assert node["labels"]["bootstrap.zone"] == node["zone"]
        assert node["labels"]["bootstrap.instance"] == node["instance"]
        assert node["labels"].get("tier") == ("web" if node["pool"] == "web" else None)


def test_hosts_are_real_machines(face: Face) -> None:
    """PID 1 is systemd, cloud-init ran the user-data, sshd and the engine are units of it."""
    node = MANAGERS[0]

    assert face.ssh(node, "cat", "/proc/1/comm").strip() == "systemd"
    assert face.ssh(node, "systemctl", "is-active", "ssh", "docker", "bootstrap-agent").split() == ["active"] * 3
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
    manager = next(one for one in hosts if one.hostname == leader(face.status()))
    overlay.create_service(manager, "app")
    eventually("five tasks run", lambda: [one[1] for one in overlay.tasks(manager)] == ["running"] * 5)

    # A task runs a moment before its server listens, and its address is known on the other nodes a moment later.
    def answer(ask: Callable[[], str]) -> str:
        return str(eventually("the service answers", ask, 60))

    answers = {(a.hostname, b.hostname): answer(partial(overlay.over_host_port, a, b)) for a in hosts for b in hosts}
    assert len(answers) == 25
    assert len(set(answers.values())) == 5, "each node answers with its own task"

    addresses = [one[2].strip("[]").split("/")[0] for one in overlay.tasks(manager)]
    across = {(a.hostname, one): answer(partial(overlay.over_network, a, one)) for a in hosts for one in addresses}
    assert set(across.values()) == set(answers.values())
    overlay.on(manager, "docker", "service", "rm", "hello")


def test_a_stack_is_deployed_and_kept_so(face: Face) -> None:
    """`stacks:` are created and kept so: an empty plan after `up`, drift told and mended, gone when the file drops it."""
    plain = face.file.read_text()
    (face.file.parent / "site.yml").write_text(SITE)
    face.file.write_text(plain + "stacks: {site: {files: [site.yml], env: {GREETING: hello}}}\n")
    node = leader(face.status())

    assert face.up()["healthy"] is True
    assert face.json("plan")["changes"] == []
    assert "hello" in face.ssh(node, "docker", "service", "inspect", "site_web")

    face.ssh(node, "docker", "service", "rm", "site_web")
    eventually("the drift is told", lambda: [one["code"] for one in face.status()["problems"]] == ["drift"], 30)
    assert face.up()["healthy"] is True
    assert "site_web" in face.ssh(node, "docker", "service", "ls", "--format", "{{.Name}}")

    face.file.write_text(plain)
    assert [(one["action"], one["kind"]) for one in face.json("plan")["changes"]] == [("delete", "stack")]
    assert face.up()["healthy"] is True
    eventually("the service is gone", lambda: face.ssh(node, "docker", "service", "ls", "-q") == "", 30)


def test_a_network_removed_by_hand_is_made_again(face: Face) -> None:
    """`networks:` are created and kept so: status tells the drift, `up` mends it."""
    node = leader(face.status())
    eventually("the network is free", lambda: face.ssh(node, "docker", "network", "rm", "app", code=None) != "")

    eventually("the drift is told", lambda: [one["code"] for one in face.status()["problems"]] == ["drift"], 30)
    plan = face.json("plan")
    assert [(one["action"], one["kind"], one["name"]) for one in plan["changes"]] == [("create", "network", "app")]
    assert face.up()["healthy"] is True


def test_scale_out_and_in(face: Face) -> None:
    """`scale web=4`, back to 1: joined, drained, removed, nothing left `Down`."""
    out = face.json("scale", "web=4", "--yes")

    assert out["healthy"] is True
    assert sum(node["pool"] == "web" for node in out["nodes"]) == 4
    assert face.json("plan")["changes"] == [], "the size is not undone by `up`"

    back = face.json("scale", "web=1", "--yes")

    assert back["healthy"] is True
    assert sum(node["pool"] == "web" for node in back["nodes"]) == 1
    eventually("all are ready", lambda: {one["Status"] for one in swarm_says(face, leader(back))} == {"Ready"}, 30)
    assert len(swarm_says(face, leader(back))) == 5


def test_a_drain_by_hand_is_held(face: Face) -> None:
    """A drain with docker's own command is nobody else's to undo: it is marked as held, no change, and healthy."""
    node = leader(face.status())
    face.ssh(node, "docker", "node", "update", "--availability", "drain", "e2e-jobs-1")

    def held() -> bool:
        return any(one["hold"] for one in face.status()["nodes"])

    eventually("the leader holds it", held, 30)
    document = face.up()
    drained = next(one for one in document["nodes"] if one["hostname"] == "e2e-jobs-1")
    assert (document["healthy"], drained["availability"], drained["hold"]) == (True, "drain", True)
    assert face.json("plan")["changes"] == []

    face.ssh(node, "docker", "node", "update", "--label-rm", "bootstrap.hold", "--availability", "active", "e2e-jobs-1")
    assert face.up()["healthy"] is True


def test_a_wiped_manager_is_replaced_with_the_same_swarm_id(face: Face) -> None:
    """A manager that loses its disk joins again as a new node of the same swarm; its old seat is cleared."""
    before = face.status()
    victim = next(name for name in MANAGERS if name != leader(before))
    record = next(one for one in overlay.hosts("e2e") if one.hostname == victim)

    power.kill(record)
    host.wipe(record)
    face.up()
    after = face.healthy(120)

    assert after["swarm_id"] == before["swarm_id"]
    assert after["epoch"] == before["epoch"]
    old, new = (next(n["id"] for n in d["nodes"] if n["hostname"] == victim) for d in (before, after))
    assert new != old
    assert sorted(one["Hostname"] for one in swarm_says(face, leader(after))) == sorted(
        node["hostname"] for node in before["nodes"]
    )


def test_managers_from_three_to_five_and_back(face: Face) -> None:
    """Managers 3 -> 5 -> 3 through the guard: 2-2-1 over the zones, then one at a time; the file follows."""
    grown = face.json("scale", "managers=5", "--write", "--yes")

    assert grown["healthy"] is True
    assert sorted(count["managers"] for count in grown["zones"].values()) == [1, 2, 2]
    assert grown["quorum"] == {"managers": 5, "reachable": 5, "needed": 3, "can_lose": 2}
    assert "count: 5" in face.file.read_text()

    back = face.json("scale", "managers=3", "--write", "--yes")

    assert back["healthy"] is True
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
    made = json.loads(face.run("context", str(face.file), "-o", "json", env=config).stdout)
    argv = ["docker", "--context", made["context"], "node", "ls", "--format", "{{.Hostname}} {{.ManagerStatus}}"]
    done = subprocess.run(argv, env={**os.environ, **config}, capture_output=True, text=True, timeout=60, check=False)

    assert done.returncode == 0, done.stderr
    assert (made["context"], made["host"]) == ("e2e", f"ssh://root@{leader(face.status())}")
    assert f"{made['node']} Leader" in done.stdout.splitlines()
    assert len(done.stdout.splitlines()) == len(face.status()["nodes"])
    assert json.loads(face.run("context", str(face.file), "-o", "json", env=config).stdout)["changed"] is False
    known = Path(made["ssh_config"]).with_name("known_hosts")
    known.write_text(
        re.sub(r"AAAA\S+", "AAAAC3NzaC1lZDI1NTE5AAAAILuC6eaKfi0hPvmJDhjC6QgCxphpJkOa/pFhCO/56Ia+", known.read_text())
    )
    refused = subprocess.run(
        argv, env={**os.environ, **config}, capture_output=True, text=True, timeout=60, check=False
    )
    assert refused.returncode != 0, "another host key is refused"
    assert "ost key verification failed" in refused.stderr or "IDENTIFICATION HAS CHANGED" in refused.stderr


def test_what_shows_the_cluster(face: Face, tmp_path: Path) -> None:
    """`graph` draws every node, `doctor` finds all of a whole cluster fine, `events` has the trail, `dump` no secret."""
    document = face.status()
    cards = face.json("graph", "--to", str(tmp_path / "x.svg"))["cards"]
    assert sorted(f"e2e-{card['name']}" for card in cards) == sorted(node["hostname"] for node in document["nodes"])
    assert "can lose 1" in (tmp_path / "x.svg").read_text()

    checks = face.json("doctor")["checks"]
    assert [one for one in checks if one["result"] == "fail"] == []
    ports = [one for one in checks if one["id"] == "ports"]
    assert sorted(one["node"] for one in ports) == sorted(node["hostname"] for node in document["nodes"])

    told = {
        (one["who"].split(":")[0].split("@")[0] == "agent", one["outcome"]) for one in face.json("events")["events"]
    }
    assert (True, "done") in told
    assert (False, "done") in told

    packed = face.json("dump", "--to", str(tmp_path / "x.tar.gz"))
    assert (packed["unreachable"], packed["missing"]) == ([], [])
    with tarfile.open(tmp_path / "x.tar.gz") as archive:
        texts = {one.name: one_file.read() for one in archive if (one_file := archive.extractfile(one))}
    assert [name for name, text in texts.items() if SECRETS.search(text)] == []
    assert sum(name.endswith("/joining.txt") for name in texts) == len(document["nodes"])


def test_no_secret_anywhere(face: Face, sampler: Sampler) -> None:
    """Canary search: output, files, user-data, argv and environment samples, journal and console logs hold no secret."""
    token = face.ssh(leader(face.status()), "docker", "swarm", "join-token", "-q", "worker").strip()
    face.printed.pop(-2)  # that output was asked for by this test itself
    assert SECRETS.search(token.encode()), "the pattern knows what a token looks like"
    assert token.encode() in own_tokens()

    assert sampler.rounds > 100
    assert {hit for hit in sampler.hits if hit in own_tokens() or not hit.startswith(b"SWMTKN")} == set()
    assert [text for text in face.printed if SECRETS.search(text.encode())] == []
    assert secret_files(paths.cluster_dir("e2e")) == []
    for one in overlay.hosts("e2e"):
        root = Path(f"/proc/{host.init_pid(one)}/root")
        assert [secret_files(root / part) for part in ("etc", "run", "tmp", "root", "var", "usr/local")] == [[]] * 6
        journal = overlay.on(one, "journalctl", "--no-pager", "-o", "cat", timeout=60)
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
    eventually("the first hosts are made", lambda: len(overlay.hosts("e2e")) >= 2, 60)

    running.send_signal(2)
    _, told = running.communicate(timeout=120)

    assert running.returncode == 130, told
    assert "bootstrap up" in told
    assert face.up()["healthy"] is True


def test_down_leaves_nothing(face: Face, before: dict[str, list[str]]) -> None:
    """`down` leaves no process, namespace, mount, interface, rule, cgroup, sysctl, folder or lock."""
    face.run("down", str(face.file), "--yes")

    assert left(before) == {}
    assert face.status()["swarm_id"] is None
    assert face.run("down", str(face.file), "--yes").returncode == 0, "a second `down` has nothing to do"
