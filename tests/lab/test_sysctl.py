from __future__ import annotations

import json
from pathlib import Path

import pytest

from bootstrap.errors import BootstrapError
from bootstrap.lab import paths, sysctl
from bootstrap.lab.records import FabricRecord, save_fabric


@pytest.fixture(autouse=True)
def kernel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine with Debian's own settings."""
    settings = tmp_path / "proc"
    (settings / "fs/inotify").mkdir(parents=True)
    (settings / "net/ipv4").mkdir(parents=True)
    (settings / "fs/inotify/max_user_instances").write_text("128\n")
    (settings / "net/ipv4/ip_forward").write_text("0\n")
    (settings / "kernel/random").mkdir(parents=True)
    (settings / "kernel/random/boot_id").write_text("first\n")
    monkeypatch.setattr(sysctl, "SETTINGS", settings)
    monkeypatch.setattr(sysctl, "REMEMBERED", tmp_path / "run/bootstrap-local.json")
    monkeypatch.setattr(paths, "NAMESPACES", tmp_path / "netns")
    monkeypatch.setenv("BOOTSTRAP_LOCAL_DIR", str(tmp_path / "local"))
    return settings


def test_few_hosts_change_nothing() -> None:
    """What is enough is left alone, and nothing is said."""
    said: list[str] = []

    sysctl.raise_inotify(3, said.append)

    assert sysctl.read(sysctl.INOTIFY) == "128"
    assert not said
    assert sysctl.load() == {}


def test_many_hosts_raise_the_limit_and_it_is_said() -> None:
    """Thirty hosts would hang in boot at 128; what it was is remembered."""
    said: list[str] = []

    sysctl.raise_inotify(30, said.append)

    assert sysctl.read(sysctl.INOTIFY) == "8192"
    assert sysctl.INOTIFY in said[0]
    assert sysctl.load() == {sysctl.INOTIFY: "128"}


def test_the_first_value_is_the_one_that_is_put_back() -> None:
    """Two changes, or two clusters, do not make our own value the old one."""
    sysctl.change(sysctl.FORWARD, "1")
    sysctl.change(sysctl.FORWARD, "0")
    sysctl.change(sysctl.FORWARD, "1")

    sysctl.put_back()

    assert sysctl.read(sysctl.FORWARD) == "0"
    assert not sysctl.REMEMBERED.exists()


def test_a_cluster_that_is_left_keeps_what_it_needs() -> None:
    """Only the last one puts the settings back."""
    sysctl.change(sysctl.FORWARD, "1")
    record = FabricRecord("prod", "u", "10.91.0.0/20", "10.91.0.1", "10.91.0.2", "now")
    save_fabric(paths.cluster_dir("prod"), record)

    sysctl.put_back()
    assert sysctl.read(sysctl.FORWARD) == "1"

    (paths.cluster_dir("prod") / "fabric.json").unlink()
    sysctl.put_back()
    assert sysctl.read(sysctl.FORWARD) == "0"


def test_the_last_cluster_of_the_machine_puts_back_what_one_in_another_folder_raised(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The one that raised the limit may go before the other, which then is the last."""
    sysctl.raise_inotify(30, lambda _: None)
    other = paths.NAMESPACES / "bs-other.fabric"
    other.mkdir(parents=True)
    sysctl.put_back()
    assert sysctl.read(sysctl.INOTIFY) == "8192"

    other.rmdir()
    monkeypatch.setenv("BOOTSTRAP_LOCAL_DIR", str(tmp_path / "other"))
    sysctl.put_back()
    assert sysctl.read(sysctl.INOTIFY) == "128"


def test_a_machine_that_forwards_already_goes_on_doing_so(kernel: Path) -> None:
    """What we did not change is not ours to put back."""
    (kernel / "net/ipv4/ip_forward").write_text("1\n")

    sysctl.change(sysctl.FORWARD, "1")
    sysctl.put_back()

    assert sysctl.read(sysctl.FORWARD) == "1"


def test_what_was_before_a_restart_of_the_machine_is_not_put_back(kernel: Path) -> None:
    """Since the restart the machine's own Docker may have set it: that is no change of ours to undo."""
    sysctl.change(sysctl.FORWARD, "1")
    (kernel / "kernel/random/boot_id").write_text("second\n")

    sysctl.change(sysctl.FORWARD, "1")
    sysctl.put_back()

    assert sysctl.read(sysctl.FORWARD) == "1"
    assert not sysctl.REMEMBERED.exists()


def test_the_old_value_is_written_down_before_the_change() -> None:
    """A run that dies between the two leaves a setting that can be put back."""
    writes: list[dict[str, str]] = []

    def refuse(self: Path, text: str) -> int:
        writes.append(json.loads(sysctl.REMEMBERED.read_text()))
        raise OSError(30, "Read-only file system")

    with pytest.MonkeyPatch.context() as patch, sysctl.locked():
        patch.setattr(Path, "write_text", refuse)
        with pytest.raises(BootstrapError, match="Read-only") as caught:
            sysctl.change(sysctl.FORWARD, "1")

    assert writes == [{sysctl.FORWARD: "0", sysctl.BOOT: "first"}]
    assert "sysctl -w net.ipv4.ip_forward=1" in caught.value.fix


def test_what_somebody_else_needs_by_now_is_kept() -> None:
    """An engine of the machine's own that came after us needs `ip_forward`: it is not put back under it."""
    with sysctl.locked():
        sysctl.change(sysctl.FORWARD, "1")
        sysctl.put_back(keep={sysctl.FORWARD})

    assert sysctl.read(sysctl.FORWARD) == "1"
    assert sysctl.load() == {}
