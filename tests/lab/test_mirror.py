from __future__ import annotations

from pathlib import Path

import pytest

from bootstrap.lab import mirror

DEB822 = """\
Types: deb
# http://snapshot.debian.org/archive/debian/20250520T000000Z
URIs: http://mirror.example/debian/
Suites: bookworm bookworm-updates
Components: main

Types: deb
URIs: http://mirror.example/debian-security
Suites: bookworm-security
"""
ONE_LINE = "# deb http://old.example/debian trixie main\ndeb [arch=amd64 signed-by=/k.gpg] http://other.example/debian trixie main\n"
FOREIGN = "deb https://packages.cloud.google.com/apt cloud-sdk main\ndeb http://archive.ubuntu.com/ubuntu noble main\n"


@pytest.fixture(autouse=True)
def _no_keyring(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mirror, "KEYRING", Path("/nonexistent"))


def test_the_machines_own_mirror_is_used() -> None:
    """Both of apt's formats are read; comments and other archives are not."""
    assert list(mirror.addresses([DEB822, ONE_LINE])) == [
        "http://mirror.example/debian/",
        "http://mirror.example/debian-security",
        "http://other.example/debian",
    ]
    assert mirror.lines("trixie", [FOREIGN, DEB822], updates=True) == [
        "deb http://mirror.example/debian trixie trixie-updates main",
        "deb http://mirror.example/debian-security trixie-security main",
    ]


def test_a_machine_that_is_no_debian_asks_debian_itself() -> None:
    """Ubuntu's archive has no trixie."""
    assert mirror.lines("trixie", [FOREIGN], updates=True) == [
        "deb http://deb.debian.org/debian trixie trixie-updates main",
        "deb http://deb.debian.org/debian-security trixie-security main",
    ]


def test_a_mirror_without_security_fixes_is_not_helped_out() -> None:
    """It may be all that can be reached."""
    assert mirror.lines("trixie", [ONE_LINE], updates=True) == [
        "deb http://other.example/debian trixie trixie-updates main"
    ]


def test_sid_has_neither_updates_nor_security() -> None:
    """Everything goes into sid itself."""
    assert mirror.lines("sid", [DEB822], updates=False) == ["deb http://mirror.example/debian sid main"]


def test_debians_keys_are_named_where_they_are(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """mmdebstrap needs no gpg to find out which keyring it is."""
    keys = tmp_path / "keys.gpg"
    keys.touch()
    monkeypatch.setattr(mirror, "KEYRING", keys)

    assert mirror.lines("sid", [], updates=False) == [f"deb [signed-by={keys}] http://deb.debian.org/debian sid main"]


def test_proxies_and_date_checks_are_taken_over() -> None:
    """A machine behind a proxy, or with an old mirror, builds images as it installs packages."""
    dump = (
        'APT::Architecture "amd64";\nAcquire::http::Proxy "http://proxy:3128";\nAcquire::https::Proxy "";\n'
        'Acquire::Check-Valid-Until "false";\nAcquire::http::Proxy::local.example "DIRECT";\n'
    )

    assert mirror.options(dump) == ['Acquire::http::Proxy "http://proxy:3128"', 'Acquire::Check-Valid-Until "false"']


def test_only_source_lists_are_read(tmp_path: Path) -> None:
    """apt reads *.list and *.sources; a backup beside them counts for nothing."""
    (tmp_path / "sources.list.d").mkdir()
    (tmp_path / "sources.list").write_text("one")
    (tmp_path / "sources.list.d" / "b.sources").write_text("two")
    (tmp_path / "sources.list.d" / "b.sources.bak").write_text("three")

    assert mirror.texts(tmp_path) == ["one", "two"]
    assert mirror.texts(tmp_path / "none") == []
