"""Contexts, written by docker's own client: the form of its files is its own affair."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bootstrap.cli.contexts import ssh
from bootstrap.errors import BootstrapError
from bootstrap.remote.runner import Result

DEADLINE = 30.0  # seconds; it only reads and writes small files
OURS = "made by `bootstrap context`"  # in the description: who made it may change and remove it
_NOT_FOUND = "not found"


def config_folder(environment: Mapping[str, str]) -> str:
    """Where docker's client keeps its contexts: in the home of the user whose `ssh` it starts.

    Under `sudo -E` HOME is another user's. What root writes there that user could not change any more.
    """
    given = Path(environment.get("HOME") or ssh.home())
    return environment.get("DOCKER_CONFIG") or str((given if _is_own(given) else ssh.home()) / ".docker")


def _is_own(folder: Path) -> bool:
    try:
        return folder.stat().st_uid == os.geteuid()
    except FileNotFoundError:
        return True  # the client will make it


def context_name(cluster: str) -> str:
    """The cluster's own name, unless docker refuses it: one letter, and `default`."""
    return f"{cluster}-swarm" if len(cluster) == 1 or cluster == "default" else cluster


def call(argv: Sequence[str], environment: Mapping[str, str]) -> Result:
    """Run `docker argv…`; BootstrapError where it is not installed or does not end."""
    try:
        done = subprocess.run(
            ["docker", *argv], env=dict(environment), capture_output=True, text=True, check=False, timeout=DEADLINE,
            stdin=subprocess.DEVNULL,
        )  # fmt: skip
    except FileNotFoundError as error:
        fix = "install docker's client (docker-ce-cli, or docker.io)"
        raise BootstrapError("`docker` is not installed", where="this machine", fix=fix, code="tool_missing") from error
    except subprocess.TimeoutExpired as error:
        raise BootstrapError("`docker` did not end", where="this machine", code="timeout") from error
    return Result(done.returncode, done.stdout, done.stderr)


@dataclass(frozen=True)
class Contexts:
    """The contexts in one configuration folder of docker's client."""

    folder: str
    run: Callable[[Sequence[str], Mapping[str, str]], Result] = call

    def host(self, name: str) -> str | None:
        """The address of the context, or None where there is none. BootstrapError for one that is not ours."""
        found = self._docker("context", "inspect", name, may_fail=True)
        if found.code:
            if _NOT_FOUND in found.stderr or "does not exist" in found.stderr:
                return None
            raise _failed(found)
        context: dict[str, Any] = json.loads(found.stdout)[0]
        if OURS not in (context.get("Metadata") or {}).get("Description", ""):
            fix = f"remove or rename it: `docker context rm {name}`"
            raise BootstrapError("a docker context of that name is not ours", where=name, fix=fix, code="not_ours")
        return str(context["Endpoints"]["docker"]["Host"])

    def put(self, name: str, cluster: str, host: str) -> bool:
        """Make the context, or give it this address. True when it was another, or none."""
        there = self.host(name)
        if there == host:
            return False
        verb = "create" if there is None else "update"
        description = f"swarm {cluster}, {OURS}"
        self._docker("context", verb, name, "--description", description, "--docker", f"host={host}")
        return True

    def remove(self, name: str) -> bool:
        """Remove the context. True when there was one. Where it was the one in use, `default` is from now on."""
        if self.host(name) is None:
            return False
        # Not `context show`: clients of 20.10, which Debian 12 has, do not know it.
        if f"true {name}" in self._docker("context", "ls", "--format", "{{.Current}} {{.Name}}").stdout.splitlines():
            self._docker("context", "use", "default")
        self._docker("context", "rm", "--force", name)
        return True

    def _docker(self, *argv: str, may_fail: bool = False) -> Result:
        plain = {key: value for key, value in os.environ.items() if key not in {"DOCKER_HOST", "DOCKER_CONTEXT"}}
        result = self.run(argv, {**plain, "DOCKER_CONFIG": self.folder})
        if result.code and not may_fail:
            raise _failed(result)
        return result


def _failed(result: Result) -> BootstrapError:
    told = " ".join((result.stderr or result.stdout).split())
    return BootstrapError(f"docker: {told}", where="this machine", code="command_failed")
