"""The agent on a node, spoken to through a Runner: one JSON document per call, errors in its own words."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bootstrap.errors import BootstrapError
from bootstrap.remote.runner import CommandFailed, Result, Runner, Stoppable

COMMAND = ("python3", "-I", "/usr/local/lib/bootstrap/agent.pyz")
STATUS_DEADLINE = 40.0  # seconds: an engine without quorum needs up to 25 to say so


@dataclass(frozen=True)
class Agent:
    """One node's agent."""

    runner: Runner
    where: str

    def status(self) -> dict[str, Any]:
        """The node's view of itself, of the control object and, on a manager with quorum, of the whole swarm."""
        return self.call("status", timeout=STATUS_DEADLINE)

    def stop(self) -> None:
        """End a call from another thread, where the way in can do that; the call then returns or raises."""
        if isinstance(self.runner, Stoppable):
            self.runner.stop()

    def call(self, *argv: str, document: Mapping[str, Any] | None = None, timeout: float = 60.0) -> dict[str, Any]:
        """Run one verb; `document` goes in by stdin as JSON. BootstrapError carries the agent's own error."""
        stdin = "" if document is None else json.dumps(document)
        result = self.runner.run([*COMMAND, *argv, "--json"], stdin=stdin, timeout=timeout)
        answer = _parsed(result)
        if result.code == 0 and answer is not None:
            return answer
        error = (answer or {}).get("error")
        if not isinstance(error, dict):
            raise CommandFailed(self.where, f"agent {argv[0]}", result)
        raise BootstrapError(
            str(error.get("what", "the agent failed")),
            where=str(error.get("where") or self.where),
            fix=str(error.get("fix", "")),
            code=str(error.get("code", "agent_failed")),
        )


def _parsed(result: Result) -> dict[str, Any] | None:
    try:
        answer = json.loads(result.stdout)
    except ValueError:
        return None
    return answer if isinstance(answer, dict) else None
