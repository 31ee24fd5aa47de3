"""The directory store: the contract, and what is special about files."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from bootstrap.agent.audit import new_event
from bootstrap.agent.store import ABSENT, StoreUnavailable, directory, open_store
from bootstrap.agent.store.directory import DirectoryStore
from tests.agent.fakes import MemoryStore
from tests.agent.store.contract import StoreContract


class TestDirectory(StoreContract):
    @pytest.fixture
    def store(self, tmp_path: Path) -> DirectoryStore:
        return DirectoryStore(str(tmp_path))


class TestMemory(StoreContract):
    """The fake that all other tests use is held to the same promises."""

    @pytest.fixture
    def store(self) -> MemoryStore:
        return MemoryStore()


def test_every_generation_stays(tmp_path: Path) -> None:
    """Old generations are kept for ever and no temporary file is left."""
    store = DirectoryStore(str(tmp_path))
    generation = ABSENT
    for number in range(12):
        generation = store.swap({"n": number}, generation)
    assert generation == 12
    assert {path.name for path in (tmp_path / "control").iterdir()} == {f"control.{n}.json" for n in range(1, 13)}
    assert store.read()[0] == {"n": 11}


def test_modes(tmp_path: Path) -> None:
    """Manager secrets are only root's; the worker tree is closed to others as a folder."""
    store = DirectoryStore(str(tmp_path))
    store.swap({}, ABSENT)
    store.write_secret("worker", "join-token", "w")
    store.write_secret("manager", "join-token", "m")
    store.beat("i-1", {"n": 1})
    store.record({**new_event("ops@laptop", "up"), "time": "2026-01-02T03:04:05.000006Z", "id": "0123456789abcdef"})
    found = {str(path.relative_to(tmp_path)): stat.S_IMODE(path.stat().st_mode) for path in tmp_path.rglob("*")}
    assert found == {
        "control": 0o755, "control/control.1.json": 0o644, "worker": 0o750, "worker/join-token.1": 0o644,
        "manager": 0o700, "manager/join-token.1": 0o600, "health": 0o700, "health/i-1.json": 0o600,
        "audit": 0o700, "audit/20260102T030405.000006Z-01234567.json": 0o600,
    }  # fmt: skip


def test_unmounted_store_is_not_made(tmp_path: Path) -> None:
    """Where the store itself is missing a write fails, and makes no folder in its place."""
    with pytest.raises(StoreUnavailable):
        DirectoryStore(str(tmp_path / "gone")).swap({}, ABSENT)
    assert not (tmp_path / "gone").exists()


@pytest.mark.parametrize("text", ["{", "[]", "", "\udcff"])
def test_damaged_object_is_no_information(tmp_path: Path, text: str) -> None:
    """A control object that cannot be read never counts as an empty one."""
    (tmp_path / "control").mkdir()
    (tmp_path / "control" / "control.3.json").write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(StoreUnavailable):
        DirectoryStore(str(tmp_path)).read()


def test_other_files_are_no_generations(tmp_path: Path) -> None:
    """Temporary files, copies and strange digits are not read as generations."""
    store = DirectoryStore(str(tmp_path))
    store.swap({"n": 1}, ABSENT)
    for name in (".9.abc", "control.99.json~", "control.-5.json", "control.²7.json", "control.x.json"):
        (tmp_path / "control" / name).write_text("{}")
    assert store.read() == ({"n": 1}, 1)


def test_open_store_by_configuration(tmp_path: Path) -> None:
    """The configuration names the kind; an unknown one is an error that says so."""
    from bootstrap.agent.errors import AgentError

    assert open_store({"kind": "directory", "path": str(tmp_path)}).read() == ({}, ABSENT)
    with pytest.raises(AgentError, match="carrier-pigeon"):
        open_store({"kind": "carrier-pigeon"})


def test_an_event_is_never_overwritten(tmp_path: Path) -> None:
    """A second event of the same name is an error, and the first stays as it was written."""
    store = DirectoryStore(str(tmp_path))
    event = new_event("ops@laptop", "up")
    store.record(event)
    with pytest.raises(StoreUnavailable):
        store.record({**event, "what": "nothing at all"})
    assert store.events() == [event]


def test_the_trail_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the newest events stay."""
    monkeypatch.setattr(directory, "KEPT", 3)
    store = DirectoryStore(str(tmp_path))
    for second in range(5):
        store.record({**new_event("agent:m1", f"step {second}"), "time": f"2026-01-01T00:00:0{second}Z"})
    assert [one["what"] for one in store.events()] == ["step 2", "step 3", "step 4"]


def test_what_is_damaged_says_nothing(tmp_path: Path) -> None:
    """A half-written file, a temporary one and a stray list hide no other event and no other beat."""
    store = DirectoryStore(str(tmp_path))
    store.beat("i-1", {"n": 1})
    store.record(new_event("ops@laptop", "up"))
    for folder in ("health", "audit"):
        for name, text in (("i-9.json", '{"n": '), (".5.tmp", "{}"), ("list.json", "[1]"), ("notes.txt", "{}")):
            (tmp_path / folder / name).write_text(text)
    assert store.beats() == {"i-1": {"n": 1}}
    assert [one["what"] for one in store.events()] == ["up"]


@pytest.mark.parametrize("name", ["../control/control.9", "", "a/b", ".hidden", "x" * 200])
def test_no_name_leads_out_of_the_folder(tmp_path: Path, name: str) -> None:
    """A machine or an event with a strange name is refused, and writes nothing."""
    store = DirectoryStore(str(tmp_path))
    with pytest.raises(StoreUnavailable):
        store.beat(name, {"n": 1})
    with pytest.raises(StoreUnavailable):
        store.record({**new_event("x", "up"), "time": "", "id": name})
    assert not list(tmp_path.rglob("*.json"))


def test_what_a_killed_writer_left_goes_with_the_next_write(tmp_path: Path) -> None:
    """An unfinished file of a process that is gone, or a very old one; not one that somebody writes just now."""
    store = DirectoryStore(str(tmp_path))
    store.swap({"n": 1}, ABSENT)
    folder, now = tmp_path / "control", (tmp_path / "control" / "control.1.json").stat().st_mtime
    left = {"dead": (2**22 + 1, 60), "fresh": (2**22 + 1, 0), "busy": (os.getpid(), 60), "old": (os.getpid(), 3600)}
    paths = {name: folder / f".{pid}.{number:012x}" for number, (name, (pid, _)) in enumerate(left.items())}
    for name, path in paths.items():
        path.touch()
        os.utime(path, (now - left[name][1], now - left[name][1]))
    store.swap({"n": 2}, 1)
    assert {name for name, path in paths.items() if path.exists()} == {"fresh", "busy"}
    assert store.read()[0] == {"n": 2}
