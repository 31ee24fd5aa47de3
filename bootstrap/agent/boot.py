"""What must happen before the engine starts: identity, the epoch fence, and the engine's configuration."""

from __future__ import annotations

import os
import shutil

from . import daemon, identity
from .checkpoint import reach
from .context import Context
from .errors import HEALS, AgentError, explain, log
from .metadata import Machine
from .store import Control

_WORKER_PATIENCE = 60.0  # seconds a worker waits for the store: its swarm directory holds no data of the cluster


def run(context: Context) -> None:
    """Prepare a start of the engine. Returns only when that is safe: what is in the way of a boot is waited for.

    An engine that is started again in the same boot waits for nothing: what it needs is known by then.
    """
    if identity.prepared(context):
        return _again(context)
    while True:
        try:
            return _prepare(context)
        except HEALS as error:  # noqa: PERF203 - without an identity, or on a full disk, nothing safe can be done
            log(f"waiting: {explain(error)}")
            context.clock.sleep(2)


def _prepare(context: Context) -> None:
    identity.progress(context, identity.BOOT)
    reach("boot.begin")
    me = context.metadata.identity()
    welcome(context, me)
    reach("boot.welcome")
    control = _control(context)
    if control is not None and fenced(control, context, me.uid):
        _set_aside(context, f"fenced-{control['epoch']}")
    reach("boot.fenced")
    daemon.write(context, me.instance)
    identity.progress(context, identity.ENGINE)
    reach("boot.engine")
    identity.be_prepared(context)


def _again(context: Context) -> None:
    """The settings of agent.json, and no swarm that went on without this machine."""
    known = identity.recall(context)
    try:
        daemon.write(context, known["instance"])
        control = context.store.read()[0]
        if fenced(control, context, known.get("uid", "")):
            _set_aside(context, f"fenced-{control['epoch']}")
    except HEALS as error:
        log(f"the engine starts as it is: {explain(error)}")


def welcome(context: Context, me: Machine) -> None:
    """On a new instance wipe what the image brought along: a baked identity would join as somebody else."""
    known = identity.recall(context).get("instance")
    if known == me.instance:
        return
    if os.path.isdir(context.swarm_dir):
        _set_aside(
            context, "former"
        )  # not deleted: should our own memory be what was lost, the raft log still is there
    reach("boot.aside")
    for path in (os.path.join(context.docker_root, "engine-id"), context.paths.at("/etc/docker/key.json")):
        _remove(path)
    reach("boot.wiped")
    identity.forget_all(context, me.instance)
    log(f"this is instance {me.instance}" + (f", the disk was {known}'s" if known else ""))


def fenced(control: Control, context: Context, uid: str) -> bool:
    """True when the cluster has gone on without this node, by epoch or by removing it: its raft log must not serve."""
    if not os.path.isdir(context.swarm_dir) or not control or control.get("uid") != uid:
        return False
    known = identity.recall(context)
    if known.get("node_id") in control.get("removed", []):
        return True
    behind = int(known.get("epoch", 0)) < control["epoch"]
    return behind and known.get("node_id") not in {one["node_id"] for one in control["managers"]}


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
