"""One command on many machines at once, left promptly when the run is asked to stop."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator, Sequence
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING

from bootstrap.cli.signals import Signals
from bootstrap.errors import BootstrapError
from bootstrap.providers.base import Instance
from bootstrap.remote.runner import Result, Runner, Stoppable

if TYPE_CHECKING:
    from bootstrap.cli.run import Session

UNREACHED = 255  # as ssh says it
WAKE = 0.1  # seconds between two looks at whether the run was asked to stop


class Everywhere:
    """Each machine with its result, in the order in which they end; iterate once, with the signals held.

    The threads are daemons: a command that cannot be ended does not keep the process.
    """

    def __init__(
        self, session: Session, chosen: Sequence[Instance], argv: Sequence[str], *, parallel: int, signals: Signals
    ) -> None:
        self._session = session
        self._argv = argv
        self._parallel = parallel
        self._signals = signals
        self._waiting = deque(chosen)
        self._running: dict[str, Runner] = {}
        self._stopped = threading.Event()
        self._ended: SimpleQueue[tuple[Instance, Result | BaseException]] = SimpleQueue()

    def __iter__(self) -> Iterator[tuple[Instance, Result]]:
        """The results; after a signal nothing more starts, what runs is ended, and KeyboardInterrupt is raised."""
        total = len(self._waiting)
        for _ in range(min(self._parallel, total)):
            threading.Thread(target=self._work, name="exec", daemon=True).start()
        for _ in range(total):
            yield self._next()

    def _next(self) -> tuple[Instance, Result]:
        """The next that ends."""
        while True:
            if self._signals.received is not None:
                self._stop()
                raise KeyboardInterrupt
            try:
                instance, result = self._ended.get(timeout=WAKE)
            except Empty:
                continue
            if isinstance(result, BaseException):
                raise result
            return instance, result

    def _stop(self) -> None:
        self._stopped.set()
        for runner in list(self._running.values()):
            if isinstance(runner, Stoppable):
                runner.stop()

    def _work(self) -> None:
        """In a thread: one machine after the other while there are any."""
        while not self._stopped.is_set():
            try:
                instance = self._waiting.popleft()
            except IndexError:
                return
            try:
                self._ended.put((instance, self._one(instance)))
            except BaseException as error:  # noqa: BLE001 - it is raised again where the results are read
                self._ended.put((instance, error))

    def _one(self, instance: Instance) -> Result:
        """The command on one machine; a machine that cannot be reached is a result as well: the others count too."""
        pool = self._session.cluster.pool(instance.pool) or self._session.cluster.managers
        try:
            runner = self._running[instance.id] = self._session.runner(instance)
            if self._stopped.is_set():  # looked at after it can be seen: `_stop` misses nobody
                return Result(UNREACHED)
            return runner.run(self._argv, timeout=pool.timeouts.command)
        except BootstrapError as error:
            return Result(UNREACHED, "", f"{error}\n")
        finally:
            self._running.pop(instance.id, None)
