"""What must happen before the engine starts: identity, the epoch fence, and the engine's configuration."""

from __future__ import annotations

import json
import os
import shutil

from . import identity
from .context import Context, read_file, replace_file
from .errors import HEALS, AgentError, explain, log
from .metadata import Machine
from .store import Control

LABEL = "bootstrap.instance"
_WORKER_PATIENCE = 60.0  # seconds a worker waits for the store: its swarm directory holds no data of the cluster


def run(context: Context) -> None:
    """Prepare this boot. Returns only when it is safe to start the engine: whatever is in the way is waited for."""
    while True:
        try:
            return _prepare(context)
        except HEALS as error:  # noqa: PERF203 - without an identity, or on a full disk, nothing safe can be done
            log(f"waiting: {explain(error)}")
            context.clock.sleep(2)


def _prepare(context: Context) -> None:
    identity.progress(context, identity.BOOT)
    me = context.metadata.identity()
    welcome(context, me)
    control = _control(context)
    if control is not None and fenced(control, context, me):
        _set_aside(context, f"fenced-{control['epoch']}")
    write_daemon(context, me)
    identity.progress(context, identity.ENGINE)


def welcome(context: Context, me: Machine) -> None:
    """On a new instance wipe what the image brought along: a baked identity would join as somebody else."""
    known = identity.recall(context).get("instance")
    if known == me.instance:
        return
    if os.path.isdir(context.swarm_dir):
        _set_aside(
            context, "former"
        )  # not deleted: should our own memory be what was lost, the raft log still is there
    for path in (os.path.join(context.docker_root, "engine-id"), context.paths.at("/etc/docker/key.json")):
        _remove(path)
    identity.forget_all(context, me.instance)
    log(f"this is instance {me.instance}" + (f", the disk was {known}'s" if known else ""))


def fenced(control: Control, context: Context, me: Machine) -> bool:
    """True when the cluster has gone on to a later epoch without this node: its raft log must not serve again."""
    if not os.path.isdir(context.swarm_dir) or not control:
        return False
    known = identity.recall(context)
    if control.get("uid") != me.uid or int(known.get("epoch", 0)) >= control["epoch"]:
        return False
    return known.get("node_id") not in {one["node_id"] for one in control["managers"]}


def write_daemon(context: Context, me: Machine) -> None:
    """Write daemon.json with the label by which the leader knows this machine; only if it changes."""
    wanted = dict(context.config.get("daemon", {}))
    mine = f"{LABEL}={me.instance}"
    wanted["labels"] = [one for one in wanted.get("labels", []) if not one.startswith(f"{LABEL}=")] + [mine]
    text = json.dumps(wanted, indent=2, sort_keys=True) + "\n"
    if read_file(context.paths.daemon) != text:
        replace_file(context.paths.daemon, text, 0o644)


def _control(context: Context) -> Control | None:
    """The control object; a manager with a raft log waits for it, everybody else goes on after a while."""
    patient = context.role == "manager" and os.path.isdir(context.swarm_dir)
    end = context.clock.now() + _WORKER_PATIENCE
    while patient or (os.path.isdir(context.swarm_dir) and context.clock.now() < end):
        try:
            return context.store.read()[0]
        except AgentError as error:  # noqa: PERF203 - it is asked until it answers
            log(f"waiting for the store: {error.what}")
            context.clock.sleep(2)
    return None


def _set_aside(context: Context, suffix: str) -> None:
    target = f"{context.swarm_dir}.{suffix}"
    _remove(target)
    os.rename(context.swarm_dir, target)
    log(f"the swarm directory of another life of this machine is now {target}")


def _remove(path: str) -> None:
    if os.path.isdir(path) and not os.path.islink(path):
        shutil.rmtree(path)
    elif os.path.lexists(path):
        os.unlink(path)
