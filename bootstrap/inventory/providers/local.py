"""What an inventory may say for `local`: real engines in network namespaces on this machine."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from bootstrap.inventory.problem import Finding
from bootstrap.inventory.providers.base import InventoryProvider, Range
from bootstrap.inventory.schema.block import Block, Several
from bootstrap.inventory.schema.quantities import Memory
from bootstrap.inventory.schema.texts import ZoneName

if TYPE_CHECKING:
    from bootstrap.inventory.draft import Draft

FABRICS = "10.91.0.0/16"  # every local cluster takes a /20 of it


class LocalSettings(Block):
    """Make-believe zones, and the size of the hosts."""

    zones: Several[ZoneName] = Field(
        default=("a", "b", "c"), min_length=1, max_length=26, description="Names of the zones. Default [a, b, c]."
    )
    memory: Memory = Field(default=1 << 30, description="Memory of each host. Default 1GiB.")


class Local(InventoryProvider):
    """Hosts of `local` boot systemd and cloud-init as a cloud's do; only sizes and hardware mean nothing."""

    name: ClassVar[str] = "local"
    summary: ClassVar[str] = "Settings of the provider local: a cluster on this machine."
    block: ClassVar[type[Block]] = LocalSettings
    built: ClassVar[bool] = True
    families: ClassVar[tuple[str, ...]] = ("debian-13", "debian-12", "debian-sid")
    default_image: ClassVar[str | None] = "debian-13"
    idle: ClassVar[frozenset[str]] = frozenset(
        {"machine", "machines", "tags", "spot", "autoscale", "public", "open", "target_groups"}
    )

    def zones(self, draft: Draft) -> tuple[str, ...]:
        """As written, or a, b and c."""
        return draft.settings.zones if isinstance(draft.settings, LocalSettings) else ()

    def check(self, draft: Draft) -> Iterator[Finding]:
        """A zone stands once."""
        seen: dict[str, int] = {}
        for index, zone in enumerate(self.zones(draft)):
            if zone in seen:
                first = ("local", "zones", seen[zone])
                yield Finding("E034", ("local", "zones", index), f"zone '{zone}'", "name each zone once", other=first)
            seen.setdefault(zone, index)

    def ranges(self, draft: Draft) -> Iterator[Range]:  # noqa: ARG002 - the fabric is no setting
        """The hosts' own network."""
        yield Range(FABRICS, "the hosts of local")

    starter: ClassVar[str] = """\
# yaml-language-server: $schema=./bootstrap.schema.json
# A swarm on this very machine: each host is a network namespace with its own systemd and its own Docker engine.
#   sudo bootstrap up FILE      make it, or bring it to what this file says
#   sudo bootstrap status FILE  is it healthy?
#   sudo bootstrap down FILE    take it away
version: 1
cluster: local            # part of every name; a machine can hold several clusters
provider: local

local:
  zones: [a, b, c]        # make-believe zones: managers are spread over them, as in a cloud
  memory: 1GiB            # per host

managers:
  count: 3                # odd: 3 survive the loss of one, 5 of two

pools:
  web:                    # min and max: `bootstrap scale FILE web=4` sizes it at once
    min: 1
    max: 6
    desired: 1            # the size that it starts with
    labels: {tier: web}   # for `--constraint node.labels.tier==web`
  jobs:
    count: 1              # a fixed size: this file alone decides

networks:
  app: {attachable: true} # an overlay network for your services

# stacks: {web: stacks/web.yml}           # compose stacks that are kept deployed
# docker: {daemon: {log-driver: local}}   # into every engine's daemon.json
# hooks: {post_join: [hooks/label.sh]}    # your scripts, run on each node
"""
