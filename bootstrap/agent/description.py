"""An engine whose entry in the swarm describes another node is made to tell again what it is: see owner.py."""

from __future__ import annotations

from . import daemon
from .context import Context, alone
from .errors import log
from .nodes import Node

_PATIENCE = 30.0  # seconds: a session that ends by itself puts it right before that
_AGAIN = 300.0  # seconds between two tries; the engine looks every 20 s whether it has something new to tell


class Description:
    """This manager's own entry, looked at with every sample."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._wrong_since: float | None = None
        self._tried = float("-inf")

    def look(self, own: Node | None, instance: str) -> None:
        """Let the engine tell itself anew once its entry has been another's for a while. Nothing is restarted."""
        now = self._context.clock.now()
        if own is None or own.claim in (None, instance):
            self._wrong_since = None
            return
        self._wrong_since = now if self._wrong_since is None else self._wrong_since
        if now - self._wrong_since < _PATIENCE or now - self._tried < _AGAIN:
            return
        self._tried = now
        log(f"the swarm shows this node with the description of {own.claim}: the engine tells it anew")
        with alone(self._context):
            daemon.tell_anew(self._context, instance)
