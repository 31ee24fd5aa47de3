"""The floor: the same hosts, formed by a script that a careful person would write by hand for just this one job.

It boots the same lab hosts from the same image with the same disks, eight at a time; cloud-init starts their engines.
It makes the swarm on the first, lets all others join at once, waits until all are ready, and gives each its labels.
It knows no plan, no election, no store, no upkeep and no error: nothing of it would come back after a reboot.

Run as a program, `floor.py up|check|list|down CLUSTER HOSTS`, so that its time and memory are those of a process.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from bootstrap.lab import address, disk, fabric, host, image, paths, records, sysctl
from bootstrap.lab.records import GroupRecord, HostRecord
from bootstrap.lab.runner import HostRunner

IMAGE = "debian-13"
MEMORY = 1 << 30
MANAGERS = 3
PARALLEL = 8  # as many as `bootstrap up` works on at once
POLL = 0.1
DEADLINE = 1200.0
USER_DATA = "#cloud-config\nruncmd:\n- systemctl enable --now docker.service\n"
LABELS = (
    'for node in "$@"; do docker node update --label-add pool=web --label-add zone=a "$node" >/dev/null || exit; done'
)
Given = TypeVar("Given")
Found = TypeVar("Found")


def say(record: HostRecord, *argv: str) -> str:
    """What a command in the host prints; the script ends where it fails."""
    result = HostRunner(record).run(argv, timeout=DEADLINE)
    if result.code:
        sys.exit(f"{record.hostname}: {' '.join(argv)}: {result.stderr}")
    return result.stdout.strip()


def everywhere(work: Callable[[Given], Found], hosts: Iterable[Given]) -> list[Found]:
    """The same on all of them, in parallel."""
    with ThreadPoolExecutor(PARALLEL) as pool:
        return list(pool.map(work, hosts))


def until(true: Callable[[], bool]) -> None:
    """Wait for it."""
    end = time.monotonic() + DEADLINE
    while not true():
        if time.monotonic() > end:
            sys.exit("this takes too long")
        time.sleep(POLL)


def make(cluster: str, number: int) -> HostRecord:
    """One host, booted."""
    record = address.claim(cluster, lambda found: _record(cluster, number, found))
    (host.folder(record) / "user-data").write_text(USER_DATA)
    host.create(record)
    host.boot(record)
    return record


def _record(cluster: str, number: int, found: str) -> HostRecord:
    return HostRecord(
        instance=host.new_instance(), hostname=f"{cluster}-web-{number}", cluster=cluster, uid="floor",
        group=f"{cluster}-pool-web", slot=number, role="worker", pool="web", zone="a", address=found,
        mac=address.mac(found), image=IMAGE, template="t", memory=MEMORY, created=records.now(), disk=disk.size(None),
    )  # fmt: skip


def wait_for_engine(record: HostRecord) -> None:
    """Until it answers. Nothing is started in the host before its socket is there: until then a look costs nothing."""
    socket = Path(f"/proc/{host.init_pid(record)}/root/run/docker.sock")
    until(socket.exists)
    until(lambda: HostRunner(record).run(["docker", "version"]).code == 0)


def up(cluster: str, count: int) -> None:
    """From nothing to a swarm whose nodes are all ready and have their labels."""
    image.ensure(IMAGE, print)
    sysctl.raise_inotify(count, print)
    fabric.create(cluster, "floor", avoid=["10.200.0.0/16"])
    folder = paths.cluster_dir(cluster)
    records.save_group(folder, GroupRecord(f"{cluster}-pool-web", "web", "worker", "", count))
    hosts = everywhere(lambda number: make(cluster, number), range(1, count + 1))
    everywhere(wait_for_engine, hosts)
    first, *others = hosts
    say(first, "docker", "swarm", "init", "--advertise-addr", first.address, "--default-addr-pool", "10.200.0.0/16")
    tokens = {role: say(first, "docker", "swarm", "join-token", "-q", role) for role in ("worker", "manager")}

    def join(record: HostRecord) -> str:
        role = "manager" if others.index(record) < MANAGERS - 1 else "worker"
        return say(record, "docker", "swarm", "join", "--token", tokens[role], f"{first.address}:2377")

    everywhere(join, others)
    until(lambda: ready(first) == count)
    say(first, "sh", "-c", LABELS, "sh", *(one.hostname for one in hosts))


def ready(first: HostRecord) -> int:
    """How many nodes are."""
    return say(first, "docker", "node", "ls", "--format", "{{.Status}}").split().count("Ready")


def check(cluster: str, count: int) -> None:
    """What such a script would look at when it is run again: each engine is in the swarm, and all nodes are ready."""
    hosts = records.load_hosts(paths.cluster_dir(cluster))
    states = everywhere(lambda one: say(one, "docker", "info", "--format", "{{.Swarm.LocalNodeState}}"), hosts)
    if states != ["active"] * count or ready(hosts[0]) != count:
        sys.exit("not as wanted")


def show(cluster: str, _: int) -> None:
    """The list of nodes from one manager."""
    first = records.load_hosts(paths.cluster_dir(cluster))[0]
    print(say(first, "docker", "node", "ls"))


def down(cluster: str, _: int) -> None:
    """Remove all of it, half made or gone already too."""
    folder = paths.cluster_dir(cluster)
    everywhere(host.destroy, records.load_hosts(folder))
    records.remove(folder / "groups")
    fabric.destroy(cluster)


if __name__ == "__main__":
    VERBS = {"up": up, "check": check, "list": show, "down": down}
    VERBS[sys.argv[1]](sys.argv[2], int(sys.argv[3]))
