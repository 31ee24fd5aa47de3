"""A machine that lost its power in its first boot: the next boot does the rest, without cloud-init."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from bootstrap.model.cluster import Hook, Hooks
from tests.userdata.cases import pool, script
from tests.userdata.machine import Machine

pytestmark = pytest.mark.process

SCRIPT = script("local", pool("worker", "image"))
COPY = "/var/lib/bootstrap/node.sh"
PREPARED = "/var/lib/bootstrap/prepared"
UNIT = "/etc/systemd/system/bootstrap-prepare.service"
SHELLS = ["dash", "bash"]


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """A Debian with an engine."""
    return Machine(tmp_path)


def cut_at(machine: Machine, step: str, shell: str = "sh") -> None:
    """The script runs and the power fails when that step of `main` comes."""
    assert SCRIPT.count(f"  {step}\n") == 1
    machine.run(SCRIPT.replace(f"  {step}\n", "  kill -9 $$\n"), shell)


def boot(machine: Machine, shell: str = "sh") -> str:
    """The next boot runs the copy, as the unit does; what it says."""
    (machine.path / "calls").write_text("")
    done = machine.start(str(shutil.which(shell)), str(machine.file(COPY)))
    assert done.returncode == 0, done.stderr
    return done.stderr


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize(
    "step", ["before_engine", "bring_up_engine", "begin docker-swarm-join.service", "begin bootstrap-agent.service"]
)
def test_a_script_that_was_cut_off_is_kept_whole(machine: Machine, step: str, shell: str) -> None:
    """Byte for byte and for root alone, and the unit that runs it is enabled."""
    cut_at(machine, step, shell)

    assert machine.file(COPY).read_bytes() == (machine.path / "script").read_bytes()
    assert machine.file(COPY).stat().st_mode & 0o777 == 0o700
    assert (machine.path / "enabled/bootstrap-prepare.service").exists()
    assert not machine.file(PREPARED).exists()


@pytest.mark.parametrize("shell", SHELLS)
def test_the_copy_does_the_rest_and_goes(machine: Machine, shell: str) -> None:
    """All is as after a first boot that nothing disturbed."""
    cut_at(machine, "before_engine")
    machine.file(COPY).write_text(SCRIPT)  # the power came back: nothing kills it any more

    boot(machine, shell)

    assert machine.file(PREPARED).exists()
    assert not list(machine.file(COPY).parent.glob("node.sh*"))
    whole = Machine(machine.path / "whole")
    whole.run(SCRIPT)
    made, expected = ({name: file[:2] for name, file in one.files().items()} for one in (machine, whole))
    assert made == expected
    assert {path.name for path in (machine.path / "active").iterdir()} == {
        path.name for path in (whole.path / "active").iterdir()
    }


def test_it_is_kept_before_anything_else_is_done(machine: Machine) -> None:
    """A hook, a package or a unit may take minutes in which the power fails."""
    machine.run(SCRIPT)

    kept = machine.calls.index("systemctl enable --quiet --no-reload bootstrap-prepare.service")
    assert [call.split()[0] for call in machine.calls[:kept]] == ["sync"]


def test_the_copy_is_on_the_disk_before_it_has_its_name(machine: Machine) -> None:
    """An empty file of that name would be a script that succeeds; what fails leaves no copy that counts."""
    machine.fails("sync", "sync: error syncing: Input/output error")

    done = machine.run(SCRIPT)

    assert done.returncode != 0
    assert not machine.file(COPY).exists()
    assert not (machine.path / "enabled/bootstrap-prepare.service").exists()


def test_the_unit_waits_for_no_one_and_only_until_it_is_prepared(machine: Machine) -> None:
    """cloud-init's first run and the unit never do the same work twice."""
    machine.run(SCRIPT)

    lines = machine.file(UNIT).read_text().splitlines()
    assert f"ConditionPathExists={COPY}" in lines
    assert f"ConditionPathExists=!{PREPARED}" in lines
    assert f"ExecStart=/bin/sh {COPY}" in lines
    assert machine.called("systemctl start bootstrap-prepare", "systemctl restart bootstrap-prepare") == []


def test_a_prepared_machine_keeps_nothing(machine: Machine) -> None:
    """A later push or GCE's start-up script is run by whoever sent it."""
    machine.run(SCRIPT)

    machine.run(SCRIPT)

    assert not machine.file(COPY).exists()
    assert machine.called("sync", "systemctl enable") == []


def test_a_newer_script_takes_the_place_of_the_copy(machine: Machine) -> None:
    """An operator pushes again, and the power fails again."""
    cut_at(machine, "before_engine")
    cut_at(machine, "begin docker-swarm-join.service")

    assert "  before_engine\n" in machine.file(COPY).read_text()


def test_a_script_that_failed_is_tried_again_at_the_next_boot(machine: Machine) -> None:
    """As one that was cut off."""
    hook = Hook("disk.sh", f"#!/bin/sh\n[ -e {machine.path}/disk ]\n")
    failed = machine.run(script("local", pool("worker", "image", hooks=Hooks(pre_docker=(hook,)))))
    (machine.path / "disk").touch()

    boot(machine)

    assert failed.returncode == 1
    assert machine.file(PREPARED).exists()


@pytest.mark.parametrize("shell", SHELLS)
def test_a_script_from_a_pipe_works_and_says_what_it_cannot_do(machine: Machine, shell: str) -> None:
    """`ssh host sh <script`: it stands in no file, also where one is called as the shell is."""
    (machine.path / "cwd" / str(shutil.which(shell)).rpartition("/")[2]).write_text("something else\n")

    done = machine.start(str(shutil.which(shell)), stdin=SCRIPT)

    assert done.returncode == 0, done.stderr
    assert "push it again" in done.stderr
    assert machine.file(PREPARED).exists()
    assert not machine.file(COPY).exists()


def test_a_script_is_kept_under_whatever_name_it_came(machine: Machine) -> None:
    """Pushed over SSH into the folder one is in, `sh ./-n` or `sh node.sh`."""
    (machine.path / "cwd/-n x").write_text(SCRIPT.replace("  before_engine\n", "  kill -9 $$\n"))

    machine.start("sh", "./-n x")

    assert machine.file(COPY).read_text().endswith('main "$@"\n')
