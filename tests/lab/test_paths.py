from __future__ import annotations

from pathlib import Path

import pytest

from bootstrap.lab import paths
from bootstrap.lab.records import FabricRecord, save_fabric


def test_the_folders_can_be_moved(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """`BOOTSTRAP_LOCAL_DIR` and `BOOTSTRAP_CACHE_DIR` say where everything is."""
    monkeypatch.setenv("BOOTSTRAP_LOCAL_DIR", str(tmp_path / "local"))
    monkeypatch.setenv("BOOTSTRAP_CACHE_DIR", str(tmp_path / "images"))

    assert paths.host_dir("prod", "prod-web-1") == tmp_path / "local/prod/hosts/prod-web-1"
    assert paths.images() == tmp_path / "images"


def test_without_settings_the_folders_are_the_systems() -> None:
    """State lies under /var/lib, what can be built again under /var/cache."""
    assert paths.cluster_dir("prod") == Path("/var/lib/bootstrap/local/prod")
    assert paths.images() == Path("/var/cache/bootstrap/images")


def test_a_cluster_never_matches_one_whose_name_it_begins() -> None:
    """`prod` and `prod-eu` share no namespace, although one name begins the other."""
    mine = paths.namespace_prefix("prod")

    assert paths.host_namespace("prod", "prod-managers-a-1") == "bs-prod.managers-a-1"
    assert paths.fabric_namespace("prod").startswith(mine)
    assert not paths.fabric_namespace("prod-eu").startswith(mine)
    assert not paths.host_namespace("prod-eu", "prod-eu-web-1").startswith(mine)


def test_a_cluster_is_there_once_its_network_is_on_record(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A folder without a fabric is no cluster."""
    monkeypatch.setenv("BOOTSTRAP_LOCAL_DIR", str(tmp_path))
    (tmp_path / "half").mkdir()
    save_fabric(tmp_path / "prod", FabricRecord("prod", "u", "10.91.0.0/20", "10.91.0.1", "10.91.0.2", "now"))

    assert paths.clusters() == ["prod"]


def test_hosts_of_clusters_in_other_folders_are_counted_too(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What the machine must bear are all hosts: ours by their records, also when off, others by their networks."""
    monkeypatch.setenv("BOOTSTRAP_LOCAL_DIR", str(tmp_path / "local"))
    monkeypatch.setattr(paths, "NAMESPACES", tmp_path / "netns")
    for hostname in ("prod-web-1", "prod-web-2"):
        paths.host_dir("prod", hostname).mkdir(parents=True)
        (paths.host_dir("prod", hostname) / paths.RECORD).touch()
    for name in ("bs-prod.fabric", "bs-prod.web-1", "bs-other.fabric", "bs-other.web-1", "docker"):
        (tmp_path / "netns" / name).mkdir(parents=True)

    assert paths.hosts() == 3
