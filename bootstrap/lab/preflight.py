"""Can this machine hold these hosts? Everything that is in the way is said at once, before anything is made."""

from __future__ import annotations

import errno
import os
import shutil
import sys
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from bootstrap.errors import BootstrapError, FailedTogether
from bootstrap.lab import command, image, paths, sysctl

TOOLS = ("ip", "unshare", "nsenter", "setpriv", "setsid")
LINKS = ("bridge", "veth", "vxlan")
MIB = 1 << 20
HOST_MEMORY = 100 * MIB  # what a host in a swarm takes; 60 MiB measured
FREE_DISK = 2048 * MIB
IMAGE_DISK = 1024 * MIB  # while it is built; 460 MiB measured when done


@dataclass(frozen=True)
class Facts:
    """What this machine is. Sizes in bytes.

    `overlay`: whether a host's disk can lie in the folder of hosts. `inotify`: the limit of instances.
    """

    platform: str
    root: bool
    missing_tools: tuple[str, ...]
    missing_kernel: tuple[str, ...]
    overlay: bool
    memory_free: int
    disk_free: int
    image_built: bool
    inotify: int
    inotify_writable: bool


def check(hosts: int, images: Iterable[str]) -> None:
    """BootstrapError, or FailedTogether, when `hosts` more hosts of these images cannot run on this machine."""
    found = tuple(problems(look(tuple(images)), hosts))
    if len(found) == 1:
        raise found[0]
    if found:
        raise FailedTogether(found)


def check_root() -> None:
    """BootstrapError where hosts can neither be made nor looked at: not Linux, or not root."""
    if sys.platform != "linux":
        raise _not_linux(sys.platform)
    if os.geteuid() != 0:
        raise _not_root()


def problems(facts: Facts, hosts: int) -> Iterator[BootstrapError]:
    """One error for each thing that is in the way of so many hosts."""
    if facts.platform != "linux":
        yield _not_linux(facts.platform)
        return  # every other fact is about Linux
    if not facts.root:
        yield _not_root()
    yield from (command.missing(tool) for tool in facts.missing_tools)
    for name in facts.missing_kernel:
        yield _error(f"the kernel has no {name}", f"run `modprobe {name}`, or use another kernel", "kernel")
    if not facts.overlay:
        what = f"no overlay file system can be mounted in {paths.root()}"
        yield _error(what, "run `modprobe overlay`, or set BOOTSTRAP_LOCAL_DIR to a folder on ext4 or xfs", "overlay")
    yield from _sizes(facts, hosts)


def _sizes(facts: Facts, hosts: int) -> Iterator[BootstrapError]:
    if facts.memory_free < hosts * HOST_MEMORY:
        what = f"{hosts} hosts need {hosts * HOST_MEMORY // MIB} MiB of memory, {facts.memory_free // MIB} MiB are free"
        yield _error(what, "ask for fewer hosts, or free memory", "memory")
    needed = FREE_DISK + (0 if facts.image_built else IMAGE_DISK)
    if facts.disk_free < needed:
        what = f"{needed // MIB} MiB of disk are needed in {paths.root()}, {facts.disk_free // MIB} MiB are free"
        yield _error(what, "free disk space, or set BOOTSTRAP_LOCAL_DIR and BOOTSTRAP_CACHE_DIR", "disk")
    if not facts.inotify_writable and facts.inotify < sysctl.needed(hosts):
        what = f"{hosts} hosts need {sysctl.INOTIFY}={sysctl.needed(hosts)}, it is {facts.inotify} and read-only here"
        yield _error(what, f"set it on the machine: `sysctl -w {sysctl.INOTIFY}={sysctl.PLENTY}`", "inotify")


def _not_linux(platform: str) -> BootstrapError:
    return _error(f"hosts need Linux and this is {platform}", "use a Linux machine or VM", "not_linux")


def _not_root() -> BootstrapError:
    return _error("hosts need root: namespaces, mounts and bridges", "run it with `sudo -E`", "not_root")


def _error(what: str, fix: str, code: str) -> BootstrapError:
    return BootstrapError(what, where="this machine", fix=fix, code=code)


def look(images: tuple[str, ...]) -> Facts:
    """This machine as it is now. A kernel feature is tried where it leaves nothing: in a throw-away namespace."""
    root = sys.platform == "linux" and os.geteuid() == 0
    built = all(image.ready(name) for name in images)
    missing = tuple(tool for tool in _tools(built) if not command.available(tool))
    limit = sysctl.SETTINGS / sysctl.INOTIFY.replace(".", "/")
    return Facts(
        platform=sys.platform,
        root=root,
        missing_tools=missing,
        missing_kernel=tuple(_missing_kernel()) if root and not missing else (),
        overlay=not root or bool(missing) or _can_overlay(),
        memory_free=_memory(Path("/proc/meminfo")),
        disk_free=min(_free(paths.root()), _free(paths.images())),
        image_built=built,
        inotify=int(sysctl.read(sysctl.INOTIFY)) if limit.exists() else 0,
        inotify_writable=os.access(limit, os.W_OK),
    )


def _tools(built: bool) -> Iterator[str]:
    yield from TOOLS
    if not built:
        yield "mmdebstrap"
    if not command.available("iptables"):
        yield "nft"  # one of the two hides the hosts behind this machine


def _missing_kernel() -> Iterator[str]:
    for kind in LINKS:
        options = ["id", "1", "dstport", "4789"] if kind == "vxlan" else []
        link = ["ip", "link", "add", "name", "try0", "type", kind, *options]
        if command.attempt(["unshare", "--net", *link]).code != 0:
            yield kind


def _can_overlay() -> bool:
    """Whether a host's disk can lie in the folder of hosts: overlay cannot stand on every file system.

    A disk without room for the trial says nothing of overlay; that there is no room is found apart from it.
    """
    try:
        return _try_overlay()
    except OSError as error:
        return error.errno in {errno.ENOSPC, errno.EDQUOT}


def _try_overlay() -> bool:
    with tempfile.TemporaryDirectory(dir=_existing(paths.root()), prefix=".bootstrap-preflight-") as folder:
        for name in ("lower", "upper", "work", "root"):
            (Path(folder) / name).mkdir()
        layers = "lowerdir=lower,upperdir=upper,workdir=work"
        mount = f'cd "$1" && mount -t overlay overlay -o {layers} root'
        return command.attempt(["unshare", "--mount", "sh", "-c", mount, "sh", folder]).code == 0


def _memory(path: Path) -> int:
    if not path.exists():
        return 0
    fields = dict(line.split(":", 1) for line in path.read_text().splitlines())
    return int(fields["MemAvailable"].split()[0]) * 1024


def _free(folder: Path) -> int:
    return shutil.disk_usage(_existing(folder)).free


def _existing(folder: Path) -> Path:
    while not folder.exists():
        folder = folder.parent
    return folder
