from __future__ import annotations

import errno
from pathlib import Path

import pytest

from bootstrap.errors import BootstrapError
from bootstrap.model.resource import Plan
from tests.cli.conftest import INVENTORY, Invoke, document
from tests.cli.fake_session import FakeSession, Overlay, Thing, World


def test_a_pool_with_bounds(invoke: Invoke, running: World, file: Path) -> None:
    """Its group is told the size, the file is not touched, and the status is printed."""
    result = invoke("scale", file, "web=4", "-o", "json")

    assert result.exit_code == 0
    assert document(result)["cluster"] == "prod"
    assert running.sizes == {"web": 4}
    assert [line for line in running.log if line != "look"] == [
        "lock scale 0", "size web 4", "create host/prod-web-2", "create host/prod-web-3", "create host/prod-web-4",
        "unlock",
    ]  # fmt: skip
    assert file.read_text() == INVENTORY


def test_trouble_elsewhere_is_told_and_holds_nothing_up(invoke: Invoke, running: World, file: Path) -> None:
    """Exit 0 and a warning: `healthy` in the document is the whole cluster's, the exit code the scale's."""
    running.sick = "prod-dmz-1 is paused"

    result = invoke("scale", file, "web=4", "-o", "json")

    assert result.exit_code == 0, result.stderr
    assert document(result)["healthy"] is False
    assert "pool web is scaled; what else is not well: the cluster: prod-dmz-1 is paused" in result.stderr
    assert "wait healthy 15" in running.log


def test_the_same_with_write(invoke: Invoke, running: World, file: Path) -> None:
    """A count in the file is waited for likewise: `up` alone asks for the health of all."""
    running.sick = "prod-web-1 is paused"

    assert invoke("scale", file, "dmz=4", "--write", "--yes").exit_code == 0
    assert "host/prod-dmz-4" in running.things
    assert invoke("up", file, "--yes").exit_code == 1


def test_nothing_else_is_changed(invoke: Invoke, running: World, file: Path) -> None:
    """What `up` would do besides is left to `up`: a network that is missing stays missing."""
    invoke("scale", file, "web=3")
    running.networks = ("edge",)
    del running.things["host/prod-dmz-1"]
    running.things["host/prod-old-1"] = Thing("prod-old-1", world=running)
    running.log.clear()

    assert invoke("scale", file, "web=1").exit_code == 0
    assert [line for line in running.log if line.startswith(("create", "delete"))] == [
        "delete host/prod-web-2", "delete host/prod-web-3",
    ]  # fmt: skip


@pytest.mark.parametrize("wish", ["web=6", "web=0"])
def test_outside_its_bounds(invoke: Invoke, running: World, file: Path, wish: str) -> None:
    """Exit 2, the bounds are named, nothing was contacted."""
    result = invoke("scale", file, wish)

    assert result.exit_code == 2
    assert "1 to 5" in result.stderr
    assert running.log == []


@pytest.mark.parametrize("wish", ["managers=5", "dmz=4"])
def test_a_count_needs_write(invoke: Invoke, running: World, file: Path, wish: str) -> None:
    """Where the file decides, --write is named: exit 2."""
    result = invoke("scale", file, wish, "--yes")

    assert result.exit_code == 2
    assert "--write" in result.stderr
    assert running.log == []
    assert file.read_text() == INVENTORY


@pytest.mark.parametrize("words", [["web"], ["web=x"], ["web=-1"], ["Web=1"], [], ["a", "b", "web=1"], ["nope=1"]])
def test_a_wish_that_is_none(invoke: Invoke, running: World, file: Path, words: list[str]) -> None:
    """Anything but POOL=N of a pool that exists is exit 2."""
    assert invoke("scale", *words, env={"BOOTSTRAP_FILE": str(file)}).exit_code == 2
    assert running.log == []


def test_the_file_may_come_from_the_variable(invoke: Invoke, running: World, file: Path) -> None:
    """`bootstrap scale web=2` is enough then."""
    assert invoke("scale", "web=2", env={"BOOTSTRAP_FILE": str(file)}).exit_code == 0
    assert running.sizes == {"web": 2}


def test_write_changes_one_number(invoke: Invoke, running: World, file: Path) -> None:
    """The count is changed and nothing else, comments included; then it is applied."""
    file.chmod(0o640)
    result = invoke("scale", file, "dmz=4", "--write", "--yes")

    assert result.exit_code == 0
    assert file.read_text() == INVENTORY.replace("dmz: {count: 2}", "dmz: {count: 4}")
    assert file.stat().st_mode & 0o777 == 0o640
    assert "host/prod-dmz-4" in running.things
    assert sorted(path.name for path in file.parent.iterdir()) == ["prod.yml"]


def test_write_in_an_election(invoke: Invoke, running: World, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The plan that is shown and agreed to is one of the changed file that a manager answered for."""
    running.formed, hidden = False, Overlay("old", world=running)

    def ask(self: FakeSession) -> None:
        running.formed = True
        running.things[hidden.key] = hidden

    monkeypatch.setattr(FakeSession, "control", lambda _: {"phase": "FORMED"})
    monkeypatch.setattr(FakeSession, "ask", ask)
    result = invoke("scale", file, "dmz=4", "--write", terminal=True, answer="y\n")

    assert result.exit_code == 0, result.stderr
    assert result.stderr.count("apply this plan?") == 1
    assert {"host/prod-dmz-4", hidden.key} & set(running.things) == {"host/prod-dmz-4"}
    assert [line for line in running.log if line.startswith("wait formed")] == []


def test_write_the_managers(invoke: Invoke, running: World, file: Path) -> None:
    """managers=N is written the same way."""
    assert invoke("scale", file, "managers=5", "--write", "--yes").exit_code == 0
    assert "  count: 5   # odd\n" in file.read_text()


def test_write_tells_what_the_new_file_is_warned_of(invoke: Invoke, running: World, file: Path) -> None:
    """One manager alone is allowed, and W031 says what it costs, by the file's own name."""
    result = invoke("scale", file, "managers=1", "--write", "--yes")

    assert result.exit_code == 0
    assert "warning[W031]" in result.stderr
    assert str(file) in next(line for line in result.stderr.splitlines() if "W031" in line)


def test_write_what_is_invalid(invoke: Invoke, running: World, file: Path) -> None:
    """A size that the checks refuse leaves the file as it was: exit 2."""
    result = invoke("scale", file, "managers=4", "--write", "--yes")

    assert result.exit_code == 2
    assert result.stderr.startswith(f"{file}:3:1: error[E031]")
    assert file.read_text() == INVENTORY
    assert sorted(path.name for path in file.parent.iterdir()) == ["prod.yml"]


def test_write_declined(invoke: Invoke, running: World, file: Path) -> None:
    """A no leaves the file as it was."""
    assert invoke("scale", file, "dmz=4", "--write", terminal=True, answer="n\n").exit_code == 1
    assert file.read_text() == INVENTORY
    assert "host/prod-dmz-4" not in running.things


def test_write_without_a_terminal(invoke: Invoke, running: World, file: Path) -> None:
    """--yes is needed; the file stays."""
    result = invoke("scale", file, "dmz=4", "--write")

    assert result.exit_code == 2
    assert "--yes" in result.stderr
    assert file.read_text() == INVENTORY


def test_write_is_for_counts(invoke: Invoke, running: World, file: Path) -> None:
    """A pool with bounds has no count to write: exit 2."""
    assert invoke("scale", file, "web=4", "--write", "--yes").exit_code == 2


def test_hosts_are_their_own_size(invoke: Invoke, running: World, file: Path) -> None:
    """A pool of hosts is sized by its list: exit 2."""
    file.write_text(INVENTORY + "  db: {hosts: [10.0.0.1]}\n")

    assert invoke("scale", file, "db=2").exit_code == 2


def test_a_link_stays_a_link(invoke: Invoke, running: World, file: Path, tmp_path: Path) -> None:
    """The file behind a symbolic link is changed, not the link."""
    link = tmp_path / "link.yml"
    link.symlink_to(file)

    assert invoke("scale", link, "dmz=3", "--write", "--yes").exit_code == 0
    assert link.is_symlink()
    assert "dmz: {count: 3}" in file.read_text()


def test_a_link_to_another_filesystem(
    invoke: Invoke, running: World, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What stands beside the link cannot be moved to where it leads: the file is changed there, and nothing is left."""
    link = tmp_path / "elsewhere" / "link.yml"
    link.parent.mkdir()
    link.symlink_to(file)
    move = Path.replace

    def within(self: Path, target: Path) -> Path:
        if self.parent != target.parent:
            raise OSError(errno.EXDEV, "Invalid cross-device link", str(self))
        return move(self, target)

    monkeypatch.setattr(Path, "replace", within)
    file.chmod(0o640)
    result = invoke("scale", link, "dmz=3", "--write", "--yes")

    assert (result.exit_code, link.is_symlink()) == (0, True)
    assert file.read_text() == INVENTORY.replace("dmz: {count: 2}", "dmz: {count: 3}")
    assert file.stat().st_mode & 0o777 == 0o640
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["elsewhere", "link.yml", "prod.yml"]


def test_scale_again_goes_on(invoke: Invoke, running: World, file: Path) -> None:
    """The size is stored first: after a failure the same command does what was left, up and down."""
    running.fails = frozenset({"create host/prod-web-3", "delete host/prod-web-2"})
    assert invoke("scale", file, "web=3", "--parallel", "1").exit_code == 1
    assert "host/prod-web-3" not in running.things
    running.fails = frozenset()

    assert invoke("scale", file, "web=3").exit_code == 0
    assert "host/prod-web-3" in running.things

    running.fails = frozenset({"delete host/prod-web-2"})
    assert invoke("scale", file, "web=1").exit_code == 1
    running.fails = frozenset()

    assert invoke("scale", file, "web=1").exit_code == 0
    assert "host/prod-web-2" not in running.things


def test_what_refuses_a_plan_refuses_the_size(
    invoke: Invoke, running: World, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A cluster that is being taken down gets no new size."""

    def going(_: FakeSession) -> Plan:
        raise BootstrapError("a `down` of this cluster began and did not end", code="E112")

    monkeypatch.setattr(FakeSession, "plan_up", going)

    assert invoke("scale", file, "web=3").exit_code == 1
    assert running.sizes == {}
