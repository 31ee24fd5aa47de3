"""User-data that was cut short, by a network or a limit, must do nothing at all."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.userdata.cases import full, script
from tests.userdata.machine import Machine

SCRIPT = script("gcp", full("manager", "docker-ce"))
CALL = 'main "$@"\n'
BODY = len(SCRIPT) - len(CALL)


def cuts() -> Iterator[int]:
    """The end of every line, and five hundred places between."""
    yield from (match.end() for match in re.finditer("\n", SCRIPT[:BODY]))
    yield from random.Random(7).sample(range(BODY), 500)
    yield from range(BODY, BODY + len("mai") + 1)


def touched(machine: Machine) -> list[str]:
    """What a run left behind, or called."""
    (machine.path / "script").unlink()
    left = [str(path) for path in (machine.path / "cwd").rglob("*")]
    calls = machine.path / "calls"
    return [*left, *machine.files(), *(calls.read_text().splitlines() if calls.exists() else [])]


@pytest.mark.process
@pytest.mark.parametrize("shell", ["dash", "bash"])
def test_a_script_that_was_cut_short_does_nothing(shell: str, tmp_path: Path) -> None:
    """Wherever it ends: no file is written and no command of the system is called."""
    machine = Machine(tmp_path)
    places = list(cuts())
    for place in places if shell == "dash" else places[::5]:
        machine.feed(SCRIPT[:place], shell)
        assert not (machine.root / "run").exists(), f"cut at {place}: {SCRIPT[place - 60 : place]!r}"

    assert touched(machine) == ["etc/os-release"]


@pytest.mark.process
@pytest.mark.slow
@pytest.mark.timeout(600)
def test_every_single_byte_may_be_the_last(tmp_path: Path) -> None:
    """The same at all of them."""
    machine = Machine(tmp_path)
    for place in range(BODY + len("mai") + 1):
        machine.feed(SCRIPT[:place], "dash")

    assert touched(machine) == ["etc/os-release"]


def test_no_beginning_of_a_function_name_is_a_command() -> None:
    """A script cut after `reboot` of `reboot_later() {` would call it; a function defined above likewise."""
    folders = [Path(folder) for folder in ("/bin", "/sbin", "/usr/bin", "/usr/sbin") if Path(folder).is_dir()]
    builtin = {"exit", "exec", "hash", "set", "dig", "docker", "make", "vi"}
    commands = builtin | {path.name for folder in folders for path in folder.iterdir()}
    names = re.findall(r"^([a-z_]+)\(\) \{", SCRIPT, re.MULTILINE)
    begun = {name[:length] for name in names for length in range(1, len(name) + 1)}

    assert sorted(begun & commands) == []
    assert [(one, other) for one in names for other in names if one != other and other.startswith(one)] == []


def test_the_call_of_main_is_the_last_line() -> None:
    """Nothing stands behind it, and nothing before it runs anything."""
    assert SCRIPT.endswith("\n" + CALL)
    assert SCRIPT.count(CALL) == 1
