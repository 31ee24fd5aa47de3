"""An engine that is locked with the swarm's key of now, or with an older one when it was off during a rotation."""

from __future__ import annotations

import contextlib

from . import form
from .context import Context
from .engine_api import EngineError
from .store import Control, StoreUnavailable

_BACK = 5  # versions that are tried besides the published one


def unlock(context: Context, control: Control) -> None:
    """Try the published key, the one that may follow it, and those before it. Raises EngineError when none fits."""
    pointer = control.get("secrets", {}).get("unlock")
    if not pointer or context.role != "manager":
        return
    published = int(pointer["version"])
    oldest = max(1, published - _BACK)
    refused = _refusal(context, published)
    for version in (published + 1, *range(published - 1, oldest - 1, -1)):
        if refused is None:
            return
        with contextlib.suppress(StoreUnavailable):  # no such version
            refused = _refusal(context, version)
    if refused is not None:
        raise refused


def _refusal(context: Context, version: int) -> EngineError | None:
    """What the engine says to this version of the key if it is the wrong one; None when it opened."""
    key = context.store.read_secret("manager", form.UNLOCK_KEY, str(version))
    try:
        context.engine.request("POST", "/swarm/unlock", {"UnlockKey": key})
    except EngineError as error:
        if "invalid key" not in error.what:
            raise
        return error
    return None
