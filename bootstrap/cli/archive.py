"""What a bug report needs, gathered as far as it goes: a part that fails is named and stops no other."""

from __future__ import annotations

import io
import json
import os
import platform
import tarfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bootstrap import __version__
from bootstrap.cli.commands.logs import BOOTING, JOINING
from bootstrap.cli.redacted import Redactor, inventory_text
from bootstrap.cli.run import Session
from bootstrap.cli.show import plan as plans
from bootstrap.cli.show.values import plain
from bootstrap.errors import BootstrapError
from bootstrap.providers.base import Instance
from bootstrap.remote.agent import COMMAND

LARGEST = 256 * 1024  # characters of one text: the end of a log says most
DEADLINE = 20.0  # seconds for one command on a node
SOURCES = {
    **JOINING,
    **BOOTING,
    "agent-status": (*COMMAND, "status", "--local", "--json"),
    "agent-config": ("cat", "/etc/bootstrap/agent.json"),
    "docker-info": ("docker", "info"),
    "docker-version": ("docker", "version"),
    "services": ("docker", "service", "ls"),
    "units": ("systemctl", "list-units", "--no-pager", "--all", "docker*", "bootstrap*", "containerd*"),
    "addresses": ("ip", "addr"),
    "disk": ("df", "-h"),
    "memory": ("free", "-m"),
    "kernel": ("dmesg", "--level=err,crit,alert,emerg"),
}  # fmt: skip


@dataclass
class Archive:
    """The parts by their path in the archive, and what could not be had. Every text goes through `redact`."""

    redact: Redactor
    parts: dict[str, str] = field(default_factory=dict)
    missing: list[dict[str, str]] = field(default_factory=list)
    unreachable: list[dict[str, str]] = field(default_factory=list)

    def fill(self, session: Session, path: Path, *, parallel: int) -> None:
        """All of it."""
        self.add("inventory.yml", inventory_text(path))
        self.add("versions.json", _json(versions(session)))
        for name, look in questions(session).items():
            self._try(name, look)
        try:
            instances = list(session.instances())
        except Exception as error:  # noqa: BLE001 - likewise
            self.missing.append({"part": "nodes", "why": self.redact(_why(error))})
            return
        with ThreadPoolExecutor(max_workers=parallel) as pool:
            list(pool.map(lambda one: self._node(session, one), instances))

    def add(self, name: str, text: str) -> None:
        """One part, redacted first and then cut, so that no half of a secret is left at the cut."""
        clean = self.redact(text)
        self.parts[name] = clean if len(clean) <= LARGEST else f"[the beginning is left out]\n{clean[-LARGEST:]}"

    def write(self, target: Path, folder: str) -> None:
        """A tar.gz that only its owner reads; BootstrapError where it is there already or cannot be written."""
        self.add(
            "dump.json", _json({"missing": self.missing, "unreachable": self.unreachable, "parts": sorted(self.parts)})
        )
        try:
            file = os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")
        except OSError as error:
            raise _unwritten(target, error) from error
        try:
            with file, tarfile.open(fileobj=file, mode="w:gz") as archive:
                self._pack(archive, folder)
        except OSError as error:
            target.unlink(missing_ok=True)  # half of it would pass for the whole, and bar the way of the next try
            raise _unwritten(target, error) from error

    def _pack(self, archive: tarfile.TarFile, folder: str) -> None:
        for name, text in sorted(self.parts.items()):
            data = text.encode(errors="replace")
            entry = tarfile.TarInfo(f"{folder}/{name}")
            entry.size, entry.mtime, entry.mode = len(data), int(time.time()), 0o644
            archive.addfile(entry, io.BytesIO(data))

    def _try(self, name: str, look: Callable[[], Any]) -> None:
        try:
            self.add(name, _json(look()))
        except Exception as error:  # noqa: BLE001 - the fault that is to be reported may well be in here
            self.missing.append({"part": name, "why": self.redact(_why(error))})

    def _node(self, session: Session, one: Instance) -> None:
        """Every source of one machine, until it does not answer."""
        try:
            for title, text in read(session, one):
                self.add(f"nodes/{one.hostname}/{title.replace(' ', '-')}.txt", text)
        except Exception as error:  # noqa: BLE001 - likewise
            self.unreachable.append({"node": one.hostname, "why": self.redact(_why(error))})


def read(session: Session, one: Instance) -> Iterator[tuple[str, str]]:
    """(title, text) of each source on a machine. A source that fails says so; BootstrapError for a machine that is off."""
    runner = session.runner(one)
    runner.run(["true"], timeout=DEADLINE)
    for title, argv in SOURCES.items():
        try:
            result = runner.run(argv, timeout=DEADLINE)
        except BootstrapError as error:
            yield title, f"{error}\n"
            continue
        yield title, result.stdout + (f"\n[ended with {result.code}] {result.stderr}" if result.code else "")


def questions(session: Session) -> Mapping[str, Callable[[], Any]]:
    """The parts that are about the whole cluster."""
    return {
        "status.json": session.status,
        "plan.json": lambda: plans.document(session.plan_up()),
        "control.json": lambda: plain(session.control()),
        "events.json": lambda: plain(session.events()),
        "instances.json": lambda: plain(session.instances()),
        "doctor.json": lambda: {"checks": [one.as_json() for one in session.examine()]},
    }


def versions(session: Session) -> dict[str, Any]:
    """Ours, python's, the machine's."""
    return {
        "bootstrap": __version__,
        "provider": session.cluster.provider,
        "python": platform.python_version(),
        "machine": f"{os.uname().sysname} {os.uname().release} {os.uname().machine}",
        "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }


def _why(error: Exception) -> str:
    return str(error) if isinstance(error, BootstrapError) else f"{type(error).__name__}: {error}"


def _unwritten(target: Path, error: OSError) -> BootstrapError:
    fix = "name another file with --to"
    return BootstrapError(f"cannot be written: {error.strerror}", where=str(target), fix=fix, code="cannot_write")


def _json(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"


def names(parts: Sequence[Mapping[str, str]], key: str) -> str:
    """`a, b` for a line on stderr."""
    return ", ".join(sorted(one[key] for one in parts))
