"""A run of a program on a host: it can be killed, or held for as long as one likes, at any call that it makes."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from bootstrap.agent.context import Clock, Context
from bootstrap.agent.engine_api import Engine
from bootstrap.agent.errors import HEALS
from tests.agent.interruption import KilledError

if TYPE_CHECKING:
    from tests.agent.living import LivingHost

KILL, HOLD = "kill", "hold"


class Process:
    """Its doors count every call twice: before it is made, and when it is answered. At one of them it may be stopped.

    What is held, and what sleeps in a thread, goes on with `resume`; the rest of the world goes on meanwhile. Only one
    thread ever runs.
    """

    def __init__(self, host: LivingHost) -> None:
        self.host, self.dead, self.sleeps_until = host, False, 0.0
        self.error: BaseException | None = None
        self.result: Any = None
        self._stop: tuple[int, str] | None = None
        self._thread: threading.Thread | None = None
        self._mine: threading.Semaphore
        self._theirs: threading.Semaphore
        engine, store, cloud = _Engine(self), _Door(self, host.view), _Door(self, host.metadata)
        doors: dict[str, Any] = {"engine": engine, "store": store, "metadata": cloud, "clock": _Clock(self)}
        self.context: Context = host.context._replace(**doors)

    @property
    def busy(self) -> bool:
        """True while it is held or sleeps within some work."""
        return self._thread is not None

    def run(self, work: Callable[[], Any], kill_after: int | None = None) -> None:
        """Do some work at once; killed after so many half calls."""
        self._stop = None if kill_after is None else (kill_after, KILL)
        try:
            work()
        except KilledError:
            pass
        except HEALS as error:
            self.error = error
        finally:
            self._stop = None

    def start(self, work: Callable[[], Any], hold_after: int | None = None) -> None:
        """Begin some work that is held after so many half calls, and whenever it sleeps."""
        self._mine, self._theirs = threading.Semaphore(0), threading.Semaphore(0)
        self._thread = threading.Thread(target=self._body, args=(work,), daemon=True)
        self._stop = None if hold_after is None else (hold_after, HOLD)
        self._thread.start()
        self._wait()

    def resume(self, stop: tuple[int, str] | None = None) -> None:
        """Let it go on, to its end if nothing stops it before."""
        if self._thread is not None:
            self._stop = stop
            self._mine.release()
            self._wait()

    def kill(self) -> None:
        """As SIGKILL: not a single call is made any more."""
        self.dead = True
        self.resume()

    def call(self, deed: Callable[[], Any]) -> Any:
        """Every call to a door comes through here."""
        self._point()
        try:
            return deed()
        finally:
            self._point()

    def sleep(self, seconds: float) -> None:
        """Sleeping takes no time of its own in a thread: it is held until somebody lets it go on."""
        if self.dead:
            raise KilledError
        if threading.current_thread() is not self._thread:
            self.host.clock.sleep(seconds)
            return
        self.sleeps_until = self.host.clock.now() + seconds
        self._yield()
        self.sleeps_until = 0.0

    def _point(self) -> None:
        if self.dead:
            raise KilledError
        if self._stop is None:
            return
        left, what = self._stop
        self._stop = (left - 1, what) if left else None
        if left == 0 and what == KILL:
            self.dead = True
            raise KilledError
        if left == 0 and threading.current_thread() is self._thread:
            self._yield()

    def _yield(self) -> None:
        self._theirs.release()
        self._mine.acquire()
        if self.dead:
            raise KilledError

    def _wait(self) -> None:
        self._theirs.acquire()
        if self._thread is not None and self.error is not None and not isinstance(self.error, HEALS):
            raise self.error

    def _body(self, work: Callable[[], Any]) -> None:
        try:
            self.result = work()
        except KilledError:
            pass
        except BaseException as error:  # noqa: BLE001 - it is raised in the thread that waits
            self.error = error
        self._thread = None
        self._theirs.release()


class _Clock(Clock):
    def __init__(self, process: Process) -> None:
        self._process = process

    def now(self) -> float:
        return self._process.host.clock.now()

    def wall(self) -> float:
        return self._process.host.clock.wall()

    def sleep(self, seconds: float) -> None:
        self._process.sleep(seconds)


class _Engine(Engine):
    """The host's engine as one process reaches it."""

    def __init__(self, process: Process) -> None:
        super().__init__("/nowhere")
        self._process = process

    def request(self, method: str, path: str, body: Any = None, **query: Any) -> Any:
        host = self._process.host
        return self._process.call(lambda: host.ask_engine(self._process, method, path, body, query))


class _Door:
    """Any other door, each of its methods counted."""

    def __init__(self, process: Process, real: object) -> None:
        self._process, self._real = process, real

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        real, call = getattr(self._real, name), self._process.call
        return lambda *args, **kwargs: call(lambda: real(*args, **kwargs))
