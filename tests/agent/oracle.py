"""The judge of the state machines: the invariants I1-I9 of the election, over everything that was ever written."""

from __future__ import annotations

from bootstrap.agent.local import ca_digests, fingerprint
from bootstrap.agent.store import Control
from tests.agent.living import LivingCluster

# What may follow what; the steps behind `|` are an operator's.
AFTER = {
    "EMPTY": {"EMPTY", "CLAIMED"},
    "CLAIMED": {"CLAIMED", "FORMED"},
    "FORMED": {"FORMED"},
    "RECOVERING": {"RECOVERING"},
}
_BY_OPERATOR = {"FORMED": {"RECOVERING", "EMPTY"}, "RECOVERING": {"FORMED"}}


class Oracle:
    """Looks at each new generation of the control object once, and at the engines every time."""

    def __init__(self, cluster: LivingCluster) -> None:
        self._cluster, self._seen = cluster, 1
        self._published: dict[int, str] = {}  # epoch -> swarm id
        self.by_operator: set[int] = set()  # places in the history that a person wrote

    def check(self) -> None:
        """Raise AssertionError with the name of the invariant that does not hold."""
        history = self._cluster.store.history
        for place in range(self._seen, len(history)):
            self._step(history[place - 1], history[place], place)
        self._seen = len(history)
        self._engines()

    def _step(self, old: Control, new: Control, place: int) -> None:
        by_hand = place in self.by_operator
        allowed = AFTER[old["phase"]] | (_BY_OPERATOR.get(old["phase"], set()) if by_hand else set())
        assert new["phase"] in allowed, f"I7: {old['phase']} -> {new['phase']}"
        assert new["epoch"] >= old["epoch"], "I8: the epoch fell"
        if new["holder"] and new["holder"] != old["holder"]:
            assert new["epoch"] > old["epoch"], "I8: a new holder in the same epoch"
        if new["phase"] == "FORMED":
            self._formed(old, new, by_hand)

    def _formed(self, old: Control, new: Control, by_hand: bool) -> None:
        swarm_id, epoch = new["swarm_id"], new["epoch"]
        assert self._published.setdefault(epoch, swarm_id) == swarm_id, "I1: two swarms published in one epoch"
        if old["phase"] == "FORMED":
            assert by_hand or (old["swarm_id"], old["epoch"]) == (swarm_id, epoch), "I4: the published swarm changed"
        reserved = [one for one in new["seats"] if one not in old["seats"] and not new["seats"][one]["node_id"]]
        assert not reserved or len(new["seats"]) <= new["managers_target"], "more seats than wanted"
        self._secrets(new)

    def _secrets(self, control: Control) -> None:
        store, issued = self._cluster.store, self._cluster.world.swarms[control["swarm_id"]].issued
        assert set(control["secrets"]) >= {"worker", "manager"}, "I9: a formed cluster without tokens"
        for role, pointer in control["secrets"].items():
            versions = store.secrets.get((role, "join-token"), [])
            assert int(pointer["version"]) <= len(versions), "I9: the version does not exist"
            token = versions[int(pointer["version"]) - 1]
            assert fingerprint(token) == pointer["fp"], "I9: the fingerprint is another's"
            assert token in issued, "I9: a token of another swarm is published"
            assert ca_digests(issued[token]) == (control["ca_digest"],), "I9: token and CA do not go together"

    def _engines(self) -> None:
        world, known = self._cluster.world, set(self._published.values())
        serving = {one.home.id: one.home for one in world.engines if one.up and one.home and one.state == "active"}
        assert len(known & set(serving)) <= 1, "I2: members of two published swarms at once"
        for swarm in world.swarms.values():
            assert swarm.id in known or len(swarm.nodes) <= 1, "I3: somebody joined a swarm that was never published"
        for one in world.engines:
            if one.up and one.state == "active" and one.home and one.node_id in one.home.raft:
                newest = world.swarms[one.home.id]
                assert one.home is newest, "I6: a manager of an earlier generation serves"
