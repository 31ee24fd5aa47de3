"""Which managers are stable and which nodes are dead, from samples over time: a single read lies."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Set

from .nodes import Node

SAMPLES = 6  # that a window must hold


class History:
    """Samples of the nodes on the monotonic clock. Seconds everywhere."""

    def __init__(self, window: float) -> None:
        self.window = window
        self._samples: deque[tuple[float, frozenset[str]]] = deque()
        self._bad_since: dict[str, float] = {}
        self._stirs_since: dict[str, float] = {}
        self._looked = float("-inf")
        self.leader = ""
        self.leader_since = 0.0

    @property
    def pause(self) -> float:
        """How long to wait between two samples, so that a window holds enough of them."""
        return self.window / SAMPLES

    def add(
        self, now: float, nodes: Iterable[Node], ailing: Set[str] = frozenset(), back: Set[str] = frozenset()
    ) -> None:
        """Take one sample. Swarm may show the `ailing` as well although they are not, and those `back` as away."""
        nodes = list(nodes)
        if now - self._looked > 3 * self.pause:
            self.lapse()
            self._bad_since, self._stirs_since = {}, {}  # what was seen before nobody saw anything tells nothing
        self._looked = now
        well = {node.id for node in nodes if node.member and node.well}
        self._samples.append((now, frozenset(well - ailing)))
        while self._samples and self._samples[0][0] < now - self.window - self.pause / 2:
            self._samples.popleft()
        leader = next((node.id for node in nodes if node.leader), "")
        if leader != self.leader:
            self.leader, self.leader_since = leader, now
        self._note_dead(now, nodes, back)

    def lapse(self) -> None:
        """Nothing could be seen, as while there is no quorum: nobody was stable then, and the leader is a new one."""
        self._samples.clear()
        self.leader = ""

    def _note_dead(self, now: float, nodes: list[Node], back: Set[str]) -> None:
        present = {node.id for node in nodes}
        self._bad_since = {key: since for key, since in self._bad_since.items() if key in present}
        stirs = {node.id for node in nodes if node.state == "down" and node.reachability == "reachable"} - back
        self._stirs_since = {key: self._stirs_since.get(key, now) for key in stirs}
        for node in nodes:
            if node.id in back:
                self._bad_since.pop(node.id, None)
            elif node.state == "down" or (node.member and not node.well):
                self._bad_since.setdefault(node.id, now)
            elif node.well:  # "unknown", as all are after a change of the leader, is no information
                self._bad_since.pop(node.id, None)

    def stable(self, now: float) -> frozenset[str]:
        """The managers that were reachable, ready and not ailing in every sample of the window; none while it is too short."""
        recent = [sample for sample in self._samples if sample[0] >= now - self.window - self.pause / 2]
        if len(recent) < SAMPLES or now - recent[0][0] < self.window - self.pause:
            return frozenset()
        return frozenset.intersection(*(well for _, well in recent))

    def bad_for(self, node_id: str, now: float) -> float:
        """For how long a node was down, or a manager not well, without a break; 0 when it is not."""
        since = self._bad_since.get(node_id)
        return now - since if since is not None else 0.0

    def stirs_for(self, node_id: str, now: float) -> float:
        """For how long a manager's raft node has answered while it was down; 0 when it did not."""
        return now - self._stirs_since.get(node_id, now)

    def is_bad(self, node_id: str) -> bool:
        """True when the last sample that told anything found it down or, a manager, not well."""
        return node_id in self._bad_since

    def leader_age(self, now: float) -> float:
        """Since when the leader is the same; 0 when there is none."""
        return now - self.leader_since if self.leader else 0.0
