"""Docker's own packages, on machines of stubs: the pinned key, the exact version, the hold, and the faults on the way."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.userdata.cases import pool, script
from tests.userdata.machine import DEB_KEY, DEBIAN, ROCKY, RPM_KEY, UBUNTU, Machine

pytestmark = pytest.mark.process

SCRIPT = script("gcp", pool("worker", "docker-ce"))
OTHER_KEY = "F" * 40
EXACT = "5:29.1.3-1~debian.13~trixie"


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """A Debian without an engine."""
    return Machine(tmp_path, DEBIAN, engine=None)


def test_the_exact_version_is_installed_and_held(machine: Machine) -> None:
    """29.1.3 is not 29.1.30; engine and command line are of one version."""
    done = machine.run(SCRIPT)

    assert done.returncode == 0, done.stderr
    install = next(call for call in machine.calls if "docker-ce=" in call)
    assert install.endswith(f"-- docker-ce={EXACT} docker-ce-cli={EXACT} containerd.io")
    assert {path.name for path in (machine.path / "held").iterdir()} == {"docker-ce", "docker-ce-cli", "containerd.io"}
    assert machine.file("/etc/apt/sources.list.d/bootstrap-docker.sources").read_text() == (
        "Types: deb\nURIs: https://download.docker.com/linux/debian\nSuites: trixie\nComponents: stable\n"
        "Signed-By: /etc/apt/keyrings/bootstrap-docker.asc\n"
    )
    assert machine.file("/etc/apt/keyrings/bootstrap-docker.asc").read_text() == "a key\n"


def test_ubuntu_has_its_own_repository(tmp_path: Path) -> None:
    """By its ID and codename."""
    machine = Machine(tmp_path, UBUNTU, engine=None)
    machine.run(SCRIPT)

    sources = machine.file("/etc/apt/sources.list.d/bootstrap-docker.sources").read_text()
    assert "URIs: https://download.docker.com/linux/ubuntu\nSuites: noble\n" in sources


def test_red_hat_s_family_gets_rpms_of_the_same_version(tmp_path: Path) -> None:
    """The key is in place before dnf asks for it; the three packages are locked."""
    machine = Machine(tmp_path, ROCKY, engine=None)
    done = machine.run(SCRIPT)

    assert done.returncode == 0, done.stderr
    assert "dnf -q -y install -- docker-ce-29.1.3 docker-ce-cli-29.1.3 containerd.io" in machine.calls
    assert (machine.path / "versionlock").read_text().split() == ["docker-ce", "docker-ce-cli", "containerd.io"]
    repo = machine.file("/etc/yum.repos.d/bootstrap-docker.repo").read_text()
    assert "baseurl=https://download.docker.com/linux/centos/9/$basearch/stable\n" in repo
    assert "gpgcheck=1\n" in repo


@pytest.mark.parametrize(
    "keys",
    [(), (OTHER_KEY,), (DEB_KEY, OTHER_KEY), (OTHER_KEY, DEB_KEY), (RPM_KEY,), (DEB_KEY[-16:],)],
    ids=["none", "another", "a second one behind", "a second one before", "the one for rpm", "a short one"],
)
def test_any_other_key_is_refused(machine: Machine, keys: tuple[str, ...]) -> None:
    """Nothing is installed from it, and it is not left where apt would trust it."""
    machine.key(*keys)

    done = machine.run(SCRIPT)

    assert done.returncode == 1
    assert "nothing was installed" in done.stderr
    assert not machine.file("/etc/apt/keyrings/bootstrap-docker.asc").exists()
    assert not [call for call in machine.calls if "docker-ce" in call]
    assert not machine.called("systemctl start docker")


def test_a_version_that_the_repository_has_not_is_an_error(machine: Machine) -> None:
    """Nothing is removed for it, and no other version is taken."""
    (machine.path / "installed/containerd").touch()
    machine.says(madison=" docker-ce | 5:28.0.0-1~debian.13~trixie | https://x trixie/stable amd64 Packages\n")

    done = machine.run(SCRIPT)

    assert done.returncode == 1
    assert "has no docker-ce 29.1.3 for debian trixie" in done.stderr
    assert (machine.path / "installed/containerd").exists()


def test_packages_that_conflict_go_first(machine: Machine) -> None:
    """Only those that are there."""
    (machine.path / "installed/containerd").touch()

    machine.run(SCRIPT)

    assert [call.split()[-1] for call in machine.calls if " remove " in call] == ["containerd"]


def test_an_engine_that_is_there_wins_and_is_reported(tmp_path: Path) -> None:
    """No package is touched, nothing is held."""
    machine = Machine(tmp_path, engine="26.1.5")

    done = machine.run(SCRIPT)

    assert done.returncode == 0
    assert "the engine is Docker version 26.1.5" in done.stderr
    assert "docker-ce 29.1.3 is wanted, but the engine that was there stays" in done.stderr
    assert not machine.called("apt-get", "apt-mark", "curl")


@pytest.mark.parametrize(
    "says",
    [
        "E: Could not get lock /var/lib/apt/lists/lock. It is held by process 812 (apt-get)",
        "E: Failed to fetch http://deb.debian.org/x  Temporary failure resolving 'deb.debian.org'",
        "E: Failed to fetch http://deb.debian.org/x  Could not connect to deb.debian.org:80, connection timed out",
        "E: Failed to fetch http://deb.debian.org/x  503  Service Unavailable",
    ],
)
def test_a_network_that_comes_late_is_waited_for(machine: Machine, says: str) -> None:
    """A fresh machine often boots before its network is whole, and while unattended-upgrades runs."""
    machine.fails("apt-get", says, times=3)

    assert machine.run(SCRIPT).returncode == 0
    assert machine.called("sleep") == ["sleep 5", "sleep 10", "sleep 15"]


@pytest.mark.parametrize(
    "says",
    [
        "E: Failed to fetch https://download.docker.com/x  Hash Sum mismatch",
        "W: GPG error: https://download.docker.com/x InRelease: The following signatures couldn't be verified: NO_PUBKEY 7",
        "E: The repository 'https://download.docker.com/linux/debian trixie InRelease' is not signed.",
        "Err:1 http://x Sub-process /usr/bin/sqv returned an error code (1): Missing key 9DC, which is needed to verify",
    ],
)
def test_a_wrong_key_or_hash_is_never_tried_again(machine: Machine, says: str) -> None:
    """It is no bad luck: the second try would only give an attacker a second one."""
    machine.fails("apt-get", says, times=3)

    done = machine.run(SCRIPT)

    assert done.returncode == 1
    assert "a key, signature or hash is wrong" in done.stderr
    assert machine.called("sleep") == []


def test_a_network_that_never_comes_ends_in_an_error(machine: Machine) -> None:
    """After five minutes, with the last words of the tool."""
    machine.fails("curl", "curl: (6) Could not resolve host: download.docker.com", times=99)

    done = machine.run(SCRIPT)

    assert done.returncode == 1
    assert "still failing after 11 tries: curl" in done.stderr


def test_a_package_that_does_not_exist_is_no_network_trouble(machine: Machine) -> None:
    """Trying again would not make it appear."""
    machine.fails("apt-get", "E: Unable to locate package nfs-comon", times=99)

    done = machine.run(SCRIPT)

    assert done.returncode == 1
    assert machine.called("sleep") == []


def test_a_run_that_was_killed_before_the_hold_is_finished_by_the_next(machine: Machine) -> None:
    """The engine is there then, and would be upgraded behind our back."""
    machine.fails("apt-mark", "killed", times=1)
    assert machine.run(SCRIPT).returncode == 1

    assert machine.run(SCRIPT).returncode == 0
    assert (machine.path / "held/docker-ce").exists()
