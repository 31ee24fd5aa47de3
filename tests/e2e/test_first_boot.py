"""Machines that lose their power in their very first boot, at which cloud-init runs their user-data and never again."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from bootstrap.lab import disk, host, paths, power, records
from bootstrap.lab.records import HostRecord
from tests.e2e.face import Face, eventually
from tests.e2e.test_local_clusters import small

pytestmark = pytest.mark.lab

CLUSTER = "firstboot"
KILLS = {"firstboot-web-1": "boot", "firstboot-managers-a-1": "engine"}  # the word of progress at which it goes off
DEADLINE = 600  # seconds for a host to get there, where its image may have to be made first
COPY, PREPARED = "var/lib/bootstrap/node.sh", "var/lib/bootstrap/prepared"


@pytest.fixture
def face(tmp_path: Path) -> Iterator[Face]:
    """One manager, one worker, with a kernel setting; taken down at the end."""
    face = small(tmp_path, CLUSTER)
    face.file.write_text(face.file.read_text() + 'os: {sysctl: {net.core.somaxconn: "5000"}}\n')
    yield face
    face.run("down", str(face.file), "--yes", code=None)


def kill_at(name: str, word: str, up: subprocess.Popen[bytes]) -> bool:
    """Pull the host's power cord when its progress is that word; False when it did not come to that."""
    deadline = time.monotonic() + DEADLINE
    while time.monotonic() < deadline and up.poll() is None:
        record = records.load_host(paths.cluster_dir(CLUSTER), name)
        if record is not None and progress(record) == word:
            power.pause(record)  # at once: on a busy machine it could be done before its power is gone
            power.kill(record)
            return True
        time.sleep(0.002)
    return False


def progress(record: HostRecord) -> str:
    """The word that the script has written itself; empty before there is any."""
    try:
        return Path(f"/proc/{host.init_pid(record)}/root/run/bootstrap/progress").read_text().strip()
    except OSError:
        return ""


def on_disk(record: HostRecord, name: str) -> bytes:
    """A file on the disk of a host that is off; empty where it has none."""
    disk = host.folder(record) / paths.DISK
    argv = ["/usr/sbin/debugfs", "-R", f"cat /upper/{name}", str(disk)]
    return subprocess.run(argv, capture_output=True, check=True, timeout=60).stdout


def found(name: str) -> HostRecord:
    """The record of a host that is there."""
    record = records.load_host(paths.cluster_dir(CLUSTER), name)
    assert record is not None
    return record


def test_hosts_that_were_killed_in_their_first_boot_join_at_the_next(face: Face, tmp_path: Path) -> None:
    """One killed when its script has begun, one when its engine starts: `up` switches them on and ends healthy."""
    command = [sys.executable, "-m", "bootstrap", "up", str(face.file), "--yes"]
    said = tmp_path / "up.log"
    with said.open("wb") as log, subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log) as up:
        with ThreadPoolExecutor() as hands:
            killed = list(hands.map(lambda name: kill_at(name, KILLS[name], up), KILLS))
        up.terminate()
    assert all(killed), said.read_text()
    for name in KILLS:
        record = found(name)
        assert not host.running(record)
        written(record)
        assert on_disk(record, COPY) == (host.folder(record) / "user-data").read_bytes()
        assert not on_disk(record, PREPARED)

    document = face.up()

    assert document["healthy"] is True
    assert sorted(node["hostname"] for node in document["nodes"]) == sorted(KILLS)
    for name in KILLS:
        ended(face, name)
        assert face.ssh(name, "sysctl", "-n", "net.core.somaxconn").strip() == "5000"  # also after the second boot
        root = Path(f"/proc/{host.init_pid(found(name))}/root")
        assert not (root / COPY).exists()
        assert (root / PREPARED).exists()


def written(record: HostRecord) -> None:
    """Wait until the kernel has written all that it held back of its disk."""
    eventually("its disk is let go", lambda: not disk.held(host.folder(record)))


def ended(face: Face, name: str) -> None:
    """Wait until its script has said that all is done: the node is a member before."""
    story = ("journalctl", "-b", "-o", "cat", "-u", "bootstrap-prepare")
    eventually("its script ends", lambda: "bootstrap: done" in face.ssh(name, *story))
