from __future__ import annotations

import fcntl
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from bootstrap.errors import BootstrapError, UsageError
from bootstrap.lab import command, image, paths
from bootstrap.lab.recipe import MASKED, RECIPES, Recipe, recipe

Install = Callable[[Recipe, Path, image.Say, int], None]


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("BOOTSTRAP_CACHE_DIR", str(tmp_path / "images"))
    return tmp_path / "images"


def installs(wanted: Recipe, folder: Path, say: image.Say, lock: int) -> None:
    """What mmdebstrap leaves, as far as it matters here."""
    units = folder / "etc/systemd/system"
    (units / "multi-user.target.wants").mkdir(parents=True)
    (units / "sockets.target.wants").mkdir()
    (units / "multi-user.target.wants/docker.service").symlink_to("/lib/systemd/system/docker.service")
    (units / "multi-user.target.wants/ssh.service").symlink_to("/lib/systemd/system/ssh.service")
    (units / "sockets.target.wants/docker.socket").symlink_to("/lib/systemd/system/docker.socket")
    (folder / "etc/ssh").mkdir(parents=True)
    (folder / "etc/ssh/ssh_host_rsa_key").write_text("the same in every host")
    (folder / "etc/machine-id").write_text("the same in every host")
    (folder / "etc/resolv.conf").write_text("nameserver 192.0.2.1")


@pytest.fixture
def synced() -> list[tuple[list[str], bool]]:
    """The commands that were run, and whether the folder they name was there then."""
    return []


@pytest.fixture
def install(monkeypatch: pytest.MonkeyPatch, synced: list[tuple[list[str], bool]]) -> Callable[[Install], None]:
    def use(what: Install) -> None:
        monkeypatch.setattr(image, "_install", what)
        monkeypatch.setattr(command, "run", lambda argv, timeout: synced.append((argv, Path(argv[-1]).is_dir())))

    use(installs)
    return use


def test_an_image_is_built_once(install: Callable[[Install], None], cache: Path) -> None:
    """The first call builds and says so; the second finds it and is silent."""
    said: list[str] = []
    assert not image.ready("debian-13")

    first = image.ensure("debian-13", said.append)
    assert said
    assert image.ready("debian-13")
    said.clear()

    assert image.ensure("debian-13", said.append) == first == cache / f"debian-13-{recipe('debian-13').digest}"
    assert not said


def test_an_image_that_counts_is_on_the_disk(
    install: Callable[[Install], None], cache: Path, synced: list[tuple[list[str], bool]]
) -> None:
    """It is synced under its building's name: a power cut never leaves an image with empty files, kept for ever."""
    image.ensure("debian-13", lambda line: None)

    ((argv, there),) = synced
    assert argv[:2] == ["sync", "-f"]
    assert Path(argv[2]).name.startswith(".debian-13.building-")
    assert there


def test_a_host_finds_nothing_that_all_hosts_would_share(install: Callable[[Install], None]) -> None:
    """No machine id, no ssh key, no resolver of the machine that built it."""
    root = image.ensure("debian-13", lambda line: None)

    assert (root / "etc/machine-id").read_text() == ""
    assert not (root / "etc/ssh/ssh_host_rsa_key").exists()
    assert not (root / "etc/resolv.conf").exists()


def test_docker_is_started_by_user_data_and_not_by_the_image(install: Callable[[Install], None]) -> None:
    """Its settings come first; sshd and the network start by themselves."""
    units = image.ensure("debian-13", lambda line: None) / "etc/systemd/system"

    assert not (units / "multi-user.target.wants/docker.service").is_symlink()
    assert not (units / "sockets.target.wants/docker.socket").is_symlink()
    assert (units / "multi-user.target.wants/ssh.service").is_symlink()
    assert (units / "multi-user.target.wants/systemd-networkd.service").is_symlink()
    assert {str((units / unit).readlink()) for unit in MASKED} == {"/dev/null"}


def test_a_failed_build_leaves_nothing(install: Callable[[Install], None], cache: Path) -> None:
    """Neither an image nor a half one; the next run builds it."""

    def fails(wanted: Recipe, folder: Path, say: image.Say, lock: int) -> None:
        (folder / "half").touch()
        raise BootstrapError("no mirror")

    install(fails)
    with pytest.raises(BootstrapError, match="no mirror"):
        image.ensure("debian-12", lambda line: None)
    assert not image.ready("debian-12")
    assert [one.name for one in cache.iterdir()] == [".debian-12.lock"]

    install(installs)
    assert image.ensure("debian-12", lambda line: None).is_dir()


def test_what_a_killed_build_left_is_removed(install: Callable[[Install], None], cache: Path) -> None:
    """It does not count as an image and does not stay; another image's build is left alone."""
    (cache / ".debian-13.building-abc/etc").mkdir(parents=True)
    (cache / ".debian-12.building-abc").mkdir()
    assert not image.ready("debian-13")

    image.ensure("debian-13", lambda line: None)

    assert not (cache / ".debian-13.building-abc").exists()
    assert (cache / ".debian-12.building-abc").exists()


def test_two_builders_do_not_build_twice(install: Callable[[Install], None], cache: Path) -> None:
    """Whoever comes second is told that it waits, and takes the first one's image."""
    cache.mkdir()
    other = os.open(cache / ".debian-13.lock", os.O_RDWR | os.O_CREAT)
    fcntl.flock(other, fcntl.LOCK_EX)
    built: list[str] = []

    def say(line: str) -> None:
        if "waiting" in line:  # the other builder ends while we wait
            image.path("debian-13").mkdir()
            os.close(other)
        else:
            built.append(line)

    image.ensure("debian-13", say)

    assert not built


def test_every_part_of_a_recipe_is_in_its_digest() -> None:
    """Another package, suite or file is another image; the same recipe is the same one."""
    one = RECIPES["debian-13"]

    assert len({two.digest for two in RECIPES.values()}) == len(RECIPES)
    assert replace(one, packages=(*one.packages, "jq")).digest != one.digest
    assert replace(one, suite="forky").digest != one.digest
    assert replace(one, files={**one.files, "etc/motd": "hello"}).digest != one.digest
    assert replace(one).digest == one.digest


def test_an_unknown_image_names_those_that_there_are() -> None:
    """A wrong name in the inventory is a usage error."""
    with pytest.raises(UsageError, match="ubuntu") as caught:
        image.ensure("ubuntu-24.04", lambda line: None)
    assert "debian-12, debian-13, debian-sid" in caught.value.fix


def test_every_image_has_what_a_host_needs() -> None:
    """An engine with its command line, systemd, sshd, cloud-init and Python for the agent."""
    for one in RECIPES.values():
        assert {"docker.io", "systemd-sysv", "openssh-server", "cloud-init", "python3", "mount"} <= set(one.packages)
    assert "docker-cli" in RECIPES["debian-13"].packages
    assert RECIPES["debian-sid"].unified


def test_builds_of_an_older_recipe_go_when_no_host_stands_on_them(
    install: Callable[[Install], None], cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a new build the old one is removed, unless a host of any cluster was made from it."""
    monkeypatch.setenv("BOOTSTRAP_LOCAL_DIR", str(tmp_path / "local"))
    monkeypatch.setattr(paths, "NAMESPACES", tmp_path / "netns")
    unused, used = cache / "debian-13-000000000000", cache / "debian-13-111111111111"
    for old in (unused, used, cache / "debian-12-000000000000"):
        old.mkdir(parents=True)
    stands = tmp_path / "local/prod/hosts/prod-web-1/image"
    stands.parent.mkdir(parents=True)
    stands.write_text(str(used))

    image.ensure("debian-13", lambda line: None)

    assert not unused.exists()
    assert used.exists()
    assert (cache / "debian-12-000000000000").exists()


def test_images_stay_while_a_cluster_of_other_records_runs(
    install: Callable[[Install], None], cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A cluster in another BOOTSTRAP_LOCAL_DIR may stand on any image: nothing is removed then."""
    monkeypatch.setenv("BOOTSTRAP_LOCAL_DIR", str(tmp_path / "local"))
    monkeypatch.setattr(paths, "NAMESPACES", tmp_path / "netns")
    (tmp_path / "netns").mkdir()
    (tmp_path / "netns/bs-other.fabric").touch()
    old = cache / "debian-13-000000000000"
    old.mkdir(parents=True)

    image.ensure("debian-13", lambda line: None)

    assert old.exists()
