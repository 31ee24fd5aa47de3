"""An engine that does not answer is started again: seldom, and on one manager at a time."""

from __future__ import annotations

import contextlib
import os

from . import control as rules
from . import identity
from .context import Context, read_file, replace_file
from .errors import HEALS, explain, log
from .lease import Lease, held
from .store import Control

_PATIENCE = 60.0  # seconds that an engine may be silent at least
_VOID = 10.0  # the same where it has nothing to lose: the cluster has committed that its identity is out
_SELDOM = 1800.0  # seconds between two restarts: what a restart does not mend is not mended by many


class Watchdog:
    """Told at every look whether the engine answers."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._silent_since: float | None = None

    def answered(self) -> None:
        """All is well."""
        self._silent_since = None

    def silent(self) -> None:
        """It did not answer. Raises nothing: what cannot be done now is tried at the next look."""
        now = self._context.clock.now()
        self._silent_since = now if self._silent_since is None else self._silent_since
        if now - self._silent_since < _VOID:
            return
        try:
            self._look(self._context.store.read()[0], now - self._silent_since)
        except HEALS as error:
            log(f"the engine does not answer, and is not restarted: {explain(error)}")

    def _look(self, control: Control, silence: float) -> None:
        void = identity.recall(self._context).get("node_id") in control.get("removed", [])
        pause, patience = (_PATIENCE, _VOID) if void else (_SELDOM, max(_PATIENCE, rules.timer(control, "dead")))
        if silence < patience or self._last() < pause or self._context.service.state() == "inactive":
            return  # inactive: somebody stopped it, and has a reason
        log(f"the engine does not answer for {silence:.0f} s: it is restarted" + (", its old identity is void" * void))
        if void or self._context.role != "manager":
            self._restart()
        else:
            self._restart_alone(control)

    def _restart_alone(self, control: Control) -> None:
        """Behind the lease that keeps changes of the membership apart: never two managers at a time."""
        me = self._context.metadata.identity().instance
        formed = control.get("phase") == rules.FORMED
        with held(Lease(self._context, me, me)) if formed else contextlib.nullcontext():
            self._restart()

    def _restart(self) -> None:
        replace_file(self._note(), str(self._context.clock.now()), lasting=False)
        self._silent_since = None
        self._context.service.restart()

    def _last(self) -> float:
        """Seconds since the last restart of this boot."""
        try:
            return self._context.clock.now() - float(read_file(self._note()))
        except ValueError:
            return float("inf")

    def _note(self) -> str:
        return os.path.join(self._context.paths.run, "restarted")
