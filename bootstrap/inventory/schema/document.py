"""The whole inventory as one model, with a block for each provider in the table; and its JSON schema."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, create_model

from bootstrap.inventory.providers import NAMES, every_provider
from bootstrap.inventory.schema.groups import ManagersBlock, PoolBlock, Shorter, StackBlock
from bootstrap.inventory.schema.layer import Layer
from bootstrap.inventory.schema.sections import BackupBlock, NetworkBlock, RegistryBlock, SwarmBlock, TokensBlock
from bootstrap.inventory.schema.texts import ClusterName, NetworkName, PoolName, RegistryName, StackName

VERSION = 1
REQUIRED = ("version", "cluster", "provider", "managers")
_STACK_PATH = Shorter({"type": "string"})


class Inventory(Layer):
    """An inventory file of `bootstrap`: one file describes one Docker Swarm."""

    # The four keys that must be there are optional here: `rules.document` tells their absence better than pydantic.
    version: Literal[1] | None = Field(default=None, description="Version of this format: 1.")
    cluster: ClusterName | None = Field(
        default=None, description="Name of the cluster, part of all names that are made."
    )
    provider: str | None = Field(
        default=None,
        description="Where the machines come from. Not in this version yet: aws, gcp, ssh are checked and rendered only.",
        json_schema_extra={"enum": [*NAMES]},
    )
    protect: bool = Field(default=False, description="Refuse `down`.")
    single_zone: bool | None = Field(
        default=None, description="Allow a majority of the managers in one zone. Default: true on ssh without zones."
    )
    allow_even: bool = Field(default=False, description="Allow an even number of managers.")
    swarm: SwarmBlock | None = Field(default=None, description="What `docker swarm init` gets.")
    tokens: TokensBlock | None = Field(default=None, description="Rotation of the join tokens by schedule.")
    backup: BackupBlock | None = Field(
        default=None, description="Backups of the swarm's state. Not in this version yet."
    )
    managers: ManagersBlock | None = Field(default=None, description="The swarm's managers.")
    pools: dict[PoolName, PoolBlock] | None = Field(default=None, max_length=1000, description="Worker pools by name.")
    networks: dict[NetworkName, NetworkBlock] | None = Field(
        default=None, max_length=1000, description="Overlay networks by name."
    )
    stacks: dict[StackName, Annotated[StackBlock, _STACK_PATH]] | None = Field(
        default=None, description="Compose stacks by name."
    )
    registries: dict[RegistryName, RegistryBlock] | None = Field(
        default=None, description="Registry logins by host. Not in this version yet."
    )


def _with_providers() -> type[Inventory]:
    blocks: dict[str, Any] = {
        one.name: (one.block | None, Field(default=None, description=one.summary)) for one in every_provider()
    }
    return create_model("Inventory", __base__=Inventory, __doc__=Inventory.__doc__, **blocks)


InventoryFile = _with_providers()


def json_schema() -> dict[str, Any]:
    """See `bootstrap.inventory.json_schema`."""
    schema = _with_variables(InventoryFile.model_json_schema())
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "bootstrap inventory"}
    return {**head, **schema, "title": head["title"], "required": list(REQUIRED)}


def _with_variables(node: Any) -> Any:
    """The schema as the loader reads: `${VAR}` in any scalar, and no null, which pydantic adds for "not given"."""
    if isinstance(node, list):
        return [_with_variables(one) for one in node]
    if not isinstance(node, dict):
        return node
    kept = {key: _below(key, value) for key, value in _without_null(node).items() if key != "title"}
    if "patternProperties" in kept:
        kept["additionalProperties"] = False
    if isinstance(kept.get("pattern"), str):
        return {**kept, "pattern": rf"{kept['pattern']}|\$\{{"}
    if kept.get("type") in ("integer", "boolean", "number") or "enum" in kept or "const" in kept:
        told = {key: kept.pop(key) for key in ("description", "default") if key in kept}
        return {**told, "anyOf": [kept, {"type": "string", "pattern": r"\$\{"}]}
    return kept


def _without_null(node: dict[str, Any]) -> dict[str, Any]:
    """Of "this or null" only this, and no null as a default."""
    rest = {key: value for key, value in node.items() if key != "anyOf" and not (key == "default" and value is None)}
    forms = [one for one in node.get("anyOf", ()) if one != {"type": "null"}]
    if len(forms) == 1:
        return {**forms[0], **rest}
    return {**rest, "anyOf": forms} if forms else rest


def _below(key: str, value: Any) -> Any:
    """What a keyword holds: schemas by name, plain data, or a schema."""
    if key in {"properties", "$defs"}:
        return {name: _with_variables(one) for name, one in value.items()}
    return value if key in _LEFT else _with_variables(value)


_LEFT = {"default", "enum", "const", "required", "propertyNames"}
