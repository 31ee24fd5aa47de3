"""docker-ce from a real signed repository onto a real Debian: apt, dpkg and gpg are the judges."""

from __future__ import annotations

import resource
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from bootstrap.userdata import render
from tests.userdata.apt_repository import Key, Repository, run
from tests.userdata.cases import AGENT, TARGETS, cluster, pool

pytestmark = [pytest.mark.lab, pytest.mark.slow]

SUITE = "trixie"
MIRROR = "http://deb.debian.org/debian"
NEEDED = "ca-certificates,curl,gpg,python3-minimal"
LOCK = """
import fcntl, sys, time
lock = open("/var/lib/dpkg/lock-frontend", "w")
fcntl.lockf(lock, fcntl.LOCK_EX)
print("held", flush=True)
time.sleep(3)
"""


@pytest.fixture(scope="module")
def debian(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A plain Debian that knows no source of packages but ours, and whose systemctl does nothing."""
    root = tmp_path_factory.mktemp("debian") / "root"
    run("mmdebstrap", "--quiet", "--variant=apt", f"--include={NEEDED}", SUITE, str(root), MIRROR)
    (root / "etc/apt/sources.list").unlink()
    systemctl = root / "usr/bin/systemctl"
    systemctl.unlink(missing_ok=True)
    systemctl.write_text('#!/bin/sh\n[ "$1" != is-active ]\n')
    systemctl.chmod(0o755)
    yield root
    shutil.rmtree(root)


@pytest.fixture
def machine(debian: Path, tmp_path: Path) -> Iterator[Path]:
    """A fresh copy of it."""
    root = tmp_path / "root"
    run("cp", "-a", "--reflink=auto", str(debian), str(root))
    yield root
    shutil.rmtree(root)


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Key, Key]]:
    """Docker's, for this test, and a stranger's."""
    home = tmp_path_factory.mktemp("keys")
    both = Key(home / "right"), Key(home / "wrong")
    yield both
    for key in both:
        key.forget()


def boot(machine: Path, key: Key) -> subprocess.CompletedProcess[str]:
    """Run the user-data of a worker there, with this key as Docker's."""
    made = pool("worker", "docker-ce")
    docker = {"repository": "file:///repository", "key_deb": key.fingerprint}
    script = render(cluster("gcp", made), made, TARGETS["gcp"], agent=AGENT, docker=docker)
    (machine / "script").write_text(script)
    argv = ["chroot", str(machine), "/usr/bin/env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "sh", "/script"]
    return subprocess.run(argv, capture_output=True, text=True, check=False)


def status(machine: Path, package: str) -> str:
    """What dpkg says of it, empty when it does not know it."""
    argv = ["chroot", str(machine), "dpkg-query", "-W", "-f=${Status} ${Version}", package]
    return subprocess.run(argv, capture_output=True, text=True, check=False).stdout


def test_the_exact_version_comes_and_stays(machine: Path, keys: tuple[Key, Key]) -> None:
    """Although a newer one is there; an upgrade of everything leaves it alone."""
    Repository(machine / "repository", keys[0], SUITE)

    done = boot(machine, keys[0])
    run("chroot", str(machine), "apt-get", "-y", "dist-upgrade")

    assert done.returncode == 0, done.stderr
    for package in ("docker-ce", "docker-ce-cli"):
        assert status(machine, package) == f"hold ok installed 5:29.1.3-1~debian.13~{SUITE}"
    assert status(machine, "containerd.io").startswith("hold ok installed")
    assert "the engine is Docker version 29.1.3, build fake" in done.stderr


def test_a_second_run_does_nothing_and_is_quick(machine: Path, keys: tuple[Key, Key]) -> None:
    """It ends within a second when nothing is to do."""
    Repository(machine / "repository", keys[0], SUITE)
    assert boot(machine, keys[0]).returncode == 0
    shutil.rmtree(machine / "repository")

    seconds = []
    for _ in range(5):  # the quickest counts, and its own work alone: this machine may be busy with something else
        before = worked()
        done = boot(machine, keys[0])
        seconds.append(worked() - before)
        assert done.returncode == 0, done.stderr

    assert min(seconds) < 1


def worked() -> float:
    """Seconds of a processor that the programs which we started, and which have ended, took so far."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def test_another_key_than_the_pinned_is_refused(machine: Path, keys: tuple[Key, Key]) -> None:
    """The repository is whole in itself, but not Docker's."""
    Repository(machine / "repository", keys[1], SUITE)

    done = boot(machine, keys[0])

    assert done.returncode == 1
    assert f"is {keys[1].fingerprint}, not {keys[0].fingerprint}: nothing was installed" in done.stderr
    assert status(machine, "docker-ce") == ""


def test_a_second_key_beside_the_right_one_is_refused(machine: Path, keys: tuple[Key, Key]) -> None:
    """Apt would trust both."""
    repository = Repository(machine / "repository", keys[0], SUITE)
    keys[1].export(repository.root / "other")
    file = repository.root / "gpg"
    file.write_text(file.read_text() + (repository.root / "other").read_text())

    done = boot(machine, keys[0])

    assert done.returncode == 1
    assert "nothing was installed" in done.stderr


def test_a_release_that_a_stranger_signed_is_refused_at_once(machine: Path, keys: tuple[Key, Key]) -> None:
    """The key that is served is right, the signature is not."""
    repository = Repository(machine / "repository", keys[0], SUITE)
    keys[1].sign(repository.suite / "Release")

    done = boot(machine, keys[0])

    assert done.returncode == 1
    assert "a key, signature or hash is wrong" in done.stderr
    assert "trying again" not in done.stderr
    assert status(machine, "docker-ce") == ""


def test_a_package_that_was_tampered_with_is_refused_at_once(machine: Path, keys: tuple[Key, Key]) -> None:
    """Same length, other bytes."""
    repository = Repository(machine / "repository", keys[0], SUITE)
    file = next(repository.pool.glob("docker-ce_5_29.1.3*"))
    data = bytearray(file.read_bytes())
    data[-20] ^= 1
    file.write_bytes(bytes(data))

    done = boot(machine, keys[0])

    assert done.returncode == 1
    assert "a key, signature or hash is wrong" in done.stderr
    assert "trying again" not in done.stderr
    assert "installed" not in status(machine, "docker-ce")


def test_dpkg_s_lock_is_waited_for(machine: Path, keys: tuple[Key, Key]) -> None:
    """On a fresh machine unattended-upgrades holds it."""
    Repository(machine / "repository", keys[0], SUITE)
    holder = subprocess.Popen(["chroot", str(machine), "python3", "-c", LOCK], stdout=subprocess.PIPE)
    assert holder.stdout
    assert holder.stdout.readline() == b"held\n"

    done = boot(machine, keys[0])

    assert holder.wait(60) == 0
    holder.stdout.close()
    assert done.returncode == 0, done.stderr
    assert status(machine, "docker-ce").startswith("hold ok installed")
