"""The service of a fake engine: it remembers what was asked of it, and starts the engine as systemd would."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from bootstrap.agent import boot, identity
from bootstrap.agent.context import Context
from bootstrap.agent.errors import AgentError
from bootstrap.agent.reconcile import Reconciler
from tests.agent.fake_engine import FakeEngine
from tests.agent.fakes import Host


class FakeService:
    """`refuses`: keys of daemon.json that the engine does not start with; `checks`: whether it can tell beforehand."""

    def __init__(self, engine: FakeEngine) -> None:
        self.engine, self.word, self.log = engine, "active", list[str]()
        self.refuses: set[str] = set()
        self.checks = True
        self.context: Context | None = None

    def state(self) -> str:
        return self.word

    def restart(self) -> None:
        assert self.context is not None
        self.log.append("restart")
        self.engine.up = False
        had_swarm = Path(self.context.swarm_dir).is_dir()
        boot.run(self.context)
        if self.refuses & set(self.settings()):
            raise AgentError("the engine does not start", code="engine_down")
        if had_swarm and not Path(self.context.swarm_dir).is_dir():
            self.engine.forget()
        self.engine.up = True
        self.engine.relabel(self.settings().get("labels", []))

    def reload(self) -> None:
        self.log.append("reload")
        self.engine.relabel(self.settings().get("labels", []))

    def check(self, path: str) -> str:
        wrong = self.refuses & set(json.loads(Path(path).read_text())) if self.checks else ()
        return f"unknown keys: {', '.join(sorted(wrong))}" if wrong else ""

    def settings(self) -> dict[str, Any]:
        """daemon.json as it stands."""
        assert self.context is not None
        found: dict[str, Any] = json.loads(Path(self.context.paths.daemon).read_text())
        return found


def with_service(host: Host) -> FakeService:
    """Give a host systemd: its agent can restart the engine from now on."""
    service = FakeService(host.engine)
    host.context = host.context._replace(service=service)
    service.context = host.context
    boots = Path(host.context.paths.at("/proc/sys/kernel/random/boot_id"))
    boots.parent.mkdir(parents=True, exist_ok=True)
    boots.write_text("boot-1\n")
    config = Path(host.context.paths.config)
    config.parent.mkdir(parents=True, exist_ok=True)
    config.write_text(json.dumps(host.context.config))
    Path(host.context.swarm_dir).mkdir(parents=True, exist_ok=True)
    identity.remember(host.context, instance=host.instance)
    boot.run(host.context)
    service.reload()
    service.log.clear()
    host.agent = Reconciler(host.context)
    return service
