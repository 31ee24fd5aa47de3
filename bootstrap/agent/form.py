"""The first manager: make the swarm as it was asked for, and publish it."""

from __future__ import annotations

from typing import Any

from . import audit, identity
from . import control as rules
from .checkpoint import reach
from .context import Context
from .engine_api import EngineError
from .errors import log
from .local import Local, fingerprint, root_digest
from .metadata import Machine
from .store import Control, StoreUnavailable

TOKEN, UNLOCK_KEY = "join-token", "unlock-key"
PORT = 2377
_TRIES = 5


def init(context: Context, control: Control, me: Machine) -> None:
    """Make a swarm of this one node. It counts for nothing until it is published."""
    wanted = context.config["swarm"]
    identity.remember(context, epoch=control["epoch"], node_id="")
    body = {
        **addresses(me),
        "DataPathPort": wanted["data_path_port"],
        "DefaultAddrPool": [wanted["address_pool"]],
        "SubnetSize": wanted["subnet_size"],
        "ForceNewCluster": False,
        "Availability": context.config.get("availability", "active"),
        "Spec": _edited({}, wanted),
    }
    log(f"swarm init on {me.address}")
    reach("form.init")
    context.engine.request("POST", "/swarm/init", body)


def addresses(me: Machine) -> dict[str, str]:
    """Where this node listens and what it tells others: the private address, for all three planes."""
    listen = f"{me.address}:{PORT}"
    return {"ListenAddr": listen, "AdvertiseAddr": listen, "DataPathAddr": me.address}


def publish(context: Context, control: Control, me: Machine, local: Local) -> None:
    """Re-apply the spec, write the secrets, and make the swarm count by one compare-and-swap.

    An engine that was killed during init comes back with a swarm of defaults. What can be set again is set; what is
    fixed for life means that this swarm, which nobody else can know, is left for a new one.
    """
    wanted = context.config["swarm"]
    swarm = context.engine.swarm()
    if not _born_right(swarm, wanted):
        log("this swarm was made with other settings, as after a crash in `swarm init`: it is made anew")
        context.engine.leave()
        return
    reach("form.made")
    try:
        apply_spec(context, wanted)
    except EngineError as error:
        if error.kind != "no_ca_key":
            raise
        log("this swarm has no CA key, as after a crash in `swarm init`: nobody could join it, so it is made anew")
        context.engine.leave()
        return
    reach("form.spec")
    swarm = context.engine.swarm()
    facts = {"swarm_id": swarm["ID"], "ca_digest": root_digest(swarm), "secrets": write_secrets(context, swarm, {})}
    reach("form.secrets")
    member = {"instance": me.instance, "node_id": local.node_id, "address": me.address}
    epoch = control["epoch"]
    rules.swap(context.store, lambda now: rules.publish(now, member, facts, epoch), me.instance)
    audit.record(context, "publish", node=me.hostname, epoch=epoch, detail=f"swarm {swarm['ID']}")
    reach("form.published")
    log(f"published swarm {swarm['ID']} in epoch {epoch}")


def apply_spec(context: Context, wanted: dict[str, Any]) -> None:
    """Bring the parts of the spec that may change to what was asked for, and see that they are.

    It is written also where nothing differs: only then the engine looks whether it has the key of its CA.
    """
    written = False
    for _ in range(_TRIES):
        swarm = context.engine.swarm()
        spec = _edited(swarm["Spec"], wanted)
        if written and spec == swarm["Spec"]:
            return
        try:
            context.engine.request("POST", "/swarm/update", spec, version=swarm["Version"]["Index"])
            written = True
        except EngineError as error:
            if error.kind != "out_of_sequence":
                raise
    raise EngineError("the swarm does not take its spec")


def live_secrets(context: Context, swarm: dict[str, Any]) -> dict[str, tuple[str, str, str]]:
    """Key in the control object -> (tree, name, value) of what is valid in the swarm now."""
    tokens = swarm["JoinTokens"]
    found = {"worker": ("worker", TOKEN, tokens["Worker"]), "manager": ("manager", TOKEN, tokens["Manager"])}
    if ((swarm.get("Spec") or {}).get("EncryptionConfig") or {}).get("AutoLockManagers"):
        key = (context.engine.request("GET", "/swarm/unlockkey") or {}).get("UnlockKey")
        if key:
            found["unlock"] = ("manager", UNLOCK_KEY, key)
    return found


def write_secrets(context: Context, swarm: dict[str, Any], published: dict[str, Any]) -> dict[str, dict[str, str]]:
    """Store a new version of every secret that differs from what is published, read it back; the new pointers."""
    pointers = {}
    for key, (tree, name, value) in live_secrets(context, swarm).items():
        if (published.get(key) or {}).get("fp") == fingerprint(value):
            continue
        version = context.store.write_secret(tree, name, value)
        if context.store.read_secret(tree, name, version) != value:
            raise StoreUnavailable(f"{tree}/{name} reads back differently")
        pointers[key] = {"version": version, "fp": fingerprint(value), "at": rules.stamp(context.clock.wall())}
    return pointers


def _born_right(swarm: dict[str, Any], wanted: dict[str, Any]) -> bool:
    born = (swarm.get("DefaultAddrPool"), swarm.get("SubnetSize"), swarm.get("DataPathPort"))
    return born == ([wanted["address_pool"]], wanted["subnet_size"], wanted["data_path_port"])


def _edited(spec: dict[str, Any], wanted: dict[str, Any]) -> dict[str, Any]:
    expiry = int(wanted["cert_expiry"]) * 1_000_000_000
    ca = {**(spec.get("CAConfig") or {}), "NodeCertExpiry": expiry}
    lock = {**(spec.get("EncryptionConfig") or {}), "AutoLockManagers": bool(wanted["autolock"])}
    return {**spec, "CAConfig": ca, "EncryptionConfig": lock}
