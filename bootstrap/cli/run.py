"""One run of the command line: the global options, where output goes, and what may be asked of whom."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import click

from bootstrap import inventory
from bootstrap.cli.signals import Signals
from bootstrap.engine.logs import redact
from bootstrap.errors import BootstrapError, UsageError
from bootstrap.model.cluster import Cluster
from bootstrap.model.finding import Finding
from bootstrap.model.resource import Plan
from bootstrap.providers.base import Instance, LockInfo, SshWay
from bootstrap.remote.runner import Runner

if TYPE_CHECKING:
    from bootstrap.engine.member import Member
    from bootstrap.engine.ready import Patience
    from bootstrap.engine.switch import Switch
    from bootstrap.engine.trail import Step
    from bootstrap.swarm.view import View


class Session(Protocol):
    """What the commands need of an opened cluster; `bootstrap.engine.session.Session` is one."""

    @property
    def cluster(self) -> Cluster: ...  # noqa: D102
    @property
    def switch(self) -> Switch: ...  # noqa: D102
    def plan_up(self) -> Plan: ...  # noqa: D102
    def plan_down(self) -> Plan: ...  # noqa: D102
    def retire(self) -> None: ...  # noqa: D102
    def apply(self, plan: Plan, *, parallel: int) -> Iterator[Any]: ...  # noqa: D102
    def wait_formed(self, timeout: float) -> Iterator[Any]: ...  # noqa: D102
    def wait_healthy(  # noqa: D102
        self, timeout: float, seen: Callable[[dict[str, Any]], None], *, mend: bool = True
    ) -> Iterator[Any]: ...
    def status(self) -> dict[str, Any]: ...  # noqa: D102
    def scripts(self) -> Mapping[str, str]: ...  # noqa: D102
    def instances(self) -> Sequence[Instance]: ...  # noqa: D102
    def control(self) -> Mapping[str, Any] | None: ...  # noqa: D102
    def examine(self) -> Iterator[Finding]: ...  # noqa: D102
    def sizes(self) -> Mapping[str, int]: ...  # noqa: D102
    def runner(self, instance: Instance) -> Runner: ...  # noqa: D102
    def way(self, instance: Instance) -> SshWay: ...  # noqa: D102
    def shell(self, instance: Instance, argv: Sequence[str]) -> int: ...  # noqa: D102
    def set_size(self, pool: str, size: int) -> None: ...  # noqa: D102
    def ask(self) -> View: ...  # noqa: D102
    def drain(self, node_id: str, timeout: float) -> None: ...  # noqa: D102
    def activate(self, node_id: str) -> None: ...  # noqa: D102
    def remove(self, member: Member, *, parallel: int) -> Iterator[Any]: ...  # noqa: D102
    def replace(self, member: Member, *, parallel: int) -> Iterator[Any]: ...  # noqa: D102
    def end_surge(self, *, parallel: int) -> Iterator[Any]: ...  # noqa: D102
    def upkeep(self, on: bool) -> None: ...  # noqa: D102
    def events(self) -> Sequence[Mapping[str, Any]]: ...  # noqa: D102
    def noted(self, what: str) -> AbstractContextManager[Step]: ...  # noqa: D102
    def patience(self, timeout: float) -> Patience: ...  # noqa: D102
    def force_unlock(self, lock_id: str) -> LockInfo: ...  # noqa: D102
    def locked(self, what: str, timeout: float, node: str | None = None) -> AbstractContextManager[LockInfo]: ...  # noqa: D102


def _open_session(path: Path, *, say: Callable[[str], None]) -> Session:
    from bootstrap.engine.session import open_session  # noqa: PLC0415 - it loads the inventory's libraries

    return open_session(path, say=say)


@dataclass
class Run:
    """The global options, filled while the command line is parsed, and the doors that tests replace."""

    output: str = "table"
    quiet: bool = False
    verbose: int = 0
    yes: bool = False
    no_input: bool = False
    parallel: int = 8
    lock_timeout: float = 0.0
    log_format: str = "text"
    writer: Callable[[str], None] | None = None  # set while a moving picture has the terminal
    resume: str = ""  # the command that goes on after an interruption
    signals: Signals = field(default_factory=Signals)
    open_session: Callable[..., Session] = _open_session
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    terminal: bool | None = None  # None: look

    @property
    def json(self) -> bool:
        """Whether stdout gets one JSON document."""
        return self.output == "json"

    @property
    def interactive(self) -> bool:
        """Whether somebody sits there who can answer."""
        if self.no_input:
            return False
        return sys.stdin.isatty() and sys.stderr.isatty() if self.terminal is None else self.terminal

    def live(self) -> bool:
        """Whether stderr can show progress that moves."""
        plain = self.quiet or self.verbose or self.log_format == "json" or os.environ.get("TERM") == "dumb"
        return not plain and sys.stderr.isatty()

    def colour(self, *, err: bool = False) -> bool:
        """Whether stdout (or stderr) may be coloured."""
        stream = sys.stderr if err else sys.stdout
        return not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb" and stream.isatty()

    def open(self, path: Path) -> Session:
        """The cluster of that inventory; an invalid one is told whole and nothing is contacted."""
        return self.open_session(path, say=self.say)

    def warn(self, path: Path, name: Path | None = None) -> None:
        """What the checks have to say about that inventory although it is valid, on stderr; a draft has another `name`."""
        for found in inventory.read(path).problems:
            if found.severity == "warning":
                one = replace(found, file=str(name or path))
                self.say(str(one), level=one.severity, **asdict(one))

    def emit(self, document: Any, text: str | Callable[[], str]) -> None:
        """The command's result, on stdout: the document with `-o json`, else the text."""
        if self.json:
            self.put(json.dumps(document, indent=2, ensure_ascii=False))
        else:
            self.put(text if isinstance(text, str) else text())

    def put(self, text: str | bytes, *, line: bool = True) -> None:
        """The text on stdout, as a line unless it brings its own end; an error of that says "stdout" as its file."""
        try:
            click.echo(text, nl=line, color=self.colour())
        except OSError as error:
            error.filename = "stdout"
            raise

    def say(self, text: str, *, level: str = "info", **facts: Any) -> None:
        """A line for the user, on stderr; `facts` stand beside it with `--log-format json`."""
        if self.quiet and level in {"info", "warning"}:
            return
        text = self.line(text, level=level, **facts)
        if self.writer is not None:
            self.writer(text)
        else:
            click.echo(text, err=True, color=self.colour(err=True))

    def line(self, text: str, *, level: str = "info", **facts: Any) -> str:
        """The text as a line of stderr: without secrets, and in the form that was asked for."""
        text = redact(text)
        if self.log_format != "json":
            return text
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        return json.dumps({"time": now, "level": level, "message": click.unstyle(text), **facts})

    def need_consent(self) -> None:
        """Before anything is contacted: without a terminal there must be `--yes`."""
        if not self.yes and not self.interactive:
            raise UsageError("there is no terminal to ask on", fix="add --yes to go on without a question")

    def confirm(self, question: str, *, kept: str = "nothing was changed") -> None:
        """Ask, unless `--yes`; a "no" ends the run with exit 1, saying what was `kept`."""
        if self.yes:
            return
        self.need_consent()
        try:
            agreed = click.confirm(question, default=False, err=True)
        except click.Abort:
            agreed = self._hung_up()
        if not agreed:
            raise declined(kept)

    def confirm_by_name(self, name: str) -> None:
        """Ask for the cluster's name to be typed."""
        try:
            typed = click.prompt(f"type the cluster's name ({name}) to go on", default="", show_default=False, err=True)
        except click.Abort:
            typed = str(self._hung_up())
        if typed != name:
            raise declined()

    def _hung_up(self) -> bool:
        """End of input is a "no"; Ctrl-C at the question is an interruption like any other."""
        if self.signals.received is not None:
            raise KeyboardInterrupt
        return False


def declined(kept: str = "nothing was changed") -> BootstrapError:
    """The user said no."""
    return BootstrapError(f"declined: {kept}", code="declined")
