"""One attempt to join: secret read afresh, every manager tried, errors told apart."""

from __future__ import annotations

import re
from typing import NamedTuple

from . import form, identity, local
from .checkpoint import reach
from .context import Context
from .engine_api import EngineError
from .errors import AgentError, log
from .metadata import Machine
from .store import Control, StoreUnavailable

_TOKEN = re.compile(r"SWMTKN-[12]-[0-9a-z]{30,60}-[0-9a-z]{20,40}")
PENDING_LIMIT = 60.0  # seconds that the engine may go on by itself after its own time-out
# What no other manager would answer differently.
_FINAL = ("stale_token", "wrong_ca", "bad_token", "in_swarm", "dial_back", "disk", "locked", "down")
_FLOORS = {"dial_back": 60.0, "no_quorum": 30.0, "bad_token": 10.0, "disk": 30.0}


class Refusal(AgentError):  # noqa: N818 - reads as what it is
    """The attempt failed. `floor` is how long to wait at least, `fresh` that a new token may help at once."""

    def __init__(self, error: AgentError, kind: str) -> None:
        super().__init__(error.what, where=error.where, fix=error.fix, code=error.code)
        self.kind = kind
        self.floor = _FLOORS.get(kind, 0.0)
        self.fresh = kind in ("stale_token", "wrong_ca")


class _Attempt(NamedTuple):
    context: Context
    me: Machine
    token: str
    availability: str


def attempt(context: Context, control: Control, me: Machine) -> None:
    """Join the published swarm. Raises Refusal, or StoreUnavailable when the token cannot be read."""
    token = _token(context, control, me.role)
    reach("enter.token")
    identity.remember(context, epoch=control["epoch"], node_id="")  # the identity that comes is another
    reach("enter.remembered")
    availability = context.config.get("availability", "active") if me.role == "manager" else "drain"
    one = _Attempt(context, me, token, availability)
    others = [one for one in control["managers"] if me.instance != one["instance"] and me.address != one["address"]]
    addresses = [one["address"] for one in others]
    context.random.shuffle(addresses)
    last = Refusal(AgentError("no manager is published", code="no_managers"), "unreachable")
    for address in addresses:
        try:
            return _join(one, address)
        except EngineError as error:  # noqa: PERF203 - one more manager is tried for each
            log(f"join by {address}: {error.what}")
            last = Refusal(error, error.kind)
            if error.kind in _FINAL:
                break
    raise last


def _join(one: _Attempt, address: str) -> None:
    body = {
        **form.addresses(one.me),
        "RemoteAddrs": [f"{address}:{form.PORT}"],  # the engine only ever tries the first, so one at a time
        "JoinToken": one.token,
        "Availability": one.availability,
    }
    try:
        reach("enter.join")
        one.context.engine.request("POST", "/swarm/join", body)
    except EngineError as error:
        if error.kind != "pending" or not settle(one.context):
            raise


def settle(context: Context) -> bool:
    """After the engine's own time-out: wait for it to end well, else leave so that the next address can be tried."""
    end = context.clock.now() + PENDING_LIMIT
    while context.clock.now() < end:
        state = local.observe(context).state
        if state != "pending":
            return state == "active"
        context.clock.sleep(1)
    context.engine.leave()
    return False


def _token(context: Context, control: Control, role: str) -> str:
    pointer = control["secrets"].get(role) or {}
    if not pointer:
        raise StoreUnavailable(f"no {role} token is published")
    token = context.store.read_secret(role, form.TOKEN, pointer["version"]).strip()
    if not _TOKEN.fullmatch(token) or local.fingerprint(token) != pointer["fp"]:
        error = AgentError(
            f"version {pointer['version']} of the {role} token is damaged", where="store", code="bad_token"
        )
        raise Refusal(error, "bad_token")
    return token
