"""The first process of a host: it makes the host's namespaces and root, and becomes systemd.

Runs alone, `python3 -I -S init.py BOOT_JSON`, as PID 1 of a new PID namespace; all it makes is in namespaces of the
host and vanishes with it. Nothing of ours is imported: it starts at every boot, so it has to be quick.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import fcntl
import json
import os
import socket
import struct
import sys
import uuid
from pathlib import Path
from typing import Any

NEW_MOUNT, NEW_CGROUP, NEW_UTS, NEW_IPC, NEW_NET = 0x20000, 0x2000000, 0x4000000, 0x8000000, 0x40000000
READ_ONLY, NO_SUID, NO_DEV, NO_EXEC, REMOUNT, BIND, RECURSIVE, PRIVATE = 1, 2, 4, 8, 32, 4096, 16384, 1 << 18
SAFE = NO_SUID | NO_DEV | NO_EXEC
DETACH = 2

# name, mode, major, minor. The console is a node of its own: systemd chowns it, and a bind of the machine's /dev/null
# would pass that on. No kmsg: journald would read the machine's log.
DEVICES = (
    ("null", 0o666, 1, 3), ("zero", 0o666, 1, 5), ("full", 0o666, 1, 7), ("random", 0o666, 1, 8),
    ("urandom", 0o666, 1, 9), ("tty", 0o666, 5, 0), ("fuse", 0o666, 10, 229), ("net/tun", 0o666, 10, 200),
    ("console", 0o600, 1, 3),
)  # fmt: skip
LINKS = {
    "ptmx": "pts/ptmx", "fd": "/proc/self/fd", "stdin": "fd/0", "stdout": "fd/1", "stderr": "fd/2",
}  # fmt: skip
# What no namespace holds back: `date -s` in a host would set this machine's clock. (prctl(2), capabilities(7).)
DROP, FORBIDDEN = 24, {"sys_module": 16, "sys_time": 25, "syslog": 34}.values()
LAYERS = ("upper", "work", "docker", "containerd")
# What loop(4) takes: the orders, its struct loop_info64 from the device to the flags, and the bytes to its end.
FREE_LOOP, CONFIGURE_LOOP, LOOP_STATUS = 0x4C82, 0x4C0A, 0x4C05
LOOP_INFO, LOOP_INFO_SIZE, AUTOCLEAR = "QQQQQIIII", 232, 4
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

libc = ctypes.CDLL(None, use_errno=True)


def call(name: str, *arguments: Any) -> None:
    """A function of the C library; OSError names it when it fails."""
    given = [os.fsencode(one) if isinstance(one, (str, Path)) else one for one in arguments]
    if getattr(libc, name)(*given) != 0:
        error = ctypes.get_errno()
        raise OSError(error, f"{name}{arguments}: {os.strerror(error)}")


def mount(source: str | Path, target: Path, kind: str | None = None, flags: int = 0, data: str | None = None) -> None:
    """The system call of that name; the folder of a new file system is made."""
    if kind is not None:
        target.mkdir(parents=True, exist_ok=True)
    call("mount", source, target, kind, ctypes.c_ulong(flags), data)


def bind(source: Path, target: Path, *, read_only: bool = False) -> None:
    """Show a folder or file of the machine at a place in the host."""
    if source.is_dir():
        target.mkdir(parents=True, exist_ok=True)
    elif not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        target.touch()
    mount(source, target, None, BIND | RECURSIVE)
    if read_only:
        mount(source, target, None, BIND | REMOUNT | READ_ONLY)


def enter(boot: dict[str, Any]) -> None:
    """Into the host's control groups and network, then into namespaces of its own; order matters."""
    for door in boot["doors"]:
        clean(Path(door).parent)
        Path(door).write_text("0")
    descriptor = os.open(boot["namespace"], os.O_RDONLY | os.O_CLOEXEC)
    call("setns", descriptor, NEW_NET)
    call("unshare", NEW_MOUNT | NEW_CGROUP | NEW_UTS | NEW_IPC)  # /proc/self/cgroup now begins at the host
    mount("none", Path("/"), None, RECURSIVE | PRIVATE)
    socket.sethostname(boot["hostname"])


def clean(group: Path) -> None:
    """Remove what the boot before left: empty control groups, and in cgroup v2 what it passed on to them.

    A v2 group that passes controllers on takes no process: EBUSY.
    """
    for path, _, _ in os.walk(group, topdown=False):
        if path != str(group):
            with contextlib.suppress(OSError):
                Path(path).rmdir()
    passed_on = group / "cgroup.subtree_control"
    if passed_on.exists():
        passed_on.write_text(" ".join(f"-{name}" for name in passed_on.read_text().split()))


def own(folder: Path) -> Path:
    """Where the host's own files lie: on its disk, mounted for nobody else to see, or in the folder itself."""
    image, place = folder / "disk.img", folder
    if image.exists():
        place = folder / "disk"
        device, descriptor = attach(image)
        mount(device, place, "ext4", 0, "discard,noinit_itable")
        os.close(descriptor)  # from here on the mount holds the device: it goes with the host's last process
    for name in LAYERS:
        (place / name).mkdir(exist_ok=True)
    if not (folder / "full").exists():
        (place / "upper/var/lib/full").unlink(missing_ok=True)
    with contextlib.suppress(OSError):  # a full disk boots too; what it could not take waits for the next boot
        settle(folder / "settings", place / "upper/etc")
    return place


def settle(settings: Path, etc: Path) -> None:
    """Put the host's name and address where it looks for them, once: what is changed there later stays."""
    etc.mkdir(parents=True, exist_ok=True)
    for given in settings.glob("*"):
        new = etc / f".{given.name}.new"
        new.write_bytes(given.read_bytes())
        new.chmod(0o644)
        new.replace(etc / given.name)
        given.unlink()


def attach(image: Path) -> tuple[str, int]:
    """The loop device of the disk, open. The boot before may still hold one: two on one file would ruin it."""
    found = attached(image)
    backing = os.open(image, os.O_RDWR | os.O_CLOEXEC)
    control = os.open("/dev/loop-control", os.O_RDWR | os.O_CLOEXEC)
    while found is None:
        name = f"/dev/loop{fcntl.ioctl(control, FREE_LOOP)}"
        device = os.open(name, os.O_RDWR | os.O_CLOEXEC)
        info = struct.pack(LOOP_INFO, 0, 0, 0, 0, 0, 0, 0, 0, AUTOCLEAR).ljust(LOOP_INFO_SIZE, b"\0")
        try:
            fcntl.ioctl(device, CONFIGURE_LOOP, struct.pack("II", backing, 0) + info + bytes(64))
            found = name, device
        except OSError as error:
            os.close(device)
            if error.errno != errno.EBUSY:  # another host was quicker
                raise
    os.close(control)
    os.close(backing)
    return found


def attached(image: Path) -> tuple[str, int] | None:
    """The loop device that holds this file already, open so that it stays."""
    wanted = image.stat()
    for path in Path("/sys/block").glob("loop*/loop"):
        name = f"/dev/{path.parent.name}"
        try:
            device = os.open(name, os.O_RDWR | os.O_CLOEXEC)
        except OSError:
            continue  # gone meanwhile
        info = bytearray(LOOP_INFO_SIZE)
        with contextlib.suppress(OSError):
            fcntl.ioctl(device, LOOP_STATUS, info)
            if struct.unpack_from("QQ", info) == (wanted.st_dev, wanted.st_ino):
                return name, device
        os.close(device)
    return None


def disks(boot: dict[str, Any], root: Path) -> None:
    """The image below, the host's own disk above; engine data on a real file system: overlay on overlay cannot be."""
    disk = own(Path(boot["disk"]))
    layers = f"lowerdir={boot['image']},upperdir={disk / 'upper'},workdir={disk / 'work'}"
    mount("overlay", root, "overlay", 0, layers)
    for name in ("docker", "containerd"):
        bind(disk / name, root / "var/lib" / name)
    for source, target, read_only in boot["binds"]:
        bind(Path(source), root / target.lstrip("/"), read_only=read_only)


def kernel(boot: dict[str, Any], root: Path) -> None:
    """/proc and /sys. Kernel settings belong to the machine and are read-only; those of the network to the host."""
    proc = root / "proc"
    mount("proc", proc, "proc", SAFE)
    for name in ("sys", "sysrq-trigger"):  # `echo c >/proc/sysrq-trigger` would crash the machine, not the host
        if (proc / name).exists():
            bind(proc / name, proc / name, read_only=True)
    second = root / "run"  # a second, writable view of the same /proc, only to take its net/ from
    mount("proc", second, "proc", SAFE)
    mount(second / "sys/net", proc / "sys/net", None, BIND)
    call("umount2", second, DETACH)
    identity = Path(boot["disk"]) / "boot_id"
    identity.write_text(f"{uuid.uuid4()}\n")
    bind(identity, proc / "sys/kernel/random/boot_id", read_only=True)
    mount("sysfs", root / "sys", "sysfs", SAFE | READ_ONLY)  # read-only tells networkd that no udev will come
    control_groups(root / "sys/fs/cgroup", unified=boot["unified"])


def control_groups(target: Path, *, unified: bool) -> None:
    """The host's own part of every hierarchy; with `unified`, cgroup v2 and nothing else."""
    lines = [line.split(":", 2) for line in Path("/proc/self/cgroup").read_text().splitlines()]
    versions = [controllers for _, controllers, _ in lines if controllers]
    if unified or not versions:
        mount("cgroup2", target, "cgroup2", SAFE)
        return
    mount("tmpfs", target, "tmpfs", SAFE, "mode=755")
    if len(versions) != len(lines):
        mount("cgroup2", target / "unified", "cgroup2", SAFE)
    for controllers in versions:
        name = controllers.removeprefix("name=")
        mount("cgroup", target / name, "cgroup", SAFE, f"none,{controllers}" if name != controllers else controllers)
        for alias in name.split(",") if "," in name else ():
            (target / alias).symlink_to(name)


def devices(root: Path) -> None:
    """/dev with the nodes that a container's has, and the memory file systems."""
    dev = root / "dev"
    mount("tmpfs", dev, "tmpfs", NO_SUID, "mode=755")
    (dev / "net").mkdir()
    for name, mode, major, minor in DEVICES:
        os.mknod(dev / name, mode | 0o020000, os.makedev(major, minor))
        (dev / name).chmod(mode)
    for name, to in LINKS.items():
        (dev / name).symlink_to(to)
    mount("devpts", dev / "pts", "devpts", NO_SUID | NO_EXEC, "newinstance,ptmxmode=0666,mode=620,gid=5")
    mount("tmpfs", dev / "shm", "tmpfs", NO_SUID | NO_DEV, "mode=1777")
    mount("mqueue", dev / "mqueue", "mqueue", SAFE)
    mount("tmpfs", root / "run", "tmpfs", NO_SUID | NO_DEV, "mode=755")
    mount("tmpfs", root / "tmp", "tmpfs", NO_SUID | NO_DEV, "mode=1777")


def main(file: str) -> None:
    """Build the host that `file` describes and become its systemd."""
    os.umask(0o022)
    boot = json.loads(Path(file).read_text())
    root = Path(boot["disk"]) / "root"
    enter(boot)
    disks(boot, root)
    kernel(boot, root)
    devices(root)
    os.chdir(root)
    call("pivot_root", ".", ".")  # stacks the old root on the new one ...
    call("umount2", ".", DETACH)  # ... and drops it, with every path of the machine
    for capability in FORBIDDEN:
        call("prctl", DROP, ctypes.c_ulong(capability), ctypes.c_ulong(0), ctypes.c_ulong(0), ctypes.c_ulong(0))
    os.execve("/sbin/init", ["/sbin/init"], {"PATH": PATH, "container": "lab", "HOME": "/root", "LANG": "C.UTF-8"})  # noqa: S606


if __name__ == "__main__":
    main(sys.argv[1])
