"""SSH into a local host: a key pair of the cluster, and the host's own key read from its disk, so it is verified."""

from __future__ import annotations

import shlex
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from bootstrap.checkpoint import reach
from bootstrap.errors import BootstrapError
from bootstrap.lab import paths
from bootstrap.lab.command import run
from bootstrap.lab.records import HostRecord
from bootstrap.providers.base import SshWay
from bootstrap.remote.runner import Runner

HOST_KEY = "/etc/ssh/ssh_host_ed25519_key.pub"


def make_key(folder: Path) -> None:
    """The cluster's key pair, once."""
    key = folder / "ssh" / "id_ed25519"
    if key.with_suffix(".pub").exists():
        return
    key.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    key.unlink(missing_ok=True)
    reach("fabric.key")
    run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", f"bootstrap {folder.name}", "-f", str(key)])


def shell(record: HostRecord, runner: Runner, argv: Sequence[str]) -> int:
    """Run `argv` there (a login shell when empty) with the user's own terminal; its exit code."""
    with tempfile.NamedTemporaryFile("w", prefix="bootstrap-known-hosts-") as known:
        known.write(f"{record.address} {_host_key(record, runner)}\n")
        known.flush()
        command = ssh_command(record, Path(known.name), argv)
        try:
            code = subprocess.run(command, check=False).returncode
        except FileNotFoundError as error:
            fix = "install it: `apt-get install openssh-client`"
            raise BootstrapError(
                "`ssh` is not installed", where="this machine", fix=fix, code="tool_missing"
            ) from error
        return code if code >= 0 else 128 - code  # ended by a signal, as a shell would tell it


def ssh_command(record: HostRecord, known_hosts: Path, argv: Sequence[str]) -> list[str]:
    """The `ssh` call: this cluster's key, this host's key, nothing from the user's own configuration."""
    options = {
        "UserKnownHostsFile": str(known_hosts),
        "GlobalKnownHostsFile": "/dev/null",
        "StrictHostKeyChecking": "yes",
        "IdentitiesOnly": "yes",
        "LogLevel": "ERROR",
    }
    key = paths.cluster_dir(record.cluster) / "ssh" / "id_ed25519"
    given = [part for name, value in options.items() for part in ("-o", f"{name}={value}")]
    return [
        "ssh",
        "-F",
        "none",
        "-i",
        str(key),
        *given,
        f"root@{record.address}",
        *([shlex.join(argv)] if argv else []),
    ]


def way(record: HostRecord, runner: Runner) -> SshWay:
    """For an `ssh` that is not ours: docker's client starts one."""
    key = paths.cluster_dir(record.cluster) / "ssh" / "id_ed25519"
    kind, value, *_ = _host_key(record, runner).split()
    return SshWay("root", record.address, 22, f"{kind} {value}", key)


def _host_key(record: HostRecord, runner: Runner) -> str:
    result = runner.run(["cat", HOST_KEY], timeout=10)
    if result.code != 0:
        raise BootstrapError(
            "the host has no SSH key yet",
            where=record.hostname,
            fix=f"it is still booting; see `bootstrap logs FILE {record.hostname} --boot`",
        )
    return result.stdout.strip()
