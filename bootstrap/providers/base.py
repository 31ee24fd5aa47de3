"""What every provider offers; nothing above knows what a machine is made of."""

from __future__ import annotations

import getpass
import os
import secrets
import socket
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol, Self

from bootstrap.model.cluster import Role
from bootstrap.model.finding import Finding
from bootstrap.model.resource import Outdated, Resource
from bootstrap.remote.runner import Runner


@dataclass(frozen=True)
class Fault:
    """What was done to a machine by hand, in a word (`paused`) and a sentence, and the command that lifts it."""

    word: str
    what: str
    fix: str
    full: bool = False  # its disk is
    silent: bool = False  # nothing runs on it: asking it is in vain
    alone: bool = False  # it reaches no other machine, and none reaches it


@dataclass(frozen=True)
class Instance:
    """A machine of the cluster as the provider sees it, whether or not it is a node of the swarm.

    `state` is one of pending, running, stopped, terminating; `step` is how far its first boot is: boot, engine,
    joining, joined, or "" when the provider cannot see it. `age` is in seconds.
    """

    id: str
    hostname: str
    role: Role
    pool: str
    zone: str
    address: str
    state: str
    age: float
    step: str = ""
    fault: Fault | None = None


@dataclass(frozen=True)
class LockInfo:
    """Who works on the cluster: `user@host`, what it does, since when (UTC, ISO 8601), and the id that frees it."""

    who: str
    what: str
    since: str
    id: str

    @classmethod
    def mine(cls, what: str) -> Self:
        """This process, which does that from now on."""
        who = os.environ.get("SUDO_USER") or getpass.getuser()
        since = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        return cls(f"{who}@{socket.gethostname()}", what, since, secrets.token_hex(4))


@dataclass(frozen=True)
class SshWay:
    """How an ordinary `ssh` reaches a machine. `host_key` is `TYPE BASE64`; `key` is a private key's file, None: the user's."""

    user: str
    address: str
    port: int
    host_key: str
    key: Path | None


class Provider(Protocol):
    """Where machines come from. Methods read the world afresh at each call and remember nothing."""

    def checks(self) -> Iterable[Finding]:
        """What `doctor` looks at before there is a cluster: this machine, the account. Changes nothing, raises nothing."""
        ...

    def scripts(self) -> Mapping[str, str]:
        """The user-data by pool name, exactly as a machine of that pool boots with it."""
        ...

    def desired(self, surge: Mapping[str, Any] | None = None) -> Sequence[Resource]:
        """What should exist. Changes nothing.

        `surge` is {"instance", "hostname", "zone", "since"} of a manager that is being replaced: its zone has one
        manager more for as long, and the control object says so.
        """
        ...

    def existing(self) -> Sequence[Resource]:
        """What does exist and is exactly this cluster's; a machine that was told to `leave` is a `host` in it."""
        ...

    def outdated(self) -> Iterable[Outdated]:
        """Running machines that were made from other user-data or another image than a new one would be."""
        ...

    def instances(self) -> Sequence[Instance]:
        """Every machine of the cluster, sorted by hostname."""
        ...

    def sizes(self) -> Mapping[str, int]:
        """How many machines each pool should have now, managers included: an autoscaled pool's own size."""
        ...

    def set_size(self, pool: str, size: int) -> None:
        """Set the size of an autoscaled pool's group; the group keeps it until it is set again."""
        ...

    def leave(self, instance: Instance, *, shrink: bool) -> None:
        """Mark the machine as going: it is *terminating*, does not join again, and the next plan deletes it.

        With `shrink` its group wants one machine less from then on; without, the same plan makes it anew.
        """
        ...

    def stay(self, instance: Instance) -> None:
        """Take a `leave` back, the size of the group included."""
        ...

    def control(self) -> Mapping[str, Any] | None:
        """The control object as the store holds it, or None where the cluster was never made."""
        ...

    def retire(self) -> None:
        """Mark the cluster as going (DESTROYED), before its machines are: from then on none joins, and `up` refuses."""
        ...

    def upkeep(self, on: bool) -> None:
        """Let the cluster's leader look after it by itself, or pause that; BootstrapError where there is no cluster."""
        ...

    def record(self, event: Mapping[str, Any]) -> bool:
        """Append to the audit trail (docs/output.md). False where the cluster has no store yet: none is made for it."""
        ...

    def events(self) -> Sequence[Mapping[str, Any]]:
        """The audit trail, oldest first."""
        ...

    def runner(self, instance: Instance) -> Runner:
        """A way onto that machine."""
        ...

    def way(self, instance: Instance) -> SshWay:
        """What docker's client needs to reach that machine by itself."""
        ...

    def shell(self, instance: Instance, argv: Sequence[str]) -> int:
        """Run `argv`, or a login shell when empty, with the user's own terminal; its exit code."""
        ...

    def locked(self, what: str, *, timeout: float = 0.0) -> AbstractContextManager[LockInfo]:
        """Hold the cluster's operator lock; LockedError names the holder when it is still held after `timeout` s."""
        ...

    def holder(self) -> LockInfo | None:
        """Who holds the operator lock now, or None. Looking never takes it, not even for a moment."""
        ...

    def force_unlock(self, lock_id: str) -> LockInfo:
        """Free the lock of that id, whose holder is gone. BootstrapError: no lock, another id, or the holder lives."""
        ...
