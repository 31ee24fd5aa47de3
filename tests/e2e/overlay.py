"""A service with one replica per node on an overlay network: made of one static binary, since there is no registry."""

from __future__ import annotations

import base64
import io
import subprocess
import tarfile
from pathlib import Path
from typing import Any

from bootstrap.lab import paths, records
from bootstrap.lab.records import HostRecord
from bootstrap.lab.runner import HostRunner

PORT = 8080
ASK = "import sys,urllib.request as u;print(u.urlopen(sys.argv[1],timeout=5).read().decode().strip())"


def image_tar(folder: Path) -> bytes:
    """A root file system with busybox alone, as `docker import` takes it."""
    subprocess.run(["apt-get", "download", "-q", "busybox-static"], cwd=folder, check=True, capture_output=True)
    package = next(folder.glob("busybox-static_*.deb"))
    subprocess.run(["dpkg-deb", "-x", str(package), str(folder / "root")], check=True, capture_output=True)
    binary = next(path for path in (folder / "root/bin/busybox", folder / "root/usr/bin/busybox") if path.exists())
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        tar.add(binary, "bin/busybox")
    return packed.getvalue()


def hosts(cluster: str) -> list[HostRecord]:
    """The cluster's hosts."""
    return records.load_hosts(paths.cluster_dir(cluster))


def on(host: HostRecord, *argv: str, stdin: str = "", timeout: float = 60) -> str:
    """What a command on that host prints; it must succeed."""
    result = HostRunner(host).run(list(argv), stdin=stdin, timeout=timeout)
    assert result.code == 0, f"{host.hostname}: {argv}: {result.stderr or result.stdout}"
    return result.stdout.strip()


def load_everywhere(cluster: str, tar: bytes) -> None:
    """Import the image on every node."""
    packed = base64.b64encode(tar).decode()
    for host in hosts(cluster):
        on(host, "sh", "-c", "base64 -d | docker import - hello:e2e", stdin=packed)


def is_made(manager: HostRecord) -> bool:
    """Whether the service stands in the swarm."""
    return "hello" in on(manager, "docker", "service", "ls", "--format", "{{.Name}}").split()


def remove_service(manager: HostRecord) -> bool:
    """Whether it is gone; to be asked again."""
    if is_made(manager):
        on(manager, "docker", "service", "rm", "hello")
    return not is_made(manager)


def create_service(manager: HostRecord, network: str) -> bool:
    """One replica per node that answers with its container's hostname, on a host-mode port and on the network.

    Whether it is made; to be asked again: where nobody leads for a moment, nothing is.
    """
    if is_made(manager):
        return True
    publish = f"mode=host,target={PORT},published={PORT}"
    command = ["/bin/busybox", "httpd", "-f", "-p", str(PORT), "-h", "/etc"]
    on(
        manager, "docker", "service", "create", "--quiet", "--detach", "--no-resolve-image", "--name", "hello",
        "--mode", "global", "--network", network, "--endpoint-mode", "dnsrr", "--publish", publish, "hello:e2e", *command,
    )  # fmt: skip
    return True


def tasks(manager: HostRecord) -> list[Any]:
    """(node, state, overlay addresses) of the service's tasks."""
    form = "{{.NodeID}} {{.Status.State}} {{range .NetworksAttachments}}{{.Addresses}}{{end}}"
    names = on(manager, "docker", "service", "ps", "-q", "--filter", "desired-state=running", "hello").split()
    lines = on(manager, "docker", "inspect", "--type", "task", "-f", form, *names).splitlines() if names else []
    return [line.split(" ", 2) for line in lines]


def over_host_port(source: HostRecord, target: HostRecord) -> str:
    """What `target`'s published port answers to `source`."""
    return on(source, "python3", "-c", ASK, f"http://{target.address}:{PORT}/hostname")


def over_network(source: HostRecord, address: str) -> str:
    """What the task with that overlay address answers to the task on `source`."""
    container = on(source, "docker", "ps", "-q", "--filter", "label=com.docker.swarm.service.name=hello")
    ask = f"printf 'GET /hostname HTTP/1.0\\r\\n\\r\\n' | /bin/busybox nc -w 5 {address} {PORT}"
    answer = on(source, "docker", "exec", container, "/bin/busybox", "sh", "-c", ask)
    assert answer, f"{source.hostname}: {address} closes without a word"
    return answer.splitlines()[-1]
