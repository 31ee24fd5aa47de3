"""The root file systems that hosts share, read-only: built once with mmdebstrap, kept by the hash of their recipe."""

from __future__ import annotations

import fcntl
import io
import os
import subprocess
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from bootstrap.errors import BootstrapError
from bootstrap.lab import command, mirror, paths, records
from bootstrap.lab.recipe import DISABLED, ENABLED, MASKED, SLIM, Recipe, recipe

Say = Callable[[str], None]
UNITS = "etc/systemd/system"
OWN = ("var/lib/dbus/machine-id", "etc/resolv.conf", "etc/hostname")  # what every host has of its own
STEPS = {  # what mmdebstrap prints -> what a person is told
    "I: downloading packages with apt": "downloading packages",
    "I: extracting archives": "unpacking",
    "I: installing essential packages": "installing the base system",
    "I: installing remaining packages": "installing Docker, systemd, cloud-init and sshd",
    "I: cleaning package lists": "finishing",
}


def path(name: str) -> Path:
    """Where the image of that name is, or will be."""
    return paths.images() / f"{name}-{recipe(name).digest}"


def ready(name: str) -> bool:
    """Whether it is built."""
    return path(name).is_dir()


def ensure(name: str, say: Say) -> Path:
    """The root file system of that name; built first when it is not there, which takes half a minute.

    `say` gets a line for each step. Another run that builds the same image is waited for. BootstrapError with the
    last lines of mmdebstrap when it cannot be built; nothing that counts is left of a failed or killed build.
    """
    target = path(name)
    if target.is_dir():
        return target
    paths.images().mkdir(parents=True, exist_ok=True)
    paths.images().chmod(0o700)  # old setuid programs lie in there
    with _locked(name, say) as lock:
        if not target.is_dir():
            _build(recipe(name), target, say, lock)
            prune(name)
    return target


def prune(name: str) -> None:
    """Remove builds of an older recipe that no host stands on; half a gigabyte each."""
    if clusters_elsewhere():
        return
    used = {found.read_text() for found in paths.root().glob("*/hosts/*/image")}
    for old in paths.images().glob(f"{name}-*"):
        if old != path(name) and str(old) not in used:
            records.remove(old)


def clusters_elsewhere() -> bool:
    """Whether a cluster runs whose records are in another BOOTSTRAP_LOCAL_DIR than ours: it uses images too."""
    ours = {paths.fabric_namespace(cluster) for cluster in paths.clusters()}
    return any(found.name not in ours for found in paths.NAMESPACES.glob(f"{paths.PREFIX}*.fabric"))


@contextmanager
def _locked(name: str, say: Say) -> Iterator[int]:
    descriptor = os.open(paths.images() / f".{name}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"image {name}: waiting for another run that builds it")
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield descriptor
    finally:
        os.close(descriptor)


def _build(wanted: Recipe, target: Path, say: Say, lock: int) -> None:
    began = time.monotonic()
    for rest in paths.images().glob(f".{wanted.name}.building-*"):  # of a killed run: we hold its lock
        records.remove(rest)
    building = Path(tempfile.mkdtemp(dir=paths.images(), prefix=f".{wanted.name}.building-"))
    try:
        building.chmod(0o755)
        _install(wanted, building, say, lock)
        customise(building, wanted)
        command.run(["sync", "-f", str(building)], timeout=600)  # else a power cut leaves a hollow image
        building.rename(target)
    except BaseException:
        records.remove(building)
        raise
    say(f"image {wanted.name}: built in {time.monotonic() - began:.0f} s")


# mmdebstrap mounts /proc, /sys and /dev into the root that it makes. In namespaces of its own no mount can be left
# of a killed build, and no process of it either.
ALONE = ("unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "--")


def mmdebstrap(wanted: Recipe, folder: Path) -> list[str]:
    """The command that installs the packages into `folder`."""
    dropped = [f"--dpkgopt=path-exclude=/usr/share/{one}/*" for one in SLIM]
    options = [*mirror.machine_options(), *wanted.options, 'Acquire::Languages "none"', 'Acquire::Retries "3"']
    return [
        *ALONE, "mmdebstrap", "--mode=root", "--variant=apt", "--dpkgopt=force-unsafe-io", *dropped,
        *(f"--aptopt={one}" for one in dict.fromkeys(options)), f"--include={','.join(wanted.packages)}",
        wanted.suite, str(folder), *mirror.lines(wanted.suite, mirror.texts(), updates=wanted.updates),
    ]  # fmt: skip


def _install(wanted: Recipe, folder: Path, say: Say, lock: int) -> None:
    if not command.available("mmdebstrap"):
        raise command.missing("mmdebstrap")
    say(f"image {wanted.name}: building it once, about half a minute")
    tail: deque[str] = deque(maxlen=5)
    # The lock goes to mmdebstrap as well: if we are killed, the next builder waits until it has ended too.
    with subprocess.Popen(
        mmdebstrap(wanted, folder), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        text=True, errors="replace", env=command.ENVIRONMENT, pass_fds=(lock,), cwd="/",
    ) as process:  # fmt: skip
        output = process.stdout or io.StringIO()
        try:
            for line in output:
                tail.append(line.strip())
                for found in (text for start, text in STEPS.items() if line.startswith(start)):
                    say(f"image {wanted.name}: {found}")
        except BaseException:
            process.kill()  # and with it all that it started
            output.read()  # to the end: when the last of them is gone
            raise
    if process.returncode != 0:
        what = f"the image cannot be built: {'; '.join(tail)}"
        fix = "check that this machine reaches its Debian mirror, then run the same command again"
        raise BootstrapError(what, where=f"image {wanted.name}", fix=fix, code="image_failed")


def customise(root: Path, wanted: Recipe) -> None:
    """Turn an installed root into a host's image, as Packer does with a cloud's. Safe to repeat."""
    for name, text in wanted.files.items():
        target = root / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
    for unit in MASKED:
        _link(root / UNITS / unit, "/dev/null")
    for wants in (root / UNITS).glob("*.wants"):
        for unit in DISABLED:  # by name: a link into the image is broken as seen from here, and glob passes it over
            (wants / unit).unlink(missing_ok=True)
    for unit, target_wants in ENABLED.items():
        _link(root / UNITS / target_wants / unit, f"/lib/systemd/system/{unit}")
    for found in (*root.glob("etc/ssh/ssh_host_*"), *root.glob("var/log/*.log"), *(root / name for name in OWN)):
        found.unlink(missing_ok=True)


def _link(link: Path, to: str) -> None:
    link.parent.mkdir(parents=True, exist_ok=True)
    link.unlink(missing_ok=True)
    link.symlink_to(to)
