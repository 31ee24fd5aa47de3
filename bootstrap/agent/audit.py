"""The audit trail: who changed what in the cluster. A step is never held up by it."""

from __future__ import annotations

import os
import socket
import time

from .context import Context
from .errors import HEALS, explain, log, redact
from .store import Event

BEGAN, DONE, FAILED, REFUSED = "began", "done", "failed", "refused"
_LONGEST = 300  # characters of a detail


def new_event(
    who: str, what: str, *, node: str | None = None, epoch: int = 0, outcome: str = DONE, detail: str = ""
) -> Event:
    """One line of the trail: {"time", "who", "what", "node", "epoch", "outcome", "detail", "id"}, without secrets.

    `time` is ISO 8601 in UTC with microseconds; `outcome` is began, done, failed or refused; `node` is a host name, a
    node id or null. `what` is a verb of the command line, or a duty of the agent: claim, take over, publish, demote,
    remove, reap, promote, rotate.
    """
    now = time.time()
    stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now)) + f".{int(now % 1 * 1e6):06d}Z"
    return {
        "time": stamp, "who": redact(who), "what": redact(what), "node": node, "epoch": int(epoch),
        "outcome": outcome, "detail": redact(detail)[:_LONGEST], "id": os.urandom(8).hex(),
    }  # fmt: skip


def record(
    context: Context, what: str, *, node: str | None = None, epoch: int = 0, outcome: str = DONE, detail: str = ""
) -> None:
    """Write what this agent did. An event that cannot be written is told in the journal, and stops nothing."""
    who = f"agent:{socket.gethostname()}"
    try:
        context.store.record(new_event(who, what, node=node, epoch=epoch, outcome=outcome, detail=detail))
    except HEALS as error:
        log(f"not in the audit trail: {what} {node or ''} {outcome} {detail}: {explain(error)}")
