"""What a user asks for: one cluster, its managers and its pools. Frozen values, made by `bootstrap.inventory`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

MANAGERS = "managers"  # the reserved pool name of the managers


class Role(StrEnum):
    """What a node is in the swarm."""

    MANAGER = "manager"
    WORKER = "worker"


class Availability(StrEnum):
    """Docker's own word for "may tasks be placed here"."""

    ACTIVE = "active"
    PAUSE = "pause"
    DRAIN = "drain"


class Packages(StrEnum):
    """Where a node's engine comes from: Docker's repository, the distribution's, or already in the image."""

    DOCKER_CE = "docker-ce"
    DISTRO = "distro"
    IMAGE = "image"


@dataclass(frozen=True)
class Proxy:
    """HTTP proxies for the package manager and the engine."""

    http: str | None = None
    https: str | None = None
    no_proxy: tuple[str, ...] = ()


@dataclass(frozen=True)
class Docker:
    """The engine: its source, its exact version (docker-ce only) and its daemon.json."""

    packages: Packages
    version: str | None = None
    daemon: Mapping[str, Any] = field(default_factory=dict)
    proxy: Proxy = Proxy()


@dataclass(frozen=True)
class OperatingSystem:
    """What the machine gets besides the engine."""

    packages: tuple[str, ...] = ()
    sysctl: Mapping[str, str] = field(default_factory=dict)
    ntp: tuple[str, ...] = ()
    authorized_keys: tuple[str, ...] = ()


@dataclass(frozen=True)
class Hook:
    """A script of the user's: its file name and its text, read when the inventory is loaded."""

    name: str
    text: str


@dataclass(frozen=True)
class Hooks:
    """Scripts that run on the node at four moments, in the order given."""

    pre_docker: tuple[Hook, ...] = ()
    pre_join: tuple[Hook, ...] = ()
    post_join: tuple[Hook, ...] = ()
    pre_drain: tuple[Hook, ...] = ()


@dataclass(frozen=True)
class Timeouts:
    """Deadlines, in seconds."""

    boot: int = 900
    healthy: int = 600
    drain: int = 900
    command: int = 600


@dataclass(frozen=True)
class Disk:
    """The root disk: its size in GiB and its type in the provider's words."""

    size: int | None = None
    type: str | None = None


@dataclass(frozen=True)
class Host:
    """A machine that is already there (ssh only). Labels and availability are merged; the last four only if it has its own."""

    address: str
    name: str | None = None
    zone: str | None = None
    advertise: str | None = None
    host_key: str | None = None
    user: str | None = None
    port: int | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    availability: Availability | None = None
    docker: Docker | None = None
    os: OperatingSystem | None = None
    hooks: Hooks | None = None
    timeouts: Timeouts | None = None


@dataclass(frozen=True)
class Size:
    """How many machines: a fixed `count`, or `minimum` to `maximum` with the size a new group starts with."""

    minimum: int
    maximum: int
    desired: int

    @property
    def fixed(self) -> bool:
        """A `count` in the file: the file alone decides."""
        return self.minimum == self.maximum

    @classmethod
    def of(cls, count: int) -> Size:
        """A fixed size."""
        return cls(count, count, count)


@dataclass(frozen=True)
class Pool:
    """Machines that are alike: the managers, or one worker pool. Settings are already merged, nearest wins."""

    name: str
    role: Role
    size: Size
    docker: Docker
    os: OperatingSystem = OperatingSystem()
    hooks: Hooks = Hooks()
    timeouts: Timeouts = Timeouts()
    disk: Disk = Disk()
    image: str | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    availability: Availability = Availability.ACTIVE
    machines: tuple[str, ...] = ()
    spot: Mapping[str, int] | None = None  # {"percent": 0..100, "on_demand_base": n}
    autoscale: Mapping[str, int] | None = None  # {"cpu": percent}
    public: bool = False
    open: tuple[Mapping[str, Any], ...] = ()  # {"port": int, "protocol": str, "from": [CIDR, …]}
    target_groups: tuple[str, ...] = ()
    hosts: tuple[Host, ...] = ()


@dataclass(frozen=True)
class SwarmSettings:
    """What `swarm init` gets. `cert_expiry` is in seconds."""

    address_pool: str = "10.200.0.0/16"
    subnet_size: int = 24
    data_path_port: int = 4789
    autolock: bool = False
    cert_expiry: int = 2160 * 3600
    unlock_key: Mapping[str, tuple[str, ...]] | None = None  # {"save": argv, "load": argv}


@dataclass(frozen=True)
class Network:
    """An overlay network that the cluster keeps."""

    name: str
    encrypted: bool = False
    attachable: bool = False
    internal: bool = False
    subnet: str | None = None


@dataclass(frozen=True)
class Stack:
    """A compose stack that the cluster keeps: its files, read when the inventory is loaded, and their variables."""

    name: str
    files: tuple[tuple[str, str], ...] = ()  # (path as written, text)
    env: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Backup:
    """How often the swarm's state is saved (seconds, None = never) and how many copies are kept."""

    every: int | None = 6 * 3600
    keep: int = 28


@dataclass(frozen=True)
class Cluster:
    """One inventory, checked and merged. `settings` is the provider's own block, typed by the provider."""

    name: str
    provider: str
    managers: Pool
    pools: tuple[Pool, ...] = ()
    zones: tuple[str, ...] = ()
    swarm: SwarmSettings = SwarmSettings()
    networks: tuple[Network, ...] = ()
    stacks: tuple[Stack, ...] = ()
    registries: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    rotate_every: int | None = 24 * 3600  # seconds between token rotations; None = off
    backup: Backup = Backup()
    protect: bool = False
    single_zone: bool = False
    allow_even: bool = False
    settings: object = None
    path: Path | None = None

    @property
    def groups(self) -> tuple[Pool, ...]:
        """The managers first, then every worker pool."""
        return (self.managers, *self.pools)

    def pool(self, name: str) -> Pool | None:
        """The pool of that name, managers included, or None."""
        return next((pool for pool in self.groups if pool.name == name), None)
