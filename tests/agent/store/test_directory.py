"""The directory store: the contract, and what is special about files."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from bootstrap.agent.store import ABSENT, StoreUnavailable, open_store
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
    found = {str(path.relative_to(tmp_path)): stat.S_IMODE(path.stat().st_mode) for path in tmp_path.rglob("*")}
    assert found == {
        "control": 0o755, "control/control.1.json": 0o644, "worker": 0o750, "worker/join-token.1": 0o644,
        "manager": 0o700, "manager/join-token.1": 0o600,
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
