"""A way into a host without a network: a command enters its namespaces, as if somebody sat at its console."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from bootstrap.errors import BootstrapError
from bootstrap.lab import command, state
from bootstrap.lab.records import HostRecord
from bootstrap.remote.runner import Result

ENVIRONMENT = {**command.ENVIRONMENT, "HOME": "/root", "USER": "root", "LANG": "C.UTF-8"}
NAMESPACES = ("--mount", "--uts", "--ipc", "--net", "--cgroup", "--pid")
# Only a child is in the new PID namespace. nsenter's own fork would stop together with its child when systemd stops
# every process at shutdown, and then nobody reaps that child, and the host never ends. A shell waits to the end, also
# of a child that we terminate; the command after it keeps the shell from becoming that child.
FORK = ("/bin/sh", "-c", 'trap : TERM; "$@"; exit $?', "sh")
# As init.py does for the host: no namespace keeps `date -s` there from setting this machine's clock.
WITHOUT = ("setpriv", "--bounding-set=-sys_module,-sys_time,-syslog")
GRACE = 1.0  # seconds between terminating a command and killing it


def enter(record: HostRecord) -> list[str]:
    """The words before a command that make it run in the host. BootstrapError when the host is off."""
    return _enter(_pid(record))


def _enter(pid: int) -> list[str]:
    return [*WITHOUT, "nsenter", f"--target={pid}", *NAMESPACES, "--no-fork", "--root", "--wd", "--", *FORK]


def _pid(record: HostRecord) -> int:
    pid = state.init_pid(record)
    if pid is None or not state.ready(record):
        fix = "run `bootstrap up`: it switches on what is off"
        raise BootstrapError("the host is off", where=record.hostname, fix=fix, code="host_off")
    return pid


class HostRunner:
    """Runs commands as root in one host. They end with it, but are neither frozen nor limited with it."""

    def __init__(self, record: HostRecord) -> None:
        self.record = record
        self._process: subprocess.Popen[str] | None = None
        self._stopped = False

    def stop(self) -> None:
        """End the command from another thread; one that is only about to start ends at once."""
        self._stopped = True
        if self._process is not None and self._process.returncode is None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)

    def run(self, argv: Sequence[str], *, stdin: str = "", timeout: float = 60.0) -> Result:
        """Run `argv` and wait; a non-zero code is a result. BootstrapError when the host is off or time is up."""
        pid = _pid(self.record)
        # A session of its own: its process group is then all that has to be killed when time is up.
        process = subprocess.Popen(
            [*_enter(pid), *argv], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            text=True, errors="replace", env=ENVIRONMENT, start_new_session=True, cwd="/",
        )  # fmt: skip
        self._process = process
        if self._stopped:
            self.stop()
        try:
            output, errors = process.communicate(stdin, timeout)
        except subprocess.TimeoutExpired as error:
            raise self._failed(argv, f"did not end within {timeout:g} s", "timeout") from error
        finally:
            _end(process)
            _wake(pid)
        if process.returncode != 0 and state.init_pid(self.record) != pid:
            raise self._failed(argv, "was cut short: the host went off", "host_off")
        return Result(process.returncode, output, errors)

    def _failed(self, argv: Sequence[str], what: str, code: str) -> BootstrapError:
        fix = "run the same command again; see `bootstrap logs` for what the host does"
        return BootstrapError(f"`{shlex.join(argv)}` {what}", where=self.record.hostname, fix=fix, code=code)


def _end(process: subprocess.Popen[str]) -> None:
    """Kill what still runs, and leave neither a zombie nor an open pipe."""
    if process.poll() is None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(GRACE)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    for pipe in (process.stdin, process.stdout, process.stderr):
        if pipe is not None:
            with suppress(OSError):  # what was not yet read by the command is lost with it
                pipe.close()


def _wake(pid: int) -> None:
    """Tell a host that goes down that our command has ended.

    At shutdown systemd waits for every process to die, and looks only when a child of its own does: it would sit
    there for ten seconds, as our command is nobody's child in the host.
    """
    with suppress(OSError):
        if Path(f"/proc/{pid}/comm").read_text().startswith("systemd-shutdow"):
            os.kill(pid, signal.SIGCHLD)
