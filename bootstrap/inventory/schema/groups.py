"""The managers, the worker pools, and hosts that are already there."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, GetJsonSchemaHandler, model_validator
from pydantic_core import CoreSchema

from bootstrap.inventory.schema.addresses import AnyCidr, HostAddress, HostKey, NodeAddress
from bootstrap.inventory.schema.block import Block, Several, bad, expected
from bootstrap.inventory.schema.layer import Layer
from bootstrap.inventory.schema.texts import Form, Line, UserName, VariableName, ZoneName

MAX_MACHINES = 10_000

HostName = Annotated[
    str, Form("E023", "[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", "host name", "use a to z, 0 to 9 and dashes, at most 63")
]
Port = Annotated[int, Field(ge=1, le=65535)]
Count = Annotated[int, Field(ge=0, le=MAX_MACHINES)]


class HostBlock(Layer):
    """A machine that is already there (ssh only)."""

    address: HostAddress = Field(description="IP address or DNS name, for SSH.")
    name: HostName | None = Field(default=None, description="Host name. Default: the machine's own.")
    zone: ZoneName | None = Field(default=None, description="Failure domain: a rack, a room, a site.")
    advertise: NodeAddress | None = Field(default=None, description="IP address that other nodes reach it by.")
    host_key: HostKey | None = Field(
        default=None, description="Public host key or SHA256 fingerprint; else known_hosts."
    )
    user: UserName | None = Field(default=None, description="Login name. Default: ssh.user.")
    port: Port | None = Field(default=None, description="SSH port. Default: ssh.port.")


class OpenBlock(Block):
    """One port that the outside may reach."""

    port: Port = Field(description="Port on the node.")
    protocol: Literal["tcp", "udp"] = Field(default="tcp", description="tcp or udp.")
    from_: Several[AnyCidr] = Field(alias="from", min_length=1, description="Address ranges that may connect.")


class SpotBlock(Block):
    """How much of a pool is spot. Shorter: `true`, or `70%`."""

    percent: int = Field(default=100, ge=0, le=100, description="Share of spot machines above on_demand_base.")
    on_demand_base: int = Field(default=0, ge=0, le=MAX_MACHINES, description="Machines that are never spot.")

    @model_validator(mode="before")
    @classmethod
    def _short(cls, value: object) -> object:
        if isinstance(value, bool):
            return {"percent": 100 if value else 0}
        if isinstance(value, dict):
            return value
        if not isinstance(value, str):
            raise expected("true, a share or a map", value, "write it as in 70%")
        number = value.removesuffix("%")
        if number == value or not number.isascii() or not number.isdigit() or len(number) > 3 or int(number) > 100:
            raise bad("E022", "expected true, a share or a map", "write it as in 70%")
        return {"percent": int(number)}


class AutoscaleBlock(Block):
    """When the cloud grows and shrinks the pool between min and max."""

    cpu: int = Field(ge=1, le=100, description="Mean CPU use in percent that is aimed at.")


class Shorter:
    """In the JSON schema: the block, or one of its shorter forms."""

    def __init__(self, *forms: dict[str, Any]) -> None:
        self.forms = forms

    def __get_pydantic_json_schema__(self, core: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {"anyOf": [*self.forms, handler(core)]}


_SHORT_SPOT = Shorter({"type": "boolean"}, {"type": "string", "pattern": "^[0-9]{1,3}%$"})


class ManagersBlock(Layer):
    """The swarm's managers: an odd number, spread over the zones."""

    count: Count | None = Field(default=None, description="How many: 1, 3, 5, 7 or 9. On ssh give hosts instead.")
    machine: Line | None = Field(default=None, description="Machine type, as in t3.small or e2-medium.")
    hosts: Several[HostBlock] | None = Field(default=None, description="The machines themselves (ssh only).")


class PoolBlock(Layer):
    """Worker machines that are alike. Give count, or min and max, or (ssh) hosts."""

    count: Count | None = Field(default=None, description="A fixed size.")
    min: Count | None = Field(default=None, description="Smallest size that an autoscaler may choose.")
    max: Count | None = Field(default=None, description="Largest size that an autoscaler may choose.")
    desired: Count | None = Field(
        default=None, description="Size when the group is made; never compared later. Default: min."
    )
    hosts: Several[HostBlock] | None = Field(default=None, description="The machines themselves (ssh only).")
    machine: Line | None = Field(default=None, description="Machine type; short for machines with one item.")
    machines: Several[Line] | None = Field(
        default=None, min_length=1, description="Machine types, the preferred one first."
    )
    spot: Annotated[SpotBlock, _SHORT_SPOT] | None = Field(
        default=None, description="Spot machines: true, 70%, or a map."
    )
    autoscale: AutoscaleBlock | None = Field(
        default=None, description="Let the cloud choose the size between min and max."
    )
    public: bool | None = Field(default=None, description="Public addresses and subnets.")
    open: Several[OpenBlock] | None = Field(default=None, description="Ports that the outside may reach.")
    target_groups: Several[Line] | None = Field(default=None, description="ARNs of load balancer target groups (aws).")


class StackBlock(Block):
    """A compose stack. Shorter: the path of its one file."""

    files: Several[Line] = Field(min_length=1, description="Compose files, from the inventory's directory.")
    env: dict[VariableName, str] | None = Field(
        default=None, description="Variables for the files; values are strings."
    )

    @model_validator(mode="before")
    @classmethod
    def _short(cls, value: object) -> object:
        if isinstance(value, list):
            raise expected("map or path", value, "write {files: [a.yml, b.yml]}")
        return {"files": [value]} if isinstance(value, str) else value
