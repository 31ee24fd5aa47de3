"""New settings for a running engine: told in a plan first, checked, and taken back when the engine does not start."""

from __future__ import annotations

import contextlib
import json
import tempfile
from collections.abc import Iterator
from typing import Any, Callable

from . import daemon, identity, nodes, pulse
from .checkpoint import reach
from .context import Context, alone, read_file, replace_file
from .errors import HEALS, AgentError, Refused, explain, log
from .lease import Lease
from .local import observe
from .nodes import DAEMON
from .watch import Watch

_START = 120.0  # seconds in which an engine that was restarted is a member again
_Files = tuple[tuple[str, str, int], ...]
_Renew = Callable[[], None]


def run(context: Context, document: Any, timeout: float) -> dict[str, Any]:
    """Bring {"daemon": {...}} into agent.json, daemon.json and the engine: {"restarted"}. Safe to repeat.

    A manager is only restarted while all others are stable; `timeout` is how long that is waited for, in seconds.
    """
    settings = _checked(context, document)
    _wait_for_engine(context, min(timeout, _START))
    if daemon.wanted(context) == settings and _runs_with(context) == daemon.canonical(settings):
        return {"restarted": False}
    with _turn(context, timeout) as renew, alone(context):
        _apply(context, settings, renew)
    return {"restarted": True}


def _wait_for_engine(context: Context, timeout: float) -> None:
    """On a machine that was switched on a moment ago the engine comes in a moment; one that never does is the error."""
    end = context.clock.now() + timeout
    while True:
        try:
            context.engine.info()
        except HEALS:
            if context.clock.now() >= end:
                raise
        else:
            return
        context.clock.sleep(0.5)


def _checked(context: Context, document: Any) -> dict[str, Any]:
    settings = document.get("daemon") if isinstance(document, dict) else None
    if not isinstance(settings, dict):
        raise AgentError('stdin is no {"daemon": {...}}', code="usage")
    with tempfile.NamedTemporaryFile("w", suffix=".json", encoding="utf-8") as file:
        file.write(daemon.text(settings, _instance(context)))
        file.flush()
        against = context.service.check(file.name)
    if against:
        fix = "correct docker.daemon in the inventory; nothing was changed"
        raise AgentError(f"the engine refuses these settings: {against}", fix=fix, code="daemon_refused")
    return settings


def _apply(context: Context, settings: dict[str, Any], renew: _Renew) -> None:
    before: _Files = tuple(
        (path, read_file(path), mode) for path, mode in ((context.paths.config, 0o600), (context.paths.daemon, 0o644))
    )
    config = {**json.loads(before[0][1]), "daemon": settings}
    renew()  # it may have waited for the node's other verbs
    reach("configure.begin")
    replace_file(context.paths.config, json.dumps(config, indent=1, sort_keys=True) + "\n")
    reach("configure.config")
    daemon.write(context, _instance(context))
    reach("configure.daemon")
    log("the engine is restarted with other settings")
    try:
        _restart(context)
        reach("configure.restarted")
        _wait_for_member(context, daemon.canonical(settings), renew)
        reach("configure.member")
    except AgentError as error:
        for path, text, mode in before:
            replace_file(path, text, mode)
        with contextlib.suppress(*HEALS):  # lost or not, this engine is down, and has to come back
            renew()
        _restart(context)
        what = f"the engine did not come back with these settings, so it has its old ones: {error.what}"
        raise AgentError(what, fix="see its journal: `journalctl -u docker`", code="daemon_refused") from None


def _restart(context: Context) -> None:
    """Restart the engine on purpose: that is no sign of ill health."""
    try:
        context.service.restart()
    finally:
        pulse.note_restart(context)


def _wait_for_member(context: Context, wanted: str, renew: _Renew) -> None:
    """Until the engine runs with them and is what it was in the swarm; one that was in none only has to answer."""
    end = context.clock.now() + _START
    while True:
        with contextlib.suppress(*HEALS):  # the engine is restarted already: there is no way back without waiting
            renew()
        why = _not_yet(context, wanted)
        if not why:
            return
        if context.clock.now() >= end:
            raise AgentError(why, code="engine_down")
        context.clock.sleep(0.5)


def _not_yet(context: Context, wanted: str) -> str:
    try:
        if _runs_with(context) != wanted:
            return "it runs with other settings"
        local = observe(context)
        if not local.joined_as:
            return ""
        if local.state != "active":
            return f"its swarm is {local.state}: {local.error}"
        own = nodes.find(nodes.read(context.engine), local.node_id) if local.control_available else None
    except HEALS as error:
        return explain(error)
    return "it is not reachable for the other managers" if own and not own.well else ""


@contextlib.contextmanager
def _turn(context: Context, timeout: float) -> Iterator[_Renew]:
    """A manager waits for its turn, and holds the lease that keeps changes of the membership apart; how to renew it."""
    local = observe(context)
    if not local.control_available:
        yield lambda: None
        return
    lease = Lease(context, local.node_id, _instance(context))
    _wait_for_the_others(context, local.node_id, lease, timeout)
    try:
        yield lease.renew
    finally:
        lease.give_back()


def _wait_for_the_others(context: Context, mine: str, lease: Lease, timeout: float) -> None:
    watch = Watch(context, context.store.read()[0])
    end = context.clock.now() + timeout
    while True:
        watch.control = context.store.read()[0]
        found = watch.sample()
        rest = {node.id for node in found if node.member} - {mine}
        stable = watch.history.stable(context.clock.now())
        names = ", ".join(sorted(node.hostname for node in found if node.id in rest - stable))
        try:
            if not names:
                nodes.barrier(context.engine, mine)
                lease.take()
                return
        except Refused as error:
            names = error.what
        if context.clock.now() >= end:
            what = f"its engine is not restarted, because these managers are not stable: {names}"
            raise Refused(what, fix="heal them first: see `bootstrap status`", code="guard")
        context.clock.sleep(watch.history.pause)


def _runs_with(context: Context) -> str:
    """The settings that the engine says it runs with, "" when it does not say."""
    labels = context.engine.info().get("Labels") or []
    return next((one.partition("=")[2] for one in labels if one.startswith(f"{DAEMON}=")), "")


def _instance(context: Context) -> str:
    return str(identity.recall(context).get("instance") or context.metadata.identity().instance)
