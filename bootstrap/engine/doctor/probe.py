"""Runs on a node, sent there through its runner: `python3 -I - JSON`. Looks at the node and at the way to its peers.

Python 3.9, standard library only, as all that runs on a node. It prints one JSON document. What it sends to UDP
`udp_port` is no valid VXLAN: the kernel drops it after a raw socket has seen it, behind the node's own firewall.
"""

from __future__ import annotations

import http.client
import json
import os
import socket
import struct
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

UNITS = ("docker.service", "docker-swarm-join.service", "bootstrap-agent.service")
MAGIC = b"\0" * 8 + b"bootstrap-doctor "
CONNECT = 2.0  # seconds
ENGINE = 5.0
AGENT = "/usr/local/lib/bootstrap/agent.pyz"
SOCKET = "/var/run/docker.sock"


def main(given: dict[str, Any]) -> dict[str, Any]:
    """{"me", "address", "peers": {name: {"address", "tcp": [ports]}}, "udp_port", "seconds"} -> what is the case."""
    heard: set[str] = set()
    listener = threading.Thread(target=hear, args=(given["udp_port"], given["seconds"], heard), daemon=True)
    start = time.time()
    listener.start()
    threading.Thread(target=shout, args=(given,), daemon=True).start()
    answer = {
        "start": start,
        "hostname": socket.gethostname(),
        "machine_id": read("/etc/machine-id"),
        "mtu": mtu(given["address"]),
        "disk": disk(Path("/var/lib/docker")),
        "engine": engine(),
        "units": units(),
        "agent": Path(AGENT).exists(),
        "tcp": tcp(given["peers"]),
    }
    listener.join(given["seconds"] + 1)
    answer["udp"] = sorted(heard) if "" not in heard else None
    answer["end"] = time.time()
    return answer


def read(path: str) -> str:
    """The text of a small file, or nothing."""
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""


def hear(port: int, seconds: float, heard: set[str]) -> None:
    """Collect the names of the peers whose datagrams come through; "" where nothing can be heard."""
    try:
        ear = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_UDP)
    except OSError:
        heard.add("")
        return
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        ear.settimeout(left)
        try:
            packet = ear.recv(2048)
        except OSError:
            break
        inside = packet[(packet[0] & 15) * 4 :]
        if struct.unpack("!H", inside[2:4])[0] == port and inside[8:].startswith(MAGIC):
            heard.add(inside[8 + len(MAGIC) :].decode("utf-8", "replace"))


def shout(given: dict[str, Any]) -> None:
    """Tell every peer our name over UDP, again and again: the others begin to listen a little later or earlier."""
    mouth = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    end = time.monotonic() + given["seconds"]
    while time.monotonic() < end:
        for peer in given["peers"].values():
            try:
                mouth.sendto(MAGIC + given["me"].encode(), (peer["address"], given["udp_port"]))
            except OSError:  # no route, or the peer said earlier that nobody listens: that is what is looked for
                continue
        time.sleep(0.25)


def tcp(peers: dict[str, Any]) -> dict[str, dict[str, str]]:
    """{name: {port: "" or why it cannot be reached}}."""
    asked = [(name, peer["address"], port) for name, peer in peers.items() for port in peer["tcp"]]
    found: dict[str, dict[str, str]] = {name: {} for name in peers}
    with ThreadPoolExecutor(max_workers=32) as pool:
        for (name, _, port), why in zip(asked, pool.map(lambda one: connect(one[1], one[2]), asked)):  # noqa: B905 - 3.9
            found[name][str(port)] = why
    return found


def connect(address: str, port: int) -> str:
    """Nothing, or why it cannot be reached."""
    try:
        socket.create_connection((address, port), timeout=CONNECT).close()
    except socket.timeout:  # noqa: UP041 - another class before 3.10
        return "no answer"
    except OSError as error:
        return (error.strerror or type(error).__name__).lower()
    return ""


def mtu(address: str) -> int:
    """Of the interface that has the address; 0 when none has it."""
    done = run(["ip", "-j", "-4", "addr"])
    for link in json.loads(done or "[]"):
        if any(one.get("local") == address for one in link.get("addr_info", ())):
            return int(link.get("mtu", 0))
    return 0


def disk(path: Path) -> dict[str, int]:
    """Bytes, of the file system that the path is on."""
    while not path.is_dir():
        path = path.parent
    space = os.statvfs(path)
    return {"free": space.f_bavail * space.f_frsize, "total": space.f_blocks * space.f_frsize}


def engine() -> dict[str, str]:
    """{"version", "error"}: one of them is empty."""
    connection = http.client.HTTPConnection("docker", timeout=ENGINE)
    connection.sock = socket.socket(socket.AF_UNIX)
    connection.sock.settimeout(ENGINE)
    try:
        connection.sock.connect(SOCKET)
        connection.request("GET", "/version")
        return {"version": str(json.loads(connection.getresponse().read()).get("Version", "")), "error": ""}
    except (OSError, ValueError, http.client.HTTPException) as error:
        return {"version": "", "error": getattr(error, "strerror", None) or type(error).__name__}
    finally:
        connection.close()


def units() -> dict[str, str]:
    """The states of our units and the engine's, in systemd's words; empty where there is no systemd."""
    states = run(["systemctl", "is-active", *UNITS]).split()
    return dict(zip(UNITS, states)) if len(states) == len(UNITS) else {}  # noqa: B905 - 3.9


def run(argv: list[str]) -> str:
    """The output of a command; nothing where it is not there or does not end."""
    try:
        return subprocess.run(argv, capture_output=True, text=True, timeout=10, check=False).stdout
    except (OSError, subprocess.TimeoutExpired):
        return ""


if __name__ == "__main__":
    print(json.dumps(main(json.loads(sys.argv[1]))))  # noqa: T201 - this is its answer
