"""Nodes that somebody removed by hand: such a node is not told, so the leader writes it where the node looks."""

from __future__ import annotations

import json
import os

from . import control as rules
from . import nodes
from .context import Context, read_file, replace_file
from .errors import log
from .nodes import Node
from .store import Control


class Register:
    """Every node that this manager has seen in the swarm, also before a restart: a node id is never given twice."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def look(self, control: Control, found: list[Node]) -> list[str]:
        """Note who is there; the ids of those that were there before, are gone, and do not know it."""
        known, present = self._known(control["swarm_id"]), {node.id for node in found}
        gone = known - present - set(control.get("removed", []))
        if known != present | gone:
            document = {"swarm_id": control["swarm_id"], "nodes": sorted(present | gone)}
            replace_file(self._path, json.dumps(document), lasting=False)
        return sorted(gone)

    def tell(self, control: Control, found: list[Node], mine: str) -> None:
        """Publish whom somebody else removed, so that it joins anew. For the leader."""
        if not self.look(control, found):
            return
        nodes.barrier(self._context.engine, mine)  # only what a quorum agrees on
        for node_id in self.look(control, nodes.read(self._context.engine)):
            log(f"node {node_id} was removed by hand: its machine may join anew")
            rules.swap(self._context.store, lambda now, gone=node_id: rules.forget(now, gone), mine)  # type: ignore[misc]

    def _known(self, swarm_id: str) -> set[str]:
        try:
            known = json.loads(read_file(self._path))
            return set(known["nodes"]) if known["swarm_id"] == swarm_id else set()
        except (ValueError, LookupError, TypeError):
            return set()

    @property
    def _path(self) -> str:
        return os.path.join(self._context.paths.state, "nodes.json")
