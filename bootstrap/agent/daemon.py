"""The engine's configuration: agent.json decides, daemon.json follows, and labels of the engine tell what it runs with."""

from __future__ import annotations

import json
from typing import Any

from . import identity
from .context import Context, read_file, replace_file
from .errors import log
from .nodes import DAEMON, INSTANCE

TOLD = "bootstrap.told"  # how often the engine was made to describe itself anew


def wanted(context: Context) -> dict[str, Any]:
    """The settings in agent.json as it stands now: `configure` changes them under a running agent."""
    try:
        found = json.loads(read_file(context.paths.config))
        return dict(found.get("daemon") or {})
    except (ValueError, AttributeError):
        return dict(context.config.get("daemon") or {})


def canonical(settings: dict[str, Any]) -> str:
    """One text for equal settings."""
    return json.dumps(settings, sort_keys=True, separators=(",", ":"))


def text(settings: dict[str, Any], instance: str, told: int = 0) -> str:
    """daemon.json, with the labels by which the leader knows the machine and the CLI its settings."""
    ours = {INSTANCE: instance, DAEMON: canonical(settings), **({TOLD: str(told)} if told else {})}
    kept = [one for one in settings.get("labels", []) if one.partition("=")[0] not in ours]
    labels = [*kept, *(f"{key}={value}" for key, value in ours.items())]
    return json.dumps({**settings, "labels": labels}, indent=2, sort_keys=True) + "\n"


def write(context: Context, instance: str) -> bool:
    """Write daemon.json; True when it was another."""
    want = text(wanted(context), instance, int(identity.recall(context).get("told") or 0))
    if read_file(context.paths.daemon) == want:
        return False
    replace_file(context.paths.daemon, want, 0o644)
    return True


def keep(context: Context, instance: str) -> None:
    """Undo what somebody changed by hand, also in the engine as far as that needs no restart."""
    if write(context, instance):
        log("daemon.json was not as agent.json says: it is written again")
        context.service.reload()


def tell_anew(context: Context, instance: str) -> None:
    """Change a label, which the engine reads without a restart: it opens a new session for it, and tells all of itself."""
    identity.remember(context, told=int(identity.recall(context).get("told") or 0) + 1)
    write(context, instance)
    context.service.reload()
