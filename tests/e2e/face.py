"""The command line as a user has it: a process of its own, its output kept for the canary search."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

DEADLINE = 780  # seconds for one command: more than any wait of its own, so that it ends with its own words
MOMENT = 120  # seconds for what a machine that is busy, or a leader that is elected, may hold up
# Codes of what is refused for a moment, as while a leader is elected or one manager is slow.
ELECTING = {"no_quorum", "engine_no_quorum", "engine_down", "engine_slow"}
ELECTED = ELECTING | {"change_in_flight", "lease_lost"}  # and by what the old leader had begun
GUARDED = ELECTED | {"guard", "demote_timeout"}  # and for the sake of the quorum, where managers go


@dataclass
class Face:
    """Runs `bootstrap` on one inventory file."""

    file: Path
    printed: list[str] = field(default_factory=list)  # everything that any command wrote, for the canary search

    def run(
        self, *argv: str, code: int | None = 0, env: dict[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """`bootstrap argv…`; asserts the exit code unless it is None."""
        done = subprocess.run(
            [sys.executable, "-m", "bootstrap", *argv],
            capture_output=True,
            text=True,
            timeout=DEADLINE,
            check=False,
            stdin=subprocess.DEVNULL,
            env={**os.environ, **(env or {})},
        )
        self.printed += [done.stdout, done.stderr]
        assert code is None or done.returncode == code, (
            f"{argv} ended with {done.returncode}:\n{done.stdout}\n{done.stderr}"
        )
        return done

    def json(self, verb: str, *argv: str, code: int = 0) -> Any:
        """The one document that `bootstrap VERB FILE … -o json` prints."""
        return json.loads(self.run(verb, str(self.file), *argv, "-o", "json", code=code).stdout)

    def up(self, *argv: str) -> Any:
        """`up`, confirmed: the status document."""
        return self.json("up", "--yes", *argv)

    def status(self) -> Any:
        """The status document."""
        return self.json("status")

    def plan(self, *argv: str) -> Any:
        """What `up` would do, as a manager answers: in an election the swarm's part is `unknown`."""

        def look() -> Any:
            document = self.json("plan", *argv)
            assert document["unknown"] == []
            return document

        return eventually("a manager answers", look)

    def insist(self, verb: str, *argv: str, later: Collection[str] = ELECTED) -> Any:
        """The document of a command that may be refused with these codes for a moment: the same command goes on."""

        def attempt() -> Any:
            done = self.run(verb, str(self.file), *argv, "-o", "json", code=None)
            document = json.loads(done.stdout)
            told = f"{verb} ended with {done.returncode}:\n{done.stdout}\n{done.stderr}"
            if done.returncode != 0 and (document.get("error") or {}).get("code") not in later:
                pytest.fail(told)
            assert done.returncode == 0, told
            return document

        return eventually("it is done", attempt, 2 * MOMENT)

    def leader(self) -> str:
        """Who leads; while one is elected nobody does."""
        return str(eventually("somebody leads", lambda: leader(self.status())))

    def healthy(self, seconds: float = MOMENT) -> Any:
        """The status document once it says healthy: a leader may change, or a heartbeat be late, at any moment."""

        def look() -> Any:
            document = self.status()
            assert document["healthy"], document["problems"]
            return document

        return eventually("healthy", look, seconds)

    def ssh(self, node: str, *argv: str, code: int | None = 0) -> str:
        """The output of a command on a node."""
        return self.run("ssh", str(self.file), node, "--", *argv, code=code).stdout

    def told(self, node: str, *argv: str) -> str:
        """The output of a command that changes nothing, or nothing twice: an engine refuses it while nobody leads."""
        found = eventually("it succeeds", lambda: [self.ssh(node, *argv)])
        return str(found[0])


def eventually(what: str, test: Callable[[], Any], seconds: float = MOMENT) -> Any:
    """The first true answer of `test`; one that fails counts as not yet. AssertionError after `seconds`."""
    deadline = time.monotonic() + seconds
    while True:
        told = ""
        try:
            if answer := test():
                return answer
        except AssertionError as error:
            told = str(error)
        assert time.monotonic() < deadline, f"not within {seconds:g} s: {what} {told}"
        time.sleep(0.5)


def by_role(document: Any, role: str) -> list[Any]:
    """The nodes of that role."""
    return [node for node in document["nodes"] if node["role"] == role]


def leader(document: Any) -> str:
    """The leader's hostname; AssertionError where nobody leads now, or nobody tells."""
    names = [str(node["hostname"]) for node in document["nodes"] if node["leader"]]
    assert names, document["problems"]
    return names[0]
