"""The engine's own service, as systemd runs it. The one thing that the agent cannot ask of the engine itself."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Protocol

from .errors import AgentError

if TYPE_CHECKING:
    import subprocess

UNIT = "docker.service"
_DEADLINE = 180.0  # seconds: an engine with many containers takes its time to stop
_SEARCH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class Service(Protocol):
    """What can be done to the engine from outside. Methods raise AgentError."""

    def state(self) -> str:
        """systemd's word: active, activating, deactivating, inactive (stopped by somebody), failed."""
        ...

    def restart(self) -> None:
        """Stop and start it; returns when it answers. Forgets how often it failed before."""
        ...

    def reload(self) -> None:
        """Let it read again what can be changed without a restart."""
        ...

    def check(self, path: str) -> str:
        """What the engine has against the configuration in that file; "" when it would start with it."""
        ...


class Nowhere:
    """Where no systemd is: nothing happens."""

    def state(self) -> str:
        """See Service."""
        return "inactive"

    def restart(self) -> None:
        """See Service."""

    def reload(self) -> None:
        """See Service."""

    def check(self, path: str) -> str:
        """See Service."""
        del path
        return ""


class SystemdService:
    """docker.service of this machine."""

    def state(self) -> str:
        """See Service."""
        return _run("systemctl", "show", "--property=ActiveState", "--value", UNIT).stdout.strip()

    def restart(self) -> None:
        """See Service."""
        _run("systemctl", "reset-failed", UNIT)
        done = _run("systemctl", "restart", UNIT)
        if done.returncode:
            raise AgentError(
                "the engine does not start", where=UNIT, fix="see `journalctl -u docker`", code="engine_down"
            )

    def reload(self) -> None:
        """See Service."""
        _run("systemctl", "reload", UNIT)

    def check(self, path: str) -> str:
        """See Service. An engine that cannot check (before 23.0) has nothing against it."""
        done = _run("dockerd", "--validate", "--config-file", path)
        said = (done.stderr or done.stdout).strip()
        return said if done.returncode and "unknown flag" not in said else ""


def _run(*argv: str) -> subprocess.CompletedProcess[str]:
    import subprocess

    try:
        return subprocess.run(
            argv, env={**os.environ, "PATH": _SEARCH, "LC_ALL": "C"}, stdin=subprocess.DEVNULL, capture_output=True,
            text=True, timeout=_DEADLINE, check=False,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as error:
        raise AgentError(f"{argv[0]}: {type(error).__name__}", where=UNIT, code="engine_down") from None
