"""What this node's own engine says of its place in a swarm."""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
import re
from functools import lru_cache
from typing import Any, NamedTuple

from . import identity
from .context import Context, read_file
from .store import Control

_PEM = re.compile(r"-----BEGIN CERTIFICATE-----(.*?)-----END CERTIFICATE-----", re.DOTALL)


class Local(NamedTuple):
    """`state` is inactive, pending, active, error or locked. `digests` are those of the root CAs that it trusts.

    `address` is the one that it joined with, for good. `epoch`, `joined` ((uid, swarm id) or ("", "")) and `joined_as`
    are what this machine remembers, not the engine.
    """

    state: str
    node_id: str = ""
    control_available: bool = False
    swarm_id: str = ""
    digests: tuple[str, ...] = ()
    error: str = ""
    epoch: int = 0
    joined: tuple[str, str] = ("", "")
    joined_as: str = ""
    address: str = ""
    engine: str = ""  # its version

    @property
    def was_member(self) -> bool:
        """True when this node identity was once a full member. In error the engine tells no id, so memory decides."""
        return bool(self.joined_as) and self.node_id in ("", self.joined_as)


def observe(context: Context) -> Local:
    """Ask the engine. Raises EngineError."""
    info = context.engine.info()
    swarm = info.get("Swarm") or {}
    cluster = swarm.get("Cluster") or {}
    known = identity.recall(context)
    root = (cluster.get("TLSInfo") or {}).get("TrustRoot") or ""
    root += read_file(os.path.join(context.swarm_dir, "certificates", "swarm-root-ca.crt"))
    return Local(
        state=swarm.get("LocalNodeState") or "inactive",
        node_id=swarm.get("NodeID") or "",
        control_available=bool(swarm.get("ControlAvailable")),
        swarm_id=cluster.get("ID") or "",
        digests=ca_digests(root),
        error=swarm.get("Error") or "",
        epoch=int(known.get("epoch") or 0),
        joined=(known.get("uid") or "", known.get("swarm_id") or ""),
        joined_as=known.get("node_id") or "",
        address=swarm.get("NodeAddr") or "",
        engine=info.get("ServerVersion") or "",
    )


@lru_cache(maxsize=8)
def ca_digests(pem: str) -> tuple[str, ...]:
    """The SHA-256 of every certificate in `pem`: the same on managers, which ask the engine, and on workers."""
    found = []
    for body in _PEM.findall(pem):
        try:
            der = base64.b64decode("".join(body.split()), validate=True)
        except (binascii.Error, ValueError):
            continue
        found.append(hashlib.sha256(der).hexdigest())
    return tuple(dict.fromkeys(found))


def is_ours(control: Control, local: Local) -> bool:
    """True when this node is in the published swarm.

    A swarm id decides where there is one. Else the CA does; and while the CA is being rotated, having joined it.
    """
    if local.swarm_id:
        return bool(local.swarm_id == control["swarm_id"])
    if control["ca_digest"] in local.digests:
        return True
    return remembers(control, local)


def remembers(control: Control, local: Local) -> bool:
    """True when this machine was a full member of the published swarm with the identity that it still has."""
    return local.was_member and local.joined == (control["uid"], control["swarm_id"])


def fingerprint(secret: str) -> str:
    """Eight hex digits: enough to compare, useless to join with."""
    return hashlib.sha256(secret.encode()).hexdigest()[:8]


def root_digest(swarm: dict[str, Any]) -> str:
    """The digest of the CA of GET /swarm, "" when it has none."""
    found = ca_digests((swarm.get("TLSInfo") or {}).get("TrustRoot") or "")
    return found[0] if found else ""
