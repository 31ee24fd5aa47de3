"""The daemon as it runs: in a network namespace with a bridge, asked by curl, a DNS client and a DHCP client."""

from __future__ import annotations

import json
import os
import signal
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest

from bootstrap.lab import services
from bootstrap.lab.dns import NOERROR, NXDOMAIN, A
from tests.lab import test_dhcp
from tests.lab.folders import MANAGER, WORKER, cluster
from tests.lab.test_dns import question, result

pytestmark = [pytest.mark.lab, pytest.mark.timeout(600)]  # seconds: it takes two, where nothing else runs
ROOT = Path(__file__).parents[2]
MEMORY = 25 * 1024  # KiB
HEAVY = {"click", "pydantic", "rich", "ssl", "email", "asyncio", "subprocess", "jinja2"}
Got = TypeVar("Got")


def ip(*words: str, namespace: str = "") -> None:
    where = ["-n", namespace] if namespace else []
    subprocess.run(["ip", *where, *words], check=True, capture_output=True)


class Fabric:
    """A bridge in one namespace, one host's namespace on it, and the daemon."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.name = f"lab-services-{os.getpid()}"
        self.host = f"{self.name}-host"
        self.daemon: subprocess.Popen[bytes] | None = None

    def build(self) -> None:
        ip("netns", "add", self.name)
        ip("netns", "add", self.host)
        ip("link", "add", "br0", "type", "bridge", "forward_delay", "0", namespace=self.name)
        ip("addr", "add", "10.91.0.1/20", "dev", "br0", namespace=self.name)
        ip("addr", "add", "169.254.169.254/32", "dev", "br0", namespace=self.name)
        ip("link", "set", "br0", "up", namespace=self.name)
        peer = ["type", "veth", "peer", "name", "h0-11", "netns", self.name]
        ip("link", "add", "eth0", "address", MANAGER.mac, "netns", self.host, *peer)
        ip("link", "set", "h0-11", "master", "br0", "up", namespace=self.name)
        ip("link", "set", "eth0", "up", namespace=self.host)
        ip("addr", "add", f"{MANAGER.address}/20", "dev", "eth0", namespace=self.host)
        ip("route", "add", "default", "via", "10.91.0.1", namespace=self.host)

    def start(self) -> subprocess.Popen[bytes]:
        argv = [sys.executable, "-m", "bootstrap.lab.services", str(self.folder), f"/run/netns/{self.name}"]
        with (self.folder / "services.log").open("ab") as log:
            self.daemon = subprocess.Popen(argv, cwd=ROOT, stderr=log)
        deadline = time.monotonic() + 60  # seconds: an interpreter starts, on a machine that may be busy
        while not (self.folder / "services.ready").exists():
            assert self.daemon.poll() is None, (self.folder / "services.log").read_text()
            assert time.monotonic() < deadline, "not ready in time"
            time.sleep(0.01)
        return self.daemon

    def remove(self) -> None:
        if self.daemon is not None and self.daemon.poll() is None:
            self.daemon.kill()
            self.daemon.wait()
        for name in (self.host, self.name):
            subprocess.run(["ip", "netns", "del", name], check=False, capture_output=True)

    def curl(self, path: str, *options: str) -> tuple[int, str]:
        """What a host gets: the status and the body."""
        argv = ["nsenter", f"--net=/run/netns/{self.host}", "curl", "-s", "-m", "20", "-w", "\n%{http_code}", *options]
        done = subprocess.run([*argv, f"http://169.254.169.254{path}"], check=True, capture_output=True, text=True)
        body, _, status = done.stdout.rpartition("\n")
        return int(status), body

    def inside(self, act: Callable[[], Got]) -> Got:
        """What `act` gives when run in the host's namespace, in which the sockets that it makes then are."""
        home = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        try:
            services.enter(f"/run/netns/{self.host}")
            return act()
        finally:
            services.enter(f"/proc/self/fd/{home}")
            os.close(home)

    def lookup(self, name: str, kind: int = A) -> bytes:
        """The reply to a DNS question of a host."""
        with self.inside(lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as client:
            client.settimeout(20)
            client.sendto(question(name, kind), ("10.91.0.1", 53))
            return client.recv(4096)


@pytest.fixture
def fabric(tmp_path: Path) -> Iterator[Fabric]:
    """A fabric with the daemon ready; all of it is removed after."""
    made = Fabric(cluster(tmp_path))
    try:
        made.build()
        made.start()
        yield made
    finally:
        made.remove()


def test_a_host_learns_who_it_is_and_who_the_others_are(fabric: Fabric) -> None:
    """By curl, as a node's script would."""
    header = ("-H", "X-Bootstrap-Metadata: 1")
    status, body = fabric.curl("/bootstrap/v1/identity", *header)
    told: dict[str, Any] = json.loads(body)
    assert (status, told["instance"], told["state"]) == (200, MANAGER.instance, "running")
    status, body = fabric.curl("/bootstrap/v1/instances", *header)
    assert (status, len(json.loads(body)["instances"])) == (200, 3)
    assert fabric.curl("/bootstrap/v1/identity")[0] == 403
    assert fabric.curl("/cloud-init/user-data") == (200, "#!/bin/sh\n# managers\n")
    assert fabric.curl("/cloud-init/meta-data", "-I")[0] == 200
    assert fabric.curl("/cloud-init/vendor-data", "-X", "PUT", "--data", "x")[0] == 405
    assert fabric.curl("/nothing")[0] == 404


def test_names_are_answered_at_once(fabric: Fabric) -> None:
    """A host by its name; an unknown one is refused; both without the outside."""
    packet = fabric.lookup(WORKER.hostname)
    assert result(packet) == (NOERROR, 1)
    assert packet.endswith(socket.inet_aton(WORKER.address))
    assert result(fabric.lookup("instance-data")) == (NXDOMAIN, 0)
    assert result(fabric.lookup("nobody.prod.internal")) == (NXDOMAIN, 0)
    assert quickest(lambda: fabric.lookup("nobody.prod.internal")) < 0.5


def quickest(act: Callable[[], object], times: int = 3) -> float:
    """Seconds that it takes when this machine is not busy with something else, at least once."""
    found = []
    for _ in range(times):
        began = time.monotonic()
        act()
        found.append(time.monotonic() - began)
    return min(found)


def test_a_name_of_the_internet_gets_an_answer_in_time(fabric: Fabric) -> None:
    """Its address, or a refusal where there is no internet: in little more than a second either way."""
    number, flags = struct.unpack_from("!HH", fabric.lookup("deb.debian.org"))
    assert (number, bool(flags & 0x8000)) == (0x1234, True)
    assert quickest(lambda: fabric.lookup("deb.debian.org")) < 3


def test_dhcp_gives_the_host_its_address(fabric: Fabric) -> None:
    """Asked by broadcast from the host's own card, answered by broadcast."""

    def client() -> socket.socket:
        made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"eth0")
        made.bind(("0.0.0.0", 68))
        made.settimeout(20)
        return made

    with fabric.inside(client) as asking:
        asking.sendto(test_dhcp.packet(1, mac=MANAGER.mac, flags=0x8000), ("255.255.255.255", 67))
        packet = asking.recv(4096)
    assert (packet[0], packet[16:20]) == (2, socket.inet_aton(MANAGER.address))


def test_it_is_small_ends_on_sigterm_and_starts_again(fabric: Fabric) -> None:
    """Little memory, no file left behind, exit code 0; a successor finds its ports free; garbage does not end it."""
    assert fabric.daemon is not None
    with fabric.inside(lambda: socket.create_connection(("169.254.169.254", 80), timeout=20)) as rude:
        rude.sendall(b"\x16\x03\x01\x00\r\n\r\n")
        assert rude.recv(100).startswith(b"HTTP/1.1 400 ")
    fabric.curl("/cloud-init/meta-data")
    status = Path(f"/proc/{fabric.daemon.pid}/status").read_text()
    fields = dict(line.split(":", 1) for line in status.splitlines())
    assert int(fields["VmRSS"].split()[0]) < MEMORY
    assert (fabric.folder / "services.pid").read_text() == f"{fabric.daemon.pid}\n"
    fabric.daemon.send_signal(signal.SIGTERM)
    assert fabric.daemon.wait(timeout=30) == 0
    assert not list(fabric.folder.glob("services.[pr]*"))
    fabric.start()
    assert fabric.curl("/cloud-init/meta-data")[0] == 200


def test_a_second_one_changes_nothing(fabric: Fabric) -> None:
    """It cannot bind, says so, and leaves the first one's files alone."""
    argv = [sys.executable, "-m", "bootstrap.lab.services", str(fabric.folder), f"/run/netns/{fabric.name}"]
    second = subprocess.run(argv, cwd=ROOT, check=False, capture_output=True, text=True, timeout=200)
    assert (second.returncode, "cannot start" in second.stderr) == (1, True)
    assert fabric.daemon is not None
    assert (fabric.folder / "services.pid").read_text() == f"{fabric.daemon.pid}\n"


def test_it_ends_when_the_fabric_is_gone(fabric: Fabric) -> None:
    """A cluster that was removed leaves no daemon behind."""
    assert fabric.daemon is not None
    (fabric.folder / "fabric.json").unlink()
    assert fabric.daemon.wait(timeout=12 * services.LOOK) == 0


def test_it_imports_nothing_heavy() -> None:
    """One such process stands in every fabric."""
    code = "import sys, bootstrap.lab.services; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True, text=True)
    assert not HEAVY & set(done.stdout.split())
