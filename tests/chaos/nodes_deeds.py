"""What is done to a cluster of three managers and a worker so that its agents come to each of their steps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bootstrap.agent import control as rules
from bootstrap.agent.store.directory import DirectoryStore
from bootstrap.lab import paths
from tests.chaos.candidates import told, wish
from tests.chaos.cluster import Chaos, chaos
from tests.e2e.face import Face

# A machine in its first boot reads the wish too: from the store, which is there before the agent is started.
HOOK = """\
#!/bin/sh
mkdir -p /run/bootstrap
umask 077
[ ! -e /var/lib/bootstrap/store/wish ] || cp /var/lib/bootstrap/store/wish /run/bootstrap/checkpoint
"""
LEASE = 240.0  # seconds: longer than a dead lease is kept
TIMES = 100  # more often than a process that lives on comes to a step
OTHER = "desired: 1, docker: {daemon: {log-driver: local}}}"


@dataclass
class Patient:
    """The cluster, as one that deeds are done to."""

    chaos: Chaos

    @property
    def face(self) -> Face:
        """Its command line."""
        return self.chaos.face

    def wish(self, step: str) -> None:
        """Kill each host's agent at that step once, whichever time it is for that process; "" for none: only tell."""
        text = "".join(f"{step}:{number}=kill\n" for number in range(1, TIMES)) if step else ""
        (paths.cluster_dir(self.chaos.name) / "store" / "wish").write_text(text)
        for one in self.chaos.hosts():
            wish(one, text)

    @property
    def store(self) -> DirectoryStore:
        """Where its agents meet."""
        return DirectoryStore(str(paths.cluster_dir(self.chaos.name) / "store"))

    def no_lease(self) -> None:
        """Wait until no change of the membership is under way, nor one that nobody ended."""
        self.chaos.until("no lease is left", lambda: not self.store.read()[0].get("change"), LEASE)

    def told(self) -> list[str]:
        """The steps that any agent came to since the last wish, each once."""
        return list(dict.fromkeys(step for one in self.chaos.hosts() for step in told(one)))

    def follower(self) -> str:
        """A manager that does not lead."""
        leader = self.chaos.leader()
        return next(name for name in self.chaos.managers() if name != leader)

    def twice(self, *argv: str) -> list[str]:
        """A command whose agent may be killed, and then the same again, which must end well; what is wrong."""
        for _ in range(2):
            done = self.face.run(*argv, code=None)
            if done.returncode == 0:
                return []
        return [f"{argv[0]}: {done.stderr.strip()[-400:]}"]


def wipe(one: Patient) -> list[str]:
    """A manager is replaced by a machine with an empty disk: first boot, join, and the others clear its old seat."""
    one.chaos.wipe(one.follower())
    return []


def leave(one: Patient) -> list[str]:
    """A manager leaves the swarm by hand."""
    one.chaos.run(one.follower(), "docker", "swarm", "leave", "--force")
    return []


def demote(one: Patient) -> list[str]:
    """A manager is demoted by hand."""
    one.chaos.run(one.chaos.leader(), "docker", "node", "demote", one.follower())
    return []


def label(one: Patient) -> list[str]:
    """A label of ours is removed by hand."""
    worker = next(host.hostname for host in one.chaos.hosts() if host.role == "worker")
    one.chaos.run(one.chaos.leader(), "docker", "node", "update", "--label-rm", "bootstrap.pool", worker)
    return []


def token(one: Patient) -> list[str]:
    """A token is rotated by hand, past us."""
    one.chaos.run(one.chaos.leader(), "docker", "swarm", "join-token", "--rotate", "--quiet", "worker")
    return []


def rotate(one: Patient) -> list[str]:
    """Both tokens are rotated by `rotate-tokens`."""
    return one.twice("rotate-tokens", str(one.face.file))


def settings(one: Patient) -> list[str]:
    """An engine is given other settings by `up`."""
    file: Path = one.face.file
    text = file.read_text()
    changed = text.replace(OTHER, "desired: 1}") if OTHER in text else text.replace("desired: 1}", OTHER)
    file.write_text(changed)
    return one.twice("up", str(file), "--yes")


def remove(one: Patient) -> list[str]:
    """A worker is taken out by `remove`, and `up` puts another in its place."""
    worker = next(host.hostname for host in one.chaos.hosts() if host.role == "worker")
    one.face.run("remove", str(one.face.file), worker, "--yes", code=None)
    return one.twice("up", str(one.face.file), "--yes")


def lease(one: Patient) -> list[str]:
    """A holder that is not sure of what it did gives its lease back as broken: the leader fences the node and ends it."""
    node = next(node for node in one.chaos.status()["nodes"] if node["hostname"] == one.follower())
    broken = {"id": "unsure", "instance": node["instance"], "node_id": node["id"], "broken": True}
    rules.swap(one.store, lambda now: rules.begin_change(now, broken), "chaos")
    one.no_lease()
    return []


Deed = Callable[[Patient], list[str]]
DEEDS: dict[str, Deed] = {
    one.__name__: one for one in (wipe, leave, demote, label, token, rotate, settings, remove, lease)
}


def patient(folder: Path, name: str) -> Chaos:
    """The cluster of the deeds; not made yet."""
    made = chaos(folder, name, managers=3, workers=1)
    (folder / "wish.sh").write_text(HOOK)
    made.face.file.write_text(made.face.file.read_text() + "hooks: {pre_docker: [wish.sh]}\n")
    return made
