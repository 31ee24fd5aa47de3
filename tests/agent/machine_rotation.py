"""Token rotation, driven as in the model `rotate.py`: rotations killed anywhere, a CA that changes, newcomers."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import initialize, precondition, rule

from bootstrap.agent.context import Context
from bootstrap.agent.local import fingerprint
from bootstrap.agent.rotate import Wish, rotate
from tests.agent.living import ROUND
from tests.agent.machine import CALL, HOST, Machine

MOST = 7  # machines that are ever born in one run
FORMING = 90.0  # seconds
SOON = 60.0  # within which the published token is the live one, whatever was killed


class Rotation(Machine):
    """A formed cluster whose tokens change by every way that there is."""

    @initialize(managers=st.integers(1, 3))
    def formed(self, managers: int) -> None:
        """Everybody is in, nothing was rotated yet."""
        self.begin_formed(managers, 0, FORMING)

    def ends_well(self) -> None:
        """Published becomes live, and whoever booted meanwhile joined."""
        super().ends_well()
        for _ in range(int(SOON / ROUND)):
            if not self.is_live():
                self.cluster.round()
        self.oracle.check()
        assert self.is_live() or self.is_lost(), "published is not live"

    def is_live(self) -> bool:
        """True when the control object points to the tokens that the swarm takes now."""
        swarm = self.cluster.published
        pointers = self.cluster.control["secrets"]
        return swarm is not None and all(
            pointers[role.lower()]["fp"] == fingerprint(swarm.tokens[role]) for role in swarm.tokens
        )

    @rule(number=HOST, calls=st.one_of(st.none(), CALL), role=st.sampled_from(["worker", "manager", "both"]))
    def rotate(self, number: int, calls: int | None, role: str) -> None:
        """Somebody rotates on a host; it may be frozen on the way, and another may rotate on another host meanwhile."""
        wish = Wish() if role == "both" else Wish(roles=(role,))
        host = self.host(number)
        if host.engine.up:
            host.begin(lambda context: _rotate(context, wish), calls)

    @rule(number=HOST, killed=st.booleans())
    def go_on(self, number: int, killed: bool) -> None:
        """What was frozen is killed, or goes on."""
        for verb in self.host(number).verbs:
            if killed:
                verb.kill()
        self.host(number).go_on(held_too=True)

    @rule(role=st.sampled_from(["Worker", "Manager"]))
    def rotate_by_hand(self, role: str) -> None:
        """Somebody says `docker swarm join-token --rotate`, or a rotation was killed right behind it."""
        if self.cluster.published:
            self.cluster.world.rotate(self.cluster.published, role)

    @rule()
    def ca_rotation_ends(self) -> None:
        """It was asked for long ago; now both tokens and the CA are others."""
        if self.cluster.published:
            self.cluster.world.renew_ca(self.cluster.published)

    @precondition(lambda self: len(self.cluster.world.engines) < MOST)
    @rule(calls=st.one_of(st.none(), CALL))
    def newcomer(self, calls: int | None) -> None:
        """A worker boots, and may be frozen with the token that it read."""
        host = self.cluster.boot("worker")
        if calls is not None:
            host.hold(calls)


def _rotate(context: Context, wish: Wish) -> object:
    return rotate(context, wish)
