"""The blocks at the top of an inventory besides the machines: swarm, tokens, backup, networks, stacks, registries."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from bootstrap.inventory.schema.addresses import Cidr
from bootstrap.inventory.schema.block import Block, bad
from bootstrap.inventory.schema.quantities import BackupEvery, CertExpiry, RotateEvery
from bootstrap.inventory.schema.texts import FilePath, Line, VariableName

Command = Annotated[tuple[Line, ...], Field(strict=False, min_length=1, max_length=64)]


class UnlockKeyBlock(Block):
    """Where the unlock key is kept on ssh: it is written to the one's stdin and read from the other's stdout."""

    save: Command = Field(description="Command that stores the key it gets on stdin.")
    load: Command = Field(description="Command that prints the key.")


class SwarmBlock(Block):
    """What `docker swarm init` gets; fixed for the life of the swarm but for autolock and cert_expiry."""

    address_pool: Cidr = Field(default="10.200.0.0/16", description="Range that overlay networks are cut from.")
    subnet_size: int = Field(default=24, ge=16, le=29, description="Prefix length of each overlay network.")
    data_path_port: int = Field(default=4789, description="UDP port of the overlay's VXLAN, 1024 to 49151.")
    autolock: bool = Field(
        default=False, description="Encrypt the managers' raft logs with a key that is asked at each start."
    )
    cert_expiry: CertExpiry = Field(default=2160 * 3600, description="Lifetime of node certificates. Default 2160h.")
    unlock_key: UnlockKeyBlock | None = Field(default=None, description="Commands that keep the unlock key (ssh).")


class TokensBlock(Block):
    """The join tokens."""

    rotate_every: RotateEvery = Field(
        default=24 * 3600,
        description="Time between two rotations of the join tokens by the leader, 15m to 90d, or off. Default 24h.",
    )


class BackupBlock(Block):
    """Copies of the swarm's state."""

    every: BackupEvery = Field(
        default=6 * 3600, description="Not in this version yet. Time between backups, 15m to 30d, or off. Default 6h."
    )
    keep: int = Field(default=28, ge=1, le=1000, description="Not in this version yet. How many are kept.")


class NetworkBlock(Block):
    """An overlay network that the cluster keeps."""

    encrypted: bool = Field(default=False, description="Encrypt traffic between nodes (IPsec).")
    attachable: bool = Field(default=False, description="Let containers outside of services attach.")
    internal: bool = Field(default=False, description="No way to the outside.")
    subnet: Cidr | None = Field(
        default=None, description="Range of its addresses. Default: cut from swarm.address_pool."
    )


class SecretReference(Block):
    """Where a secret is found; the secret itself never stands in an inventory. Exactly one key."""

    env: VariableName | None = Field(default=None, description="Environment variable of the one who runs bootstrap.")
    file: FilePath | None = Field(default=None, description="File on the machine that runs bootstrap.")
    command: Command | None = Field(default=None, description="Command that prints it.")
    ssm: Line | None = Field(default=None, description="AWS Systems Manager parameter.")
    gsm: Line | None = Field(default=None, description="GCP Secret Manager secret.")

    @model_validator(mode="before")
    @classmethod
    def _reference(cls, value: object) -> object:
        hint = "write {env: NAME}, or file, command, ssm, gsm"
        if isinstance(value, str):
            raise bad("E051", "secrets do not belong in the inventory", hint)
        if isinstance(value, dict) and len(value) != 1:
            raise bad("E022", "expected exactly one of env, file, command, ssm, gsm", hint)
        return value


class RegistryBlock(Block):
    """How the nodes log in to a registry."""

    username: Line = Field(description="User name.")
    password: SecretReference = Field(description="Where the password is found.")
