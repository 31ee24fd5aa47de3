from __future__ import annotations

import os
import zlib
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest

from bootstrap import inventory

GOOD = "version: 1\ncluster: prod\nprovider: local\nmanagers: {count: 3}\n"


def _only(path: Path) -> str:
    problems = inventory.check(path, environ={})
    assert len(problems) == 1
    return str(problems[0]).removeprefix(str(path))


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """Write an inventory and say where it is."""

    def put(data: str | bytes, name: str = "prod.yml", mode: int = 0o644) -> Path:
        path = tmp_path / name
        path.write_bytes(data.encode() if isinstance(data, str) else data)
        path.chmod(mode)
        return path

    return put


Write = Callable[..., Path]


def test_a_missing_file_is_told_with_the_system_s_own_words(tmp_path: Path) -> None:
    """E001 at 1:1."""
    assert _only(tmp_path / "none.yml") == (
        ":1:1: error[E001]: file: cannot read: No such file or directory; check the path and its permissions"
    )


def test_a_directory_a_fifo_and_a_device_are_no_inventories(tmp_path: Path) -> None:
    """E001 without waiting for anybody to write into the FIFO."""
    fifo = tmp_path / "fifo.yml"
    os.mkfifo(fifo)

    assert "cannot read: it is a directory" in _only(tmp_path)
    assert "cannot read: it is a FIFO" in _only(fifo)
    assert "cannot read: it is a device" in str(inventory.check("/dev/zero")[0])


@pytest.mark.parametrize("name", ["a\0b.yml", "loop.yml", "n" * 300])
def test_a_path_that_cannot_be_is_told(name: str, tmp_path: Path) -> None:
    """NUL bytes, links that go in circles and names that are too long are E001 as well."""
    (tmp_path / "loop.yml").symlink_to("loop.yml")

    assert "error[E001]: file: cannot read" in _only(tmp_path / name)


def test_a_link_inside_the_directory_is_followed_and_one_out_of_it_is_not(write: Write, tmp_path: Path) -> None:
    """E002 for an inventory that is really somewhere else."""
    real = write(GOOD)
    (tmp_path / "link.yml").symlink_to(real.name)
    other = tmp_path / "other"
    other.mkdir()
    (other / "link.yml").symlink_to(real)

    assert inventory.check(tmp_path / "link.yml") == []
    assert "error[E002]: file: leads out of the inventory's directory" in _only(other / "link.yml")


def test_a_file_that_everybody_may_write_is_warned_about(write: Write) -> None:
    """W002, which is an error under --strict."""
    path = write(GOOD, mode=0o666)

    assert ": warning[W002]: inventory: everybody may write to this file" in _only(path)
    assert [one.severity for one in inventory.check(path, strict=True)] == ["error"]
    assert inventory.load(path).name == "prod"


def test_more_than_a_mebibyte_is_refused(write: Write) -> None:
    """E003, while a file of exactly one MiB is read."""
    assert "error[E003]: file: is larger than 1 MiB" in _only(write(GOOD + "#" * (1 << 20)))
    assert inventory.check(write((GOOD + "#" * (1 << 20))[: 1 << 20])) == []


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"\xef\xbb\xbf" + GOOD.encode(), ":1:1: error[E004]: file: begins with a byte order mark"),
        (GOOD.encode("utf-16"), ":1:1: error[E004]: file: begins with a byte order mark"),
        (GOOD.encode("utf-16-le"), ":1:2: error[E004]: file: control character U+0000 at byte 1"),
        (b"version: 1\ncluster: \xff\n", ":2:10: error[E004]: file: byte 20 is not UTF-8"),
        (b"version: 1\ncluster: pr\xc3\n", ":2:12: error[E004]: file: byte 22 is not UTF-8"),
        (b"\xed\xa0\x80", ":1:1: error[E004]: file: byte 0 is not UTF-8"),
        (b"a: \0", ":1:4: error[E004]: file: control character U+0000 at byte 3"),
        (b"a: \x1b[31m", ":1:4: error[E004]: file: control character U+001B at byte 3"),
        (b"a: 1\rb: 2", ":1:5: error[E004]: file: control character U+000D at byte 4"),
        ("ä: \u202eb".encode(), ":1:4: error[E004]: file: control character U+202E at byte 4"),
        ("# \u2066".encode(), ":1:3: error[E004]: file: control character U+2066 at byte 2"),
        ("a: \x85".encode(), ":1:4: error[E004]: file: control character U+0085 at byte 3"),
    ],
)
def test_bytes_that_are_no_plain_text_are_told_with_their_place(data: bytes, told: str, write: Write) -> None:
    """E004 at line and column, with the offset in bytes."""
    assert _only(write(data)).startswith(told)


def test_windows_line_ends_are_read_as_they_are_meant(write: Write) -> None:
    """CRLF is no problem and moves no column."""
    path = write(GOOD.replace("\n", "\r\n") + "protekt: true\r\n")

    assert _only(path).startswith(":5:1: error[E021]: protekt: unknown key 'protekt'; did you mean 'protect'?")


def test_hooks_that_cannot_fit_into_user_data_are_refused_early(write: Write, tmp_path: Path) -> None:
    """E075 shows both sizes; on local there is no such limit."""
    noise = Random(1).randbytes(20_000).hex()
    write(f"#!/bin/sh\n# {noise}\n", "big.sh")
    text = "version: 1\ncluster: prod\nprovider: {}\nmanagers: {{count: 3}}\nhooks: {{pre_join: [big.sh]}}\n"
    size = len(zlib.compress((tmp_path / "big.sh").read_bytes(), 9))

    assert _only(write(text.format("aws\naws: {region: eu-west-1}"))).startswith(
        f":6:1: error[E075]: hooks: hooks of 'managers' have {size} bytes compressed, user-data holds 16384; "
    )
    assert inventory.check(write(text.format("local"))) == []


def test_a_hook_that_is_too_large_or_no_text_is_told_at_the_line_that_names_it(write: Write) -> None:
    """The file's own trouble, at its place in the inventory."""
    write("#!/bin/sh\n" + "x" * (64 << 10), "big.sh")
    write(b"#!/bin/sh\n\xff\n", "binary.sh")
    path = write(GOOD + "hooks:\n  pre_join:\n    - big.sh\n    - binary.sh\n")

    first, second = inventory.check(path)

    assert (first.code, first.line, first.col, first.where) == ("E003", 7, 7, "hooks.pre_join[0]")
    assert (second.code, second.line, second.what) == ("E004", 8, "'binary.sh': byte 10 is not UTF-8 at 2:1")


KEY = "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaA==\n-----END OPENSSH PRIVATE KEY-----\n"
SSH = "version: 1\ncluster: lab\nprovider: ssh\nssh: {key: id}\nmanagers: {hosts: [{address: a, zone: z}]}\nsingle_zone: true\n"


@pytest.mark.parametrize(
    ("text", "mode", "told"),
    [
        (KEY, 0o644, "key 'id' has mode 0644, others may use it; run `chmod 600 id`"),
        ("ssh-ed25519 AAAA me", 0o600, "key 'id' is a public key; give the private one, without .pub"),
        ("-----BEGIN DSA PRIVATE KEY-----", 0o600, "key 'id' is of no supported type; use `ssh-keygen -t ed25519`"),
        (None, 0o600, "key 'id': cannot read: No such file or directory; give the path of a private key, or agent"),
    ],
)
def test_an_ssh_key_must_be_a_private_key_of_its_owner_s(text: str | None, mode: int, told: str, write: Write) -> None:
    """E054 says which of it is not so."""
    if text is not None:
        write(text, "id", mode)

    said = [str(one) for one in inventory.check(write(SSH)) if one.severity == "error"]

    assert len(said) == 1
    assert said[0].endswith(f":4:12: error[E054]: ssh.key: {told}")


def test_a_good_ssh_key_is_taken_by_its_path(write: Write) -> None:
    """The key is looked at, not kept."""
    write(KEY, "id", 0o600)
    path = write(SSH)

    assert inventory.load(path).settings.key == "id"  # type: ignore[attr-defined]


def test_nothing_but_a_problem_comes_out_of_an_unforeseen_failure(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    """E000 names the kind of the failure; there is no traceback."""

    def broken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("bootstrap.inventory.reading.parse", broken)

    assert "error[E000]: file: not understood (ZeroDivisionError); please report it" in _only(write(GOOD))
