from __future__ import annotations

from pathlib import Path

import pytest

from bootstrap.errors import LockedError
from bootstrap.lab import paths
from bootstrap.providers.local.lock import lock_path, locked


@pytest.fixture(autouse=True)
def _own_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paths, "DEFAULT_ROOT", tmp_path / "bootstrap" / "local")


def test_a_second_run_is_told_who_holds_it() -> None:
    """Exit 4 names who works, at what, since when, and the lock's id."""
    with locked("prod", "up", 0.0) as holder, pytest.raises(LockedError) as caught, locked("prod", "down", 0.0):
        pass

    assert caught.value.exit_code == 4
    assert all(part in str(caught.value) for part in (holder.who, "`up`", holder.since, holder.id))


def test_another_cluster_is_not_held() -> None:
    """The lock is a cluster's own."""
    with locked("prod", "up", 0.0), locked("prod-eu", "up", 0.0) as other:
        assert other.what == "up"


def test_it_waits_as_long_as_asked() -> None:
    """`--lock-timeout` waits for the holder, and takes the lock when it is freed."""
    first = locked("prod", "up", 0.0)
    first.__enter__()
    naps: list[float] = []

    def nap(seconds: float) -> None:
        naps.append(seconds)
        first.__exit__(None, None, None)

    with locked("prod", "scale", 60.0, sleep=nap) as taken:
        assert taken.what == "scale"
    assert len(naps) == 1


def test_nothing_stays_behind_when_the_cluster_is_gone() -> None:
    """After `down` there is neither a lock file nor the folder that held it."""
    with locked("prod", "down", 0.0):
        assert lock_path("prod").exists()

    assert not paths.root().exists()
    assert not paths.root().parent.exists()


def test_a_folder_that_the_user_named_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`down` never removes what it did not make: BOOTSTRAP_LOCAL_DIR itself is the user's."""
    monkeypatch.setenv("BOOTSTRAP_LOCAL_DIR", str(tmp_path))

    with locked("prod", "down", 0.0):
        pass

    assert list(tmp_path.iterdir()) == []


def test_the_file_stays_while_the_cluster_does() -> None:
    """A lock file that is unlinked under a waiting run could be held twice; it goes with the cluster only."""
    paths.cluster_dir("prod").mkdir(parents=True)

    with locked("prod", "up", 0.0):
        pass
    with locked("prod", "up", 0.0) as again:
        assert again.what == "up"

    assert lock_path("prod").exists()
