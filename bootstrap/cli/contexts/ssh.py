"""What the user's `ssh` has to know of a cluster's managers: a folder of ours in ~/.ssh, included by one line."""

from __future__ import annotations

import os
import pwd
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from bootstrap.errors import BootstrapError
from bootstrap.providers.base import SshWay

INCLUDE = "Include bootstrap/*/config"  # relative to ~/.ssh, as ssh_config(5) says
MARK = "# the machines of `bootstrap context`; it goes with the last of them\n"
HEAD = "# Written by `bootstrap context`; `bootstrap context FILE --remove` takes it away.\n"
DOCKER = "# docker: "  # the folder of docker's configuration in which a context of this cluster stands


def home() -> Path:
    """The folder of the user that `ssh` looks in; it does not ask HOME."""
    return Path(pwd.getpwuid(os.geteuid()).pw_dir)


def folder(cluster: str) -> Path:
    """Ours, for one cluster."""
    return home() / ".ssh" / "bootstrap" / cluster


@contextmanager
def _told() -> Iterator[None]:
    """What the system refuses, in our words."""
    try:
        yield
    except OSError as error:
        fix = "see that it is yours, and that its disk takes more; then run the same command again"
        where = str(error.filename or home() / ".ssh")
        raise BootstrapError(
            f"cannot be written: {error.strerror}", where=where, fix=fix, code="cannot_write"
        ) from error


@_told()
def remember(cluster: str, ways: Mapping[str, SshWay], docker: str) -> bool:
    """Let `ssh HOSTNAME` reach these machines, their host keys verified. True when that changed a file.

    `docker` is the folder of docker's configuration; those of earlier calls are kept.
    """
    ours = folder(cluster)
    for place in (ours.parent.parent, ours.parent, ours):
        place.mkdir(mode=0o700, exist_ok=True)
    known = "".join(f"{name} {way.host_key}\n" for name, way in ways.items())
    entries = "".join(_entry(name, way, ours / "known_hosts") for name, way in ways.items())
    places = "".join(f"{DOCKER}{place}\n" for place in sorted({*dockers(cluster), docker}))
    changed = [_write(ours / "known_hosts", known), _write(ours / "config", f"{HEAD}{places}{entries}"), _include()]
    return any(changed)


def dockers(cluster: str) -> list[str]:
    """The folders of docker's configuration that have a context of this cluster."""
    lines = _text(folder(cluster) / "config").splitlines()
    return [line.removeprefix(DOCKER) for line in lines if line.startswith(DOCKER)]


@_told()
def forget(cluster: str) -> bool:
    """Take the cluster's folder away, and with the last one our line. True when there was one."""
    ours = folder(cluster)
    if not ours.is_dir():
        return False
    shutil.rmtree(ours)
    with suppress(OSError):  # another cluster's folder is in it
        ours.parent.rmdir()
        _exclude()
    return True


def _entry(name: str, way: SshWay, known_hosts: Path) -> str:
    options = {
        "HostName": way.address,
        "Port": str(way.port),
        "User": way.user,
        "HostKeyAlias": name,  # a machine keeps its key when its address changes
        "UserKnownHostsFile": f'"{known_hosts}"',
        "GlobalKnownHostsFile": "/dev/null",
        "StrictHostKeyChecking": "yes",
        "LogLevel": "ERROR",
    }
    if way.key is not None:
        options |= {"IdentityFile": f'"{way.key}"', "IdentitiesOnly": "yes"}
    return f"\nHost {name}\n" + "".join(f"  {key} {value}\n" for key, value in options.items())


def _include() -> bool:
    """Our line at the top: after a `Host` line it would count for that host only."""
    config = home() / ".ssh" / "config"
    text = _text(config)
    return INCLUDE not in text.splitlines() and _write(config, f"{MARK}{INCLUDE}\n\n{text}")


def _exclude() -> None:
    config = home() / ".ssh" / "config"
    text = _text(config)
    left = text.replace(f"{MARK}{INCLUDE}\n\n", "").replace(f"{INCLUDE}\n", "")
    if left.strip() or config.is_symlink():
        _write(config, left)
    elif text:
        config.unlink()


def _text(path: Path) -> str:
    try:
        return path.read_bytes().decode(
            "utf-8", "surrogateescape"
        )  # the user's own lines stay as they are, to the byte
    except FileNotFoundError:
        return ""


def _write(path: Path, text: str) -> bool:
    """The whole file at once, mode and owner kept, through a symbolic link as well. True when it was another before."""
    path = path.resolve()
    if path.exists() and _text(path) == text:
        return False
    old = path.stat() if path.exists() else None
    mode = old.st_mode & 0o777 if old else 0o600
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "wb") as file:
            file.write(text.encode("utf-8", "surrogateescape"))
            if old is not None:
                os.fchown(file.fileno(), old.st_uid, old.st_gid)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    return True
