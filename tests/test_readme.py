"""The README is run: a command that nobody runs would sooner or later be a lie."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
DOCS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md"]
SUITE = {"make test", ".ci/run", "make lint"}  # whoever reads this line in a log has just run them
BLOCK = re.compile(
    r"(?:<!-- (?P<mark>[^>]+) -->\n)?^```(?P<language>\w*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL
)
# Lines that only look, and may find a leader being elected: they are typed again until they succeed.
LOOKS = re.compile(r"^.*bootstrap (?:status\b.* --(?:check|wait)\b|doctor\b|ssh\b.* -- docker ).*$", re.MULTILINE)
LEFT_OUT = "[…"  # a line in brackets that says what is not shown
LINK = re.compile(r"\]\((?!https?://|#)(?P<path>[^)#]+)")


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, its text, and the comment right above it that says who checks it."""

    language: str
    text: str
    mark: str = ""

    @property
    def commands(self) -> list[str]:
        """The command lines, without comments; a line that ends in a backslash goes on."""
        joined = self.text.replace("\\\n", " ")
        lines = (re.sub(r"(^|\s)#.*", "", line).strip() for line in joined.splitlines())
        return [line for line in lines if line]


def blocks(path: Path, language: str) -> Iterator[Block]:
    """The fenced blocks of one language."""
    for found in BLOCK.finditer(path.read_text(encoding="utf-8")):
        if found["language"] == language:
            yield Block(language, found["text"], found["mark"] or "")


def shape(line: str) -> str:
    """A line without what differs from run to run: ids, numbers, times, who leads, the width of columns."""
    line = re.sub(r"\b(i-)?[a-z0-9]{12}\b|\bi-[0-9a-f]{17}\b", "#", line).replace("leader", "reachable")
    return re.sub(r"\s+", " ", re.sub(r"[0-9]+(\.[0-9]+)*", "#", line)).strip()


@pytest.mark.parametrize("path", DOCS, ids=lambda path: path.name)
def test_every_command_is_claimed_by_a_test(path: Path) -> None:
    """A block of shell commands says which test runs it; the suite itself is the only one that is not run again."""
    claims = {block.text: block.mark for block in blocks(path, "sh")}

    assert not [text for text, mark in claims.items() if mark not in {"test: lab", "test: suite"}]
    assert {
        command for block in blocks(path, "sh") if block.mark == "test: suite" for command in block.commands
    } <= SUITE


def test_the_blocks_are_found() -> None:
    """An extractor that finds nothing would claim everything."""
    commands = [command for block in blocks(ROOT / "README.md", "sh") for command in block.commands]

    assert commands[0] == "make up"
    assert "make test" in commands
    assert "bootstrap plan" in commands


@pytest.mark.parametrize("path", DOCS, ids=lambda path: path.name)
def test_every_link_leads_somewhere(path: Path) -> None:
    """Files that the documents name are there."""
    named = {found["path"] for found in LINK.finditer(path.read_text(encoding="utf-8"))}

    assert not [name for name in named if not (path.parent / name).exists()]


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[list[str]]:
    """How a reader's shell is started; where root has no sudo, a stand-in. The example cluster is gone afterwards."""
    from bootstrap.lab import paths

    assert not (paths.root() / "local").exists(), "the cluster `local` runs on this machine: `make down` first"
    if not shutil.which("sudo"):
        (tmp_path / "sudo").write_text('#!/bin/sh\ncase $1 in --*) shift ;; esac\nexec "$@"\n', encoding="utf-8")
        (tmp_path / "sudo").chmod(0o755)
    path = f"{os.environ['PATH']}:{tmp_path}"
    yield ["env", f"PATH={path}", "COLUMNS=120", "bash", "-eu", "-O", "expand_aliases"]
    subprocess.run(["make", "down"], cwd=ROOT, capture_output=True, check=False, timeout=300)


@pytest.mark.lab
@pytest.mark.alone
@pytest.mark.timeout(1800)  # on a fresh machine the first command installs what lacks and makes the hosts' image
def test_the_readme_works_as_written(shell: list[str]) -> None:
    """Every block, in its order, typed into a shell at the top of the checkout; the output is the one that is shown."""
    for block in blocks(ROOT / "README.md", "sh"):
        if block.mark == "test: lab":
            script = "exec 2>&1\n" + LOOKS.sub(r"until \g<0>\ndo sleep 2; done", block.text)
            run = subprocess.run(
                [*shell, "-c", script], cwd=ROOT, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                check=False, timeout=1200,
            )  # fmt: skip
            assert run.returncode == 0, f"{block.text}\n{run.stdout}"
            if block.commands[0] == "make up":
                check_output(run.stdout)


def check_output(real: str) -> None:
    """Each line that the README shows was printed, up to ids, numbers and times."""
    (shown,) = (one for one in blocks(ROOT / "README.md", "text") if one.mark == "output: make up")
    printed = {shape(line) for line in real.splitlines()}

    assert "local-managers-a-#" in shape(shown.text)
    assert not [line for line in shown.text.splitlines() if shape(line) not in printed and LEFT_OUT not in line], real


def test_a_shape_keeps_words_and_drops_what_differs() -> None:
    """Two runs of one table are equal, two different tables are not."""
    assert shape("local-web-1  ready  10.91.0.21  leader     i-0abc123def4567890  3.2s  qrni77caka1e") == shape(
        "local-web-1 ready 10.91.1.4 reachable i-0bbb123def4567891 12s abcdefghijkl"
    )
    assert shape("local-web-1 ready") != shape("local-web-1 down")
