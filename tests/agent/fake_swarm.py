"""The swarms that fake engines share, and the oracle's own record of what happened to them."""

from __future__ import annotations

import base64
import marshal
import random
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.agent.fake_engine import FakeEngine

DEFAULT_EXPIRY = 7776000000000000
_ALPHABET = "0123456789abcdefghijklmnopqrstuvwxyz"


def copy_of(value: Any) -> Any:
    """What a door hands out: plain values that the receiver may change. The quickest way there is to copy them."""
    return marshal.loads(marshal.dumps(value))


@dataclass
class Swarm:
    id: str
    spec: dict[str, Any]
    pool: list[str]
    subnet_size: int
    port: int
    pem: str
    tokens: dict[str, str]
    nodes: dict[str, dict[str, Any]] = field(default_factory=dict)
    raft: list[str] = field(default_factory=list)  # node ids that hold a seat; the first that is reachable leads
    configs: dict[str, dict[str, Any]] = field(default_factory=dict)
    networks: dict[str, dict[str, Any]] = field(default_factory=dict)
    services: list[dict[str, Any]] = field(default_factory=list)
    tasks: list[dict[str, Any]] = field(default_factory=list)
    version: int = 10
    demoting: set[str] = field(default_factory=set)
    unlock_key: str = ""
    has_key: bool = True  # of its CA: a swarm whose maker was killed may lack it, and then nobody can join
    generation: int = 1  # grows when a quorum was lost and one manager began anew with its raft log
    issued: dict[str, str] = field(default_factory=dict)  # every join token that ever was -> the CA of its time


class World:
    """All engines of a test, and what really happened: the oracle's own record."""

    def __init__(self, seed: int = 1) -> None:
        self.engines: list[FakeEngine] = []
        self.swarms: dict[str, Swarm] = {}
        self.log: list[tuple[str, ...]] = []
        self.lingering: set[str] = set()  # nodes that left and that swarm still shows as Ready
        self.grey: set[str] = set()  # nodes that swarm shows as down although they are up
        self.panicking: set[str] = (
            set()
        )  # nodes whose engine ends again and again: down, and reachable for its raft port
        self.late: set[str] = set()  # nodes that are back, and that swarm still shows as down and unreachable
        self._random = random.Random(seed)
        self._count = 0

    def word(self, length: int = 25) -> str:
        return "".join(self._random.choices(_ALPHABET, k=length))

    def number(self) -> int:
        self._count += 1
        return self._count

    def token(self) -> str:
        return f"SWMTKN-1-{self.word(50)}-{self.word(25)}"

    def rotate(self, swarm: Swarm, role: str) -> None:
        """A new join token for `Worker` or `Manager`; the old one is void from now on."""
        swarm.tokens[role] = self.token()
        swarm.issued[swarm.tokens[role]] = swarm.pem

    def renew_ca(self, swarm: Swarm) -> None:
        """The end of a rotation of the CA, which comes some time after it was asked for: both tokens change too."""
        swarm.pem, swarm.version = self.pem(), swarm.version + 1
        for role in swarm.tokens:
            self.rotate(swarm, role)
        for engine in self.engines:
            if engine.home is swarm:
                engine.trust(swarm.pem)

    def pem(self) -> str:
        body = base64.b64encode(self.word(60).encode()).decode()
        return f"-----BEGIN CERTIFICATE-----\n{body}\n-----END CERTIFICATE-----\n"

    def make(self, body: dict[str, Any], default: bool) -> Swarm:
        spec = {
            "CAConfig": {"NodeCertExpiry": DEFAULT_EXPIRY},
            "EncryptionConfig": {"AutoLockManagers": False},
            "Name": "default",
        }
        swarm = Swarm(
            self.word(),
            spec if default else {**spec, **body["Spec"]},
            ["10.0.0.0/8"] if default else body["DefaultAddrPool"],
            24 if default else body["SubnetSize"],
            4789 if default else body["DataPathPort"],
            self.pem(),
            {"Worker": self.token(), "Manager": self.token()},
        )
        swarm.issued.update(dict.fromkeys(swarm.tokens.values(), swarm.pem))
        self.swarms[swarm.id] = swarm
        return swarm

    def at(self, address: str) -> FakeEngine | None:
        return next((one for one in self.engines if f"{one.address}:2377" == address and one.reachable), None)

    def engine_of(self, node_id: str) -> FakeEngine | None:
        for one in self.engines:  # asked so often that a generator would be felt
            if one.node_id == node_id:
                return one
        return None

    def alive(self, swarm: Swarm, node_id: str) -> bool:
        engine = self.engine_of(node_id)
        if engine is None or node_id in self.panicking:
            return False
        return engine.home is swarm and engine.state == "active" and engine.up and engine.linked

    def quorate(self, swarm: Swarm) -> bool:
        return sum(self.alive(swarm, one) for one in swarm.raft) >= len(swarm.raft) // 2 + 1

    def leader(self, swarm: Swarm) -> str:
        return next((one for one in swarm.raft if self.alive(swarm, one)), "") if self.quorate(swarm) else ""
