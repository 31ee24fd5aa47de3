from __future__ import annotations

from pathlib import Path

import pytest

from bootstrap.lab import services
from bootstrap.lab.records import FabricRecord, save_fabric
from bootstrap.lab.roster import Roster
from tests.lab.folders import CREATED, cluster


@pytest.fixture
def _signals(monkeypatch: pytest.MonkeyPatch) -> None:
    """The test process keeps its own handling of signals."""
    monkeypatch.setattr("signal.pthread_sigmask", lambda *_: set())


@pytest.mark.usefixtures("_signals")
def test_a_wrong_call_is_told_how(capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 2 and the usage."""
    assert services.main([]) == 2
    assert "CLUSTER_DIR [NETWORK_NAMESPACE]" in capsys.readouterr().err


@pytest.mark.usefixtures("_signals")
def test_it_does_not_start_without_a_fabric(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 1, one line that says why, and no file that says that somebody serves."""
    assert services.main([str(tmp_path)]) == 1
    assert "cannot start" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("_signals")
def test_it_does_not_start_without_its_namespace(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A fabric that was taken down is named."""
    assert services.main([str(cluster(tmp_path)), str(tmp_path / "gone")]) == 1
    assert str(tmp_path / "gone") in capsys.readouterr().err


def test_it_ends_with_its_fabric_only(tmp_path: Path) -> None:
    """Gone or another's ends the services; a record that cannot be read says neither."""
    found = Roster(cluster(tmp_path))
    fabric = found.fabric()
    assert services._on_record(found, fabric)
    (tmp_path / "fabric.json").write_text("{")
    assert services._on_record(found, fabric)
    save_fabric(tmp_path, FabricRecord("prod", "u-2", "10.91.0.0/20", "10.91.0.1", "10.91.0.2", CREATED))
    assert not services._on_record(found, fabric)
    (tmp_path / "fabric.json").unlink()
    assert not services._on_record(found, fabric)


def test_its_files_are_there_while_it_serves(tmp_path: Path) -> None:
    """They go when it ends, but never those of a successor."""
    with services._recorded(tmp_path):
        assert (tmp_path / "services.pid").read_text() == (tmp_path / "services.ready").read_text()
        (tmp_path / "services.ready").write_text("1\n")
    assert [path.name for path in tmp_path.iterdir()] == ["services.ready"]


def test_the_machine_s_resolvers(tmp_path: Path) -> None:
    """Read anew each time; a machine without the file has none."""
    path = tmp_path / "resolv.conf"
    assert services.machine_resolvers(path) == []
    path.write_text("nameserver 10.0.0.1\n")
    assert services.machine_resolvers(path) == ["10.0.0.1"]
