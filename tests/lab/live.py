"""Real clusters for the lab tests, and what a cluster leaves on the machine."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path

from bootstrap.errors import BootstrapError
from bootstrap.lab import address, disk, fabric, host, image, network, paths, records
from bootstrap.lab.records import FabricRecord, GroupRecord, HostRecord
from bootstrap.lab.runner import HostRunner
from bootstrap.remote.runner import Result

PATIENCE = 200.0  # seconds: a boot takes ten, but this machine may be busy
OFF = 200.0  # seconds to go down: an engine that has just begun to start is given 90 by its systemd
# Counts its own runs in a file that only a new disk forgets; `done` is gone after each reboot.
USER_DATA = """\
#cloud-config
runcmd:
- systemctl enable --now docker.service
- echo run >>/var/lib/runs
- touch /run/done
"""
# A container image out of the host's own files: nothing is downloaded.
TINY = """\
bins="/usr/bin/sleep /usr/bin/ping /usr/bin/getent"
libs=$(ldd $bins | grep -o '/[^ ]*' | grep -v :$ | sed 's,^/lib,/usr/lib,' | sort -u)
tar -chf - $bins $libs /etc/nsswitch.conf /usr/lib/*/libnss_files* 2>/dev/null | tar -xf - -C "$(mktemp -d /tmp/tiny.XXX)"
cd /tmp/tiny.* && ln -s usr/lib lib && ln -s usr/lib64 lib64 && ln -s usr/bin bin
tar -cf - . | docker import - tiny:1
"""


class Live:
    """One cluster with a fabric and hosts of one image, in its own state folder."""

    def __init__(self, cluster: str, name: str = "debian-13", *, size: int | None = None) -> None:
        self.cluster = cluster
        self.image = name
        self.disk = disk.size(None) if size is None else size
        image.ensure(name, print)
        self.fabric: FabricRecord = fabric.create(cluster, "u-1", avoid=["10.200.0.0/16"])
        self.hosts: list[HostRecord] = []

    def add(self, slot: int) -> HostRecord:
        """A host that is made and booted, with the user-data above."""

        def make(found: str) -> HostRecord:
            return HostRecord(
                instance=host.new_instance(), hostname=f"{self.cluster}-web-{slot}", cluster=self.cluster, uid="u-1",
                group=f"{self.cluster}-pool-web", slot=slot, role="worker", pool="web", zone="a", address=found,
                mac=address.mac(found), image=self.image, template="t", memory=1 << 30, created=records.now(), disk=self.disk,
            )  # fmt: skip

        folder = paths.cluster_dir(self.cluster)
        records.save_group(folder, GroupRecord(f"{self.cluster}-pool-web", "web", "worker", "", slot))
        record = address.claim(self.cluster, make)
        (host.folder(record) / "user-data").write_text(USER_DATA)
        host.create(record)
        host.boot(record)
        self.hosts.append(record)
        return record

    def down(self) -> None:
        """Remove the cluster, as often as one likes."""
        records.remove(paths.cluster_dir(self.cluster) / "groups")  # not the fabric's: the provider's
        fabric.destroy(self.cluster)


def sh(record: HostRecord, script: str, timeout: float = 60.0) -> Result:
    """Run a shell script in a host."""
    return HostRunner(record).run(["sh", "-c", script], timeout=timeout)


def said(record: HostRecord, script: str) -> str:
    """What a shell script in a host prints; it must succeed."""
    result = sh(record, script)
    assert result.code == 0, f"{script}: {result.stdout}{result.stderr}"
    return result.stdout.strip()


def until(what: Callable[..., object], *about: object, timeout: float = PATIENCE) -> float:
    """Wait until it is true of these; how long that took, in seconds."""
    began = time.monotonic()
    while not what(*about):
        assert time.monotonic() - began < timeout, f"still not so after {timeout:g} s"
        time.sleep(0.05)
    return time.monotonic() - began


def stays(what: Callable[..., set[str]], *about: object, timeout: float = 60.0) -> set[str]:
    """What is still there when everything that is ending had that many seconds: a dead process, a loop device."""
    end = time.monotonic() + timeout
    while (left := what(*about)) and time.monotonic() < end:
        time.sleep(0.2)
    return left


def reaches(one: HostRecord, two: HostRecord | str) -> bool:
    """Whether a ping is answered now. After a boot or a cut the first may be lost: an address is asked for first (ARP)."""
    return sh(one, f"ping -c1 -W1 {two if isinstance(two, str) else two.address}").code == 0


def slay(pids: Iterable[int]) -> None:
    """Kill -9 them; one may have ended with another."""
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def engine(record: HostRecord) -> bool:
    """Whether its Docker engine answers."""
    return host.ready(record) and sh(record, "test -e /run/docker.sock && docker info >/dev/null 2>&1").code == 0


def settled(record: HostRecord) -> bool:
    """Whether its systemd has started everything."""
    return sh(record, "systemctl is-system-running").stdout.strip() not in {"starting", "initializing"}


def rebooted(record: HostRecord, before: str) -> bool:
    """Whether it is in another boot than `before`; a host in between is not."""
    try:
        return boot_id(record) not in {"", before}
    except BootstrapError:
        return False


def booted(record: HostRecord) -> bool:
    """Whether its user-data has run to the end."""
    return (Path("/proc") / str(host.init_pid(record)) / "root/run/done").exists()


def boot_id(record: HostRecord) -> str:
    """The boot that it is in, or "" while it has none."""
    return sh(record, "cat /proc/sys/kernel/random/boot_id").stdout.strip() if host.ready(record) else ""


def greets(record: HostRecord) -> bool:
    """Whether sshd answers from this machine."""
    try:
        with socket.create_connection((record.address, 22), 5) as connection:  # a busy machine forks slowly
            return connection.recv(4) == b"SSH-"
    except OSError:
        return False


def traces(root: Path, *clusters: str) -> set[str]:
    """Everything on this machine that is of these clusters: one line each."""
    words = [str(root), *(paths.namespace_prefix(one) for one in clusters), *(network.cable(one) for one in clusters)]
    words += [f"bootstrap-{one} " for one in clusters] + [f"/bootstrap/{one}" for one in clusters]
    words += [f"/{one}/hosts/" for one in clusters]
    seen = [
        *(f"process {one}" for one in _processes()),
        *(f"mount {one}" for one in Path("/proc/self/mountinfo").read_text().splitlines()),
        *(f"namespace {one}" for one in paths.NAMESPACES.glob("*")),
        *(f"link {one}" for one in _output("ip", "-o", "link")),
        *(f"rule {one}" for one in _output("nft", "list", "ruleset")),
        *(f"cgroup {one}" for one in Path("/sys/fs/cgroup").glob("**/bootstrap/*")),
        *(f"loop {one}" for one in _loops()),
        *(f"file {one}" for one in root.rglob("*")),
    ]
    return {line for line in seen if any(word in line for word in words)}


def _processes() -> list[str]:
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            if (folder / "stat").read_text().rpartition(")")[2].split()[0] == "Z":
                continue  # dead: the machine's init has not looked yet
            found.append(f"{folder.name} {command} {(folder / 'cgroup').read_text()}")
        except OSError:  # ended meanwhile
            continue
    return found


def _loops() -> list[str]:
    """The files that are disks of loop devices; one may go while we look."""
    return [text for path in Path("/sys/block").glob("loop*/loop/backing_file") if (text := _read(path))]


def _read(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""


def _output(*argv: str) -> list[str]:
    return subprocess.run(argv, capture_output=True, text=True, check=True).stdout.splitlines()
