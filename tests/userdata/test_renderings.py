"""Every rendering as text: its golden file, shellcheck, shfmt and the parsers of three shells."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from bootstrap.userdata import sizes
from bootstrap.userdata.size import table
from tests.userdata.cases import renderings

SCRIPTS = renderings()


@pytest.fixture
def written(tmp_path: Path) -> list[str]:
    """All renderings as files."""
    for name, text in SCRIPTS.items():
        (tmp_path / f"{name}.sh").write_text(text, encoding="utf-8")
    return [str(path) for path in sorted(tmp_path.glob("*.sh"))]


def quiet(*argv: str) -> str:
    """What the command has to say."""
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_is_that_of_its_golden_file(name: str, golden: Callable[[str, str], None]) -> None:
    """A change of what machines boot with is seen in review."""
    golden(f"userdata/{name}.sh", SCRIPTS[name])


@pytest.mark.process
def test_shellcheck_has_nothing_to_say(written: list[str]) -> None:
    """Every rendering is clean, as a script of POSIX sh."""
    assert quiet("shellcheck", "--shell=sh", "--enable=quote-safe-variables", *written) == ""


@pytest.mark.process
def test_every_script_is_formatted(written: list[str]) -> None:
    """A person reads it on the machine: blocks of Jinja leave no scars."""
    assert quiet("shfmt", "--diff", "--indent", "2", "--case-indent", *written) == ""


@pytest.mark.process
@pytest.mark.parametrize("shell", ["sh", "dash", "bash"])
def test_every_shell_can_read_it(shell: str, written: list[str]) -> None:
    """Debian's sh is dash, Red Hat's is bash."""
    if not shutil.which(shell):
        pytest.skip(f"no {shell} here")
    assert [quiet(shell, "-n", path) for path in written] == [""] * len(written)


def test_no_line_is_too_wide_to_read() -> None:
    """Except the user's own text, a line fits a terminal of 120 columns."""
    wide = {
        f"{name}:{number}"
        for name, text in SCRIPTS.items()
        for number, line in enumerate(text.splitlines(), 1)
        if len(line) > 120
    }

    assert not wide


def test_the_user_text_is_far_from_the_beginning() -> None:
    """cloud-init takes user-data for an e-mail when `MIME-Version:` stands in its first 4096 bytes."""
    for name, text in SCRIPTS.items():
        head = text[:4096]
        assert "example.com" not in head, name
        assert "prod" not in head, name


def test_the_sizes_leave_room(capsys: pytest.CaptureFixture[str]) -> None:
    """What stands beside the agent takes less than half of what AWS allows; the table is printed."""
    with capsys.disabled():
        print("\n" + table(SCRIPTS))  # noqa: T201 - the figures are what a reader of the run wants

    assert all(sizes(text)[1] < 8 * 1024 for text in SCRIPTS.values())


def test_the_engine_never_starts_before_its_boot_unit_says_so() -> None:
    """A raft log of another life must not serve again; and no target of the system waits for the join."""
    for name, text in SCRIPTS.items():
        units = dict(
            re.findall(r"/etc/systemd/system/(\S+)\.service <<'END_OF_UNIT'\n(.*?)\nEND_OF_UNIT", text, re.DOTALL)
        )
        names = ["bootstrap-prepare", "bootstrap-boot", "docker-swarm-join", "bootstrap-agent"]
        assert list(units) == [*names, *(["bootstrap-rotate"] if "-manager-" in name else [])], name
        assert "\nBefore=docker.service\n" in units["bootstrap-boot"]
        assert units["bootstrap-boot"].endswith("[Install]\nRequiredBy=docker.service")
        assert "\nRequires=docker.service\n" in units["docker-swarm-join"]
        assert "Type=" not in units.pop("bootstrap-prepare")  # a simple service: its target does not wait for its end
        assert not [unit for unit in units.values() if ".target" in unit.partition("[Install]")[2]]
