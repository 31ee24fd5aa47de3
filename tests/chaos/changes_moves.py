"""A cluster that stands, the states that it can be in, and the commands that lead from one to another."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import NamedTuple

from bootstrap.lab import cgroups, fabric, paths, power, records
from tests.chaos.checkpoints_face import Ended, Face

HEAD = """\
version: 1
cluster: {name}
provider: local
local: {{memory: 512MiB}}
managers: {{count: 1}}
"""
# No image is needed for a service that wants no task, and there is no registry.
STACK = "services: {web: {image: none:%s, deploy: {replicas: 0}}}\n"
FILE = """\
pools:
  web: {{min: 1, max: 5, desired: 1, labels: {{tier: web}}}}
  jobs: {{count: {jobs}}}
networks:
  app: {{attachable: true}}
stacks:
  shop: shop.yml
  mail: shop.yml
"""
OTHER = """\
pools:
  web: {min: 1, max: 5, desired: 1, labels: {tier: front}, docker: {daemon: {log-driver: local}}}
  more: {count: 1}
networks:
  side: {attachable: true}
stacks:
  shop: other.yml
"""


class Goal(NamedTuple):
    """A state: what stands in the file, and the size of the pool `web`."""

    text: str
    web: int = 1


GOALS = {
    "one": Goal(FILE.format(jobs=1)),
    "two": Goal(FILE.format(jobs=1), 2),
    "jobs": Goal(FILE.format(jobs=2)),
    "other": Goal(OTHER),
}


def nothing(_: str) -> None:
    """All is well before the command."""


def harm(cluster: str) -> None:
    """A host has lost its power, and the network's services were killed."""
    host = next(one for one in records.load_hosts(paths.cluster_dir(cluster)) if one.pool == "web")
    power.kill(host)
    for pid in cgroups.Group(cluster, fabric.SERVICES).pids():
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


@dataclass(frozen=True)
class Move:
    """A command that leads from one state to another. NAME in its words is the cluster's.

    `again` are the exit codes of the same command when the first run has left it nothing to do, or nobody to do it to.
    """

    name: str
    words: tuple[str, ...]
    begins: str
    ends: str
    harm: Callable[[str], None] = nothing
    again: tuple[int, ...] = (0,)

    def run(self, face: Face, at: str = "") -> Ended:
        """Carry it out; `at` as Face.run takes it."""
        words = [word.replace("NAME", face.cluster) for word in self.words]
        return face.run(words[0], str(face.file), *words[1:], "--yes", at=at)

    def prepare(self, face: Face) -> None:
        """What is other than the state that it begins in: the file, and what broke."""
        if self.words == ("up",):
            write(face, self.ends)
        self.harm(face.cluster)


# In this order each begins where the one before ended, as far as possible.
MOVES = (
    Move("scale out", ("scale", "web=2"), "one", "two"),
    Move("scale in", ("scale", "web=1"), "two", "one"),
    Move("scale in the file", ("scale", "jobs=2", "--write"), "one", "jobs"),
    Move("up that mends", ("up",), "jobs", "one", harm),
    Move("replace", ("replace", "NAME-web-1"), "one", "one"),
    Move("up that changes", ("up",), "one", "other"),
    Move("up that changes back", ("up",), "other", "one"),
    Move("remove", ("remove", "NAME-web-2"), "two", "one", again=(0, 2)),
)


def write(face: Face, goal: str) -> None:
    """The inventory of that state, and the stacks that it names."""
    face.file.write_text(HEAD.format(name=face.cluster) + GOALS[goal].text)
    for name, tag in (("shop.yml", "1"), ("other.yml", "2")):
        face.file.with_name(name).write_text(STACK % tag)


def go(face: Face, goal: str) -> None:
    """Bring the cluster there, undisturbed. AssertionError where that fails."""
    write(face, goal)
    for words in (("up",), ("scale", f"web={GOALS[goal].web}")):
        done = face.run(words[0], str(face.file), *words[1:], "--yes")
        assert done.code == 0, f"{words}: {done.stderr}"
