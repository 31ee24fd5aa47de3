"""Everything a verb needs, made once and handed in: configuration, doors to the world, the clock."""

from __future__ import annotations

import contextlib
import json
import os
import random
import time
from collections.abc import Iterator
from typing import Any, NamedTuple

from .engine_api import SOCKET, Engine
from .errors import AgentError
from .metadata import Metadata, open_metadata
from .service import Nowhere, Service, SystemdService
from .store import Store, open_store


class Clock:
    """Time as the agent uses it: monotonic wherever a step waits, so that a wrong wall clock does no harm."""

    def now(self) -> float:
        """Seconds since some fixed moment."""
        return time.monotonic()

    def wall(self) -> float:
        """Seconds since 1970: for time stamps, and for how old a token is."""
        return time.time()

    def sleep(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)


class Paths(NamedTuple):
    """Where things stand on the node; `root` is another folder in tests."""

    root: str = "/"

    def at(self, path: str) -> str:
        """An absolute path below `root`."""
        return os.path.join(self.root, path.lstrip("/"))

    @property
    def config(self) -> str:
        """The agent's configuration."""
        return self.at("/etc/bootstrap/agent.json")

    @property
    def hooks(self) -> str:
        """The user's scripts, a folder for each moment."""
        return self.at("/etc/bootstrap/hooks")

    @property
    def run(self) -> str:
        """What may be forgotten at a reboot."""
        return self.at("/run/bootstrap")

    @property
    def state(self) -> str:
        """What is remembered across boots."""
        return self.at("/var/lib/bootstrap/agent")

    @property
    def daemon(self) -> str:
        """The engine's configuration."""
        return self.at("/etc/docker/daemon.json")


class Context(NamedTuple):
    """One node's agent. `config` is `agent.json`."""

    config: dict[str, Any]
    paths: Paths
    engine: Engine
    store: Store
    metadata: Metadata
    clock: Clock
    random: random.Random
    service: Service = Nowhere()

    @property
    def role(self) -> str:
        """Manager or worker, in lower case."""
        return str(self.config["role"])

    @property
    def docker_root(self) -> str:
        """The engine's data directory."""
        return self.paths.at(self.config.get("daemon", {}).get("data-root", "/var/lib/docker"))

    @property
    def swarm_dir(self) -> str:
        """Where the engine keeps its swarm identity and its raft log."""
        return os.path.join(self.docker_root, "swarm")


def open_context(root: str = "/") -> Context:
    """The context of this machine. Raises AgentError when `agent.json` is missing or damaged."""
    paths = Paths(root)
    try:
        with open(paths.config, encoding="utf-8") as file:
            config = json.load(file)
        store, metadata = open_store(config["store"]), open_metadata(config["metadata"])
        engine = Engine(config.get("socket", SOCKET))
    except (OSError, ValueError, KeyError, TypeError) as error:
        reason = f"{type(error).__name__}: {error}"
        raise AgentError(f"the configuration is not usable: {reason}", where=paths.config, code="config") from None
    return Context(config, paths, engine, store, metadata, Clock(), random.SystemRandom(), SystemdService())


@contextlib.contextmanager
def alone(context: Context) -> Iterator[None]:
    """Keep the node's other verbs from changing its membership at the same time; ends with the process."""
    import fcntl

    os.makedirs(context.paths.run, exist_ok=True)
    with open(os.path.join(context.paths.run, "lock"), "w", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def replace_file(path: str, text: str, mode: int = 0o600, *, lasting: bool = True) -> None:
    """Write a file atomically: whoever reads sees the old text or the new. `lasting`: a crash leaves one of them too."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    temporary = f"{path}.{os.getpid()}.tmp"
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with open(descriptor, "w", encoding="utf-8") as file:
        os.fchmod(descriptor, mode)
        file.write(text)
        file.flush()
        if lasting:
            os.fsync(descriptor)
    os.replace(temporary, path)


def read_file(path: str) -> str:
    """The text of a file, "" when it is not there or not readable."""
    try:
        with open(path, encoding="utf-8") as file:
            return file.read()
    except (OSError, UnicodeDecodeError):
        return ""
