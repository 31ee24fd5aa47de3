from __future__ import annotations

from pathlib import Path

import pytest

from bootstrap.cli.contexts import docker, ssh
from bootstrap.cli.contexts.docker import config_folder
from bootstrap.errors import BootstrapError
from bootstrap.providers.base import SshWay

WAYS = {"prod-managers-a-1": SshWay("root", "10.91.0.11", 22, "ssh-ed25519 AAAA", Path("/keys/id"))}


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(ssh, "home", lambda: tmp_path)
    return tmp_path


def test_one_line_at_the_top_and_a_folder_of_ours(home: Path) -> None:
    """The user's own lines stay as they are, below our line: after a `Host` line it would count for that host only."""
    (home / ".ssh").mkdir()
    (home / ".ssh" / "config").write_text("Host *\n  Compression yes\n")

    assert ssh.remember("prod", WAYS, "/root/.docker") is True

    text = (home / ".ssh" / "config").read_text()
    assert text.index(ssh.INCLUDE) < text.index("Host *\n  Compression yes\n")
    assert ssh.remember("prod", WAYS, "/root/.docker") is False, "the second time changes nothing"
    assert (home / ".ssh" / "config").read_text() == text


def test_the_host_key_is_asked_for(home: Path) -> None:
    """An entry names the machine's own key, the cluster's private key, and no other file of known hosts."""
    ssh.remember("prod", WAYS, "/root/.docker")
    config = (home / ".ssh/bootstrap/prod/config").read_text()

    assert (home / ".ssh/bootstrap/prod/known_hosts").read_text() == "prod-managers-a-1 ssh-ed25519 AAAA\n"
    for line in ("HostName 10.91.0.11", "StrictHostKeyChecking yes", 'IdentityFile "/keys/id"', "IdentitiesOnly yes",
                 "HostKeyAlias prod-managers-a-1", "GlobalKnownHostsFile /dev/null"):  # fmt: skip
        assert f"  {line}\n" in config
    assert (home / ".ssh/bootstrap/prod/config").stat().st_mode & 0o777 == 0o600


def test_the_users_own_key_where_there_is_no_other(home: Path) -> None:
    """Without a key of the cluster's, `ssh` takes what it takes always."""
    ssh.remember("prod", {"prod-m-1": SshWay("ops", "192.0.2.1", 2222, "ssh-ed25519 AAAA", None)}, "/root/.docker")
    config = (home / ".ssh/bootstrap/prod/config").read_text()

    assert "Identit" not in config
    assert "  User ops\n" in config
    assert "  Port 2222\n" in config


def test_nothing_is_left(home: Path) -> None:
    """With the last cluster our line goes, and a file that we made; another cluster keeps both."""
    ssh.remember("prod", WAYS, "/root/.docker")
    ssh.remember("prod-eu", WAYS, "/root/.docker")

    assert ssh.forget("prod") is True
    assert ssh.INCLUDE in (home / ".ssh/config").read_text()
    assert ssh.forget("prod-eu") is True
    assert sorted(path.name for path in (home / ".ssh").iterdir()) == []
    assert ssh.forget("prod-eu") is False


def test_the_users_file_is_as_before(home: Path) -> None:
    """What stood in ~/.ssh/config stands there again, byte for byte, with its mode, and a symbolic link stays one."""
    (home / ".ssh").mkdir()
    (home / "dotfile").write_text("Host *\n  Compression yes\n")
    (home / "dotfile").chmod(0o644)
    (home / ".ssh/config").symlink_to(home / "dotfile")

    ssh.remember("prod", WAYS, "/root/.docker")
    assert ssh.INCLUDE in (home / "dotfile").read_text()
    ssh.forget("prod")

    assert (home / "dotfile").read_text() == "Host *\n  Compression yes\n"
    assert (home / "dotfile").stat().st_mode & 0o777 == 0o644
    assert (home / ".ssh/config").is_symlink()


def test_every_folder_of_docker_is_kept_in_mind(home: Path) -> None:
    """A context made under another DOCKER_CONFIG is found again when all are removed."""
    ssh.remember("prod", WAYS, "/one")
    ssh.remember("prod", WAYS, "/two")

    assert ssh.dockers("prod") == ["/one", "/two"]


def test_bytes_that_are_no_text_stay(home: Path) -> None:
    """The user's file may be in any encoding and have any line ends: all but our line stays, to the byte."""
    (home / ".ssh").mkdir()
    (home / ".ssh" / "config").write_bytes(b"# M\xfcller\r\nHost x\r\n")

    ssh.remember("prod", WAYS, "/root/.docker")

    assert (home / ".ssh" / "config").read_bytes().endswith(b"# M\xfcller\r\nHost x\r\n")
    ssh.forget("prod")
    assert (home / ".ssh" / "config").read_bytes() == b"# M\xfcller\r\nHost x\r\n"


def test_a_home_that_takes_nothing_is_told(home: Path) -> None:
    """What the system refuses is an error with its place, and no fault of ours."""
    (home / ".ssh").write_text("a file where the folder should be")

    with pytest.raises(BootstrapError) as caught:
        ssh.remember("prod", WAYS, "/root/.docker")

    assert caught.value.code == "cannot_write"
    assert str(home / ".ssh") in caught.value.where


def test_another_users_home_is_left_alone(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Under `sudo -E` HOME is the user's: docker's files go where root's `ssh` looks, and not there."""
    theirs, ours = home / "theirs", home / "ours"
    theirs.mkdir()
    ours.mkdir()
    monkeypatch.setattr(docker, "_is_own", lambda folder: folder != theirs)

    assert config_folder({"HOME": str(theirs)}) == str(home / ".docker")
    assert config_folder({"HOME": str(ours)}) == str(ours / ".docker")
    assert config_folder({"HOME": str(theirs), "DOCKER_CONFIG": "/given"}) == "/given"
