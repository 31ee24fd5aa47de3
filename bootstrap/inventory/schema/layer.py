"""The settings that may stand at the top, in `managers`, in a pool and on a host; the nearest wins."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, JsonValue, WithJsonSchema

from bootstrap.inventory.schema.addresses import AuthorizedKey, HostAddress
from bootstrap.inventory.schema.block import Block, Several, expected
from bootstrap.inventory.schema.quantities import BootTime, Deadline, DiskSize
from bootstrap.inventory.schema.texts import (
    EngineVersion,
    FilePath,
    LabelKey,
    LabelValue,
    Line,
    PackageName,
    ProxyUrl,
    SysctlKey,
)


def _setting(value: object) -> object:
    """Values of sysctl are numbers as often as text."""
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise expected("string or integer", value, "write the value as `sysctl` shows it")
    return str(value)


SysctlValue = Annotated[Line, BeforeValidator(_setting), WithJsonSchema({"type": ["string", "integer"]})]


class ProxyBlock(Block):
    """HTTP proxies for the package manager and the engine."""

    http: ProxyUrl | None = Field(default=None, description="Proxy for http, without a password.")
    https: ProxyUrl | None = Field(default=None, description="Proxy for https, without a password.")
    no_proxy: Several[Line] | None = Field(
        default=None, description="Hosts, domains and ranges that are reached directly."
    )


class DockerBlock(Block):
    """Where the engine comes from and how it is set up."""

    packages: Literal["docker-ce", "distro", "image"] | None = Field(
        default=None,
        description="docker-ce: Docker's repository. distro: the distribution's packages. image: what the image has. "
        "Default: image on local, distro on al2023, else docker-ce.",
    )
    version: EngineVersion | None = Field(
        default=None, description="Exact version of docker-ce, held. Default: the version that we test."
    )
    daemon: dict[str, JsonValue] | None = Field(
        default=None, description="Merged into daemon.json. Keys that swarm refuses or that we set are errors."
    )
    proxy: ProxyBlock | None = Field(default=None, description="HTTP proxies for the package manager and the engine.")


class OsBlock(Block):
    """What the machine gets besides the engine."""

    packages: Several[PackageName] | None = Field(default=None, description="Packages of the distribution to install.")
    sysctl: dict[SysctlKey, SysctlValue] | None = Field(default=None, description="Kernel settings by name.")
    ntp: Several[HostAddress] | None = Field(default=None, description="Time servers. Default: the image's.")
    authorized_keys: Several[AuthorizedKey] | None = Field(default=None, description="Public keys that may log in.")


class DiskBlock(Block):
    """The root disk."""

    size: DiskSize | None = Field(default=None, description="Size, as in 50GiB.")
    type: Line | None = Field(default=None, description="Type in the provider's words, as in gp3 or pd-balanced.")


class HooksBlock(Block):
    """Scripts that run on the node as root, in the order given. Paths are from the inventory's directory."""

    pre_docker: Several[FilePath] | None = Field(default=None, description="Before the engine is installed.")
    pre_join: Several[FilePath] | None = Field(default=None, description="Before the node joins the swarm.")
    post_join: Several[FilePath] | None = Field(default=None, description="After the node joined the swarm.")
    pre_drain: Several[FilePath] | None = Field(default=None, description="Before the node is drained to be removed.")


class TimeoutsBlock(Block):
    """Deadlines."""

    boot: BootTime | None = Field(default=None, description="From the start of a machine to its join. Default 15m.")
    healthy: Deadline | None = Field(default=None, description="For the cluster to be healthy after `up`. Default 10m.")
    drain: Deadline | None = Field(default=None, description="For a node to be empty of tasks. Default 15m.")
    command: Deadline | None = Field(default=None, description="For one command on a node. Default 10m.")


Labels = dict[LabelKey, LabelValue]


class Layer(Block):
    """One place where settings may stand."""

    docker: DockerBlock | None = Field(default=None, description="The engine: source, version, daemon.json, proxy.")
    os: OsBlock | None = Field(default=None, description="Packages, kernel settings, time servers, keys.")
    disk: DiskBlock | None = Field(default=None, description="The root disk.")
    labels: Labels | None = Field(default=None, description="Swarm node labels; values are strings.")
    tags: dict[Line, LabelValue] | None = Field(
        default=None, description="Tags (AWS) or labels (GCP) of cloud resources."
    )
    hooks: HooksBlock | None = Field(default=None, description="Scripts that run on the node at four moments.")
    timeouts: TimeoutsBlock | None = Field(default=None, description="Deadlines, as in 90s, 15m, 6h, 2d.")
    availability: Literal["active", "pause", "drain"] | None = Field(
        default=None,
        description="May tasks be placed here? Managers: active on local and without pools, else pause. Workers: active.",
    )
    image: Line | None = Field(default=None, description="Image family, or the provider's own id of an image.")

    def settings(self) -> dict[str, Any]:
        """What was written here, as plain maps, ready to be merged."""
        return {
            name: block.model_dump(exclude_unset=True) if isinstance(block, Block) else block
            for name in Layer.model_fields
            if (block := getattr(self, name)) is not None
        }
