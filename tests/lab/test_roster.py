from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from bootstrap.errors import BootstrapError
from bootstrap.lab.records import GroupRecord, delete_group, remove, save_group, save_host
from bootstrap.lab.roster import Roster, supervised
from tests.lab.folders import EXTRA, MANAGER, WORKER, cluster, roster


def test_hosts_are_found_by_address_mac_and_name(tmp_path: Path) -> None:
    """A host is known by whatever a service sees of it."""
    found = roster(cluster(tmp_path))
    assert found.at("10.91.0.12") == WORKER
    assert found.wearing("02:00:0a:5b:00:0b") == MANAGER
    assert found.names()["prod-web-1"] == found.names()["prod-web-1.prod.internal"] == "10.91.0.12"
    assert (found.at("10.91.0.99"), found.wearing("00:00:00:00:00:00")) == (None, None)


def test_changes_are_seen_at_the_next_question(tmp_path: Path) -> None:
    """A host that was added, changed or removed is so at once: nothing is remembered past a change."""
    found = roster(cluster(tmp_path))
    assert len(found.hosts()) == 3
    save_host(tmp_path, replace(WORKER, address="10.91.0.77"))
    assert (found.at("10.91.0.12"), found.at("10.91.0.77")) == (None, replace(WORKER, address="10.91.0.77"))
    remove(tmp_path / "hosts" / EXTRA.hostname)
    assert [one.hostname for one in found.hosts()] == ["prod-managers-a-1", "prod-web-1"]


def test_unchanged_files_are_not_read_again(tmp_path: Path) -> None:
    """Thirty hosts that ask every few seconds cost no parsing: the very same records are given."""
    found = roster(cluster(tmp_path))
    assert found.hosts() is found.hosts()


@pytest.mark.parametrize(
    ("running", "booted", "state"),
    [(False, False, "pending"), (False, True, "stopped"), (True, True, "running"), (True, False, "running")],
)
def test_state_of_a_wanted_host(tmp_path: Path, running: bool, booted: bool, state: str) -> None:
    """On is running; off is stopped, or pending when it never was on."""
    name = frozenset({WORKER.hostname})
    nobody: frozenset[str] = frozenset()
    found = roster(cluster(tmp_path), running=name if running else nobody, booted=name if booted else nobody)
    assert found.state(WORKER) == state


def test_a_slot_beyond_the_size_is_terminating_whether_on_or_off(tmp_path: Path) -> None:
    """The group wants one host: the second is on its way out, also while it runs."""
    cluster(tmp_path)
    assert roster(tmp_path, running=frozenset({EXTRA.hostname})).state(EXTRA) == "terminating"
    assert roster(tmp_path).state(EXTRA) == "terminating"
    save_group(tmp_path, GroupRecord("prod-pool-web", "web", "worker", "", 2))
    assert roster(tmp_path).state(EXTRA) == "pending"


def test_a_group_without_a_record_terminates_nobody(tmp_path: Path) -> None:
    """What is not written down is no evidence."""
    cluster(tmp_path)
    delete_group(tmp_path, "prod-pool-web")
    assert roster(tmp_path).state(EXTRA) == "pending"


def test_a_broken_record_is_an_error_and_no_missing_host(tmp_path: Path) -> None:
    """Absence means terminated, so what cannot be read must not look absent."""
    found = roster(cluster(tmp_path))
    (tmp_path / "hosts" / WORKER.hostname / "host.json").write_text("{")
    with pytest.raises(BootstrapError) as caught:
        found.hosts()
    assert caught.value.code == "record_broken"


def test_an_unreadable_folder_is_an_error(tmp_path: Path) -> None:
    """The same for the folder of all hosts."""
    cluster(tmp_path)
    remove(tmp_path / "hosts")
    (tmp_path / "hosts").write_text("a file")
    with pytest.raises(OSError, match="hosts"):
        roster(tmp_path).hosts()


def test_a_folder_without_a_record_is_no_host(tmp_path: Path) -> None:
    """A host that is being made, or is half removed, is not there."""
    cluster(tmp_path)
    (tmp_path / "hosts" / "prod-web-9").mkdir()
    assert len(roster(tmp_path).hosts()) == 3


def test_no_fabric_is_an_error(tmp_path: Path) -> None:
    """Without a fabric there is nothing to serve."""
    with pytest.raises(BootstrapError, match="no fabric"):
        Roster(tmp_path).fabric()


def test_a_dead_or_foreign_power_supply_is_none(tmp_path: Path) -> None:
    """Only a process that stands in the host's own folder powers it: numbers are given out again."""
    assert not supervised(tmp_path)
    (tmp_path / "supervisor.pid").write_text("nonsense")
    assert not supervised(tmp_path)
    (tmp_path / "supervisor.pid").write_text(f"{os.getpid()}\n")
    assert not supervised(tmp_path)


def test_the_power_supply_in_the_folder_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that stands in the host's folder powers it."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "supervisor.pid").write_text(f"{os.getpid()}\n")
    assert supervised(tmp_path)


def test_keys_and_user_data(tmp_path: Path) -> None:
    """What is not there is nothing, not an error."""
    found = roster(cluster(tmp_path))
    assert found.public_keys() == ["ssh-ed25519 AAAA prod"]
    assert found.user_data(WORKER) == b"#!/bin/sh\n# web\n"
    (tmp_path / "ssh" / "id_ed25519.pub").unlink()
    (tmp_path / "hosts" / WORKER.hostname / "user-data").unlink()
    assert (found.public_keys(), found.user_data(WORKER)) == ([], None)
