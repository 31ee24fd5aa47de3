"""What a check may look at, and what it finds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bootstrap.model.cluster import Cluster
from bootstrap.model.resource import Plan
from bootstrap.providers.base import Instance
from bootstrap.swarm.view import Silence, View

MANY = 3  # names in one sentence
_DOES = {"boot": "boots", "engine": "starts its engine", "joining": "joins the swarm", "joined": "joined"}


def named(names: Iterable[str]) -> str:
    """`a, b, c and 4 more`."""
    every = list(names)
    return ", ".join(every[:MANY]) + (f" and {len(every) - MANY} more" if len(every) > MANY else "")


def doing(machine: Instance) -> str:
    """How far its boot is, in words; where that cannot be seen, whether it is on."""
    return _DOES.get(machine.step) or machine.state


@dataclass(frozen=True)
class Problem:
    """One reason: a stable code, the node where there is one, a sentence, and what to do.

    `fix` is what can be typed as it stands, or a sentence in which every command stands in backticks.
    """

    code: str
    node: str | None
    message: str
    fix: str

    def as_json(self) -> dict[str, str | None]:
        """The entry of `status`."""
        return {"code": self.code, "node": self.node, "message": self.message, "fix": self.fix}


@dataclass(frozen=True)
class Facts:
    """Everything that is known; `document` is the status document as far as it is filled."""

    cluster: Cluster
    document: dict[str, Any]
    sizes: dict[str, int]
    control: dict[str, Any] | None
    view: View | Silence
    drift: Plan  # what `up` would change inside the swarm
    instances: Sequence[Instance] = ()

    @property
    def file(self) -> str:
        """The inventory, as it stands in commands."""
        return str(self.cluster.path or "FILE")

    @property
    def up(self) -> str:
        """The command that mends most things; where a `down` began, what is left to do is to end that."""
        return self.command("down" if (self.control or {}).get("phase") == "DESTROYED" else "up")

    @property
    def wait(self) -> str:
        """The command to wait with for what mends itself."""
        return f"wait: `{self.command('status')} --wait 5m`"

    @property
    def upkeep(self) -> bool:
        """Whether the leader looks after the cluster by itself: somebody may have paused that."""
        return (self.control or {}).get("reconcile") is not False

    def by_leader(self, does: str) -> tuple[str, str]:
        """The end of a message and the mend, where the leader `does` something by itself; it does not while that is off."""
        if not self.upkeep:
            return "nobody mends that while the cluster's own upkeep is paused", self.command("reconcile", "on")
        return f"the leader {does}", f"{self.wait}; if it stays: `{self.command('logs', self.leader)}`"

    def command(self, verb: str, *words: str) -> str:
        """`bootstrap VERB FILE …`."""
        return " ".join(("bootstrap", verb, self.file, *words))

    @property
    def nodes(self) -> list[dict[str, Any]]:
        """The nodes of the document."""
        nodes: list[dict[str, Any]] = self.document["nodes"]
        return nodes

    @property
    def leader(self) -> str:
        """The leader's hostname, or NODE where it is not known."""
        return next((str(node["hostname"]) for node in self.nodes if node["leader"]), "NODE")

    @property
    def agent(self) -> Mapping[str, Any]:
        """What the agent said that was asked; empty where none answered."""
        return self.view.document if isinstance(self.view, View) else {}

    def machine(self, instance: str | None) -> Instance | None:
        """The machine of that id."""
        return next((one for one in self.instances if one.id == instance), None)
