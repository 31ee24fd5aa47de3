"""What every provider offers; nothing above knows what a machine is made of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol

from bootstrap.model.cluster import Role
from bootstrap.model.resource import Outdated, Resource
from bootstrap.remote.runner import Runner


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


@dataclass(frozen=True)
class LockInfo:
    """Who works on the cluster: `user@host`, what it does, since when (UTC, ISO 8601), and the id that frees it."""

    who: str
    what: str
    since: str
    id: str


class Provider(Protocol):
    """Where machines come from. Methods read the world afresh at each call and remember nothing."""

    def scripts(self) -> Mapping[str, str]:
        """The user-data by pool name, exactly as a machine of that pool boots with it."""
        ...

    def desired(self) -> Sequence[Resource]:
        """What should exist. Changes nothing."""
        ...

    def existing(self) -> Sequence[Resource]:
        """What does exist and is exactly this cluster's."""
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

    def control(self) -> Mapping[str, Any] | None:
        """The control object as the store holds it, or None where the cluster was never made."""
        ...

    def retire(self) -> None:
        """Mark the cluster as going (DESTROYED), before its machines are: from then on none joins, and `up` refuses."""
        ...

    def runner(self, instance: Instance) -> Runner:
        """A way onto that machine."""
        ...

    def shell(self, instance: Instance, argv: Sequence[str]) -> int:
        """Run `argv`, or a login shell when empty, with the user's own terminal; its exit code."""
        ...

    def locked(self, what: str, *, timeout: float = 0.0) -> AbstractContextManager[LockInfo]:
        """Hold the cluster's operator lock; LockedError names the holder when it is still held after `timeout` s."""
        ...
