"""What an inventory may say for GCP: managed instance groups in a network of ours or of yours."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field

from bootstrap.inventory.problem import Finding
from bootstrap.inventory.providers.base import InventoryProvider, Range
from bootstrap.inventory.providers.cloudchecks import check_network, check_tags
from bootstrap.inventory.providers.cloudzones import check_zones, short
from bootstrap.inventory.schema.addresses import Cidr
from bootstrap.inventory.schema.block import Block, Several
from bootstrap.inventory.schema.texts import Form, LabelValue, Line

if TYPE_CHECKING:
    from bootstrap.inventory.draft import Draft

DEFAULT_CIDR = "10.20.0.0/16"
DEFAULT_ZONES = ("a", "b", "c")
WITHOUT_A = ("europe-west1", "us-east1")  # their zones are b, c and d

Region = Annotated[str, Form("E059", "[a-z]+-[a-z]+[0-9]{1,2}", "GCP region", "write it as in europe-west3", 32)]
Project = Annotated[
    str, Form("E059", "([a-z0-9.-]+:)?[a-z][a-z0-9-]{4,28}[a-z0-9]", "GCP project id", "give the id, not the name", 63)
]
ResourceName = Annotated[str, Form("E035", "[a-z]([a-z0-9-]{0,61}[a-z0-9])?", "GCP resource name", "give its name", 63)]
Bucket = Annotated[
    str, Form("E035", "[a-z0-9][a-z0-9._-]{1,61}[a-z0-9]", "bucket name", "use a to z, 0 to 9, dashes", 63)
]
KmsKey = Annotated[
    str,
    Form(
        "E035",
        "projects/[^/ ]+/locations/[^/ ]+/keyRings/[^/ ]+/cryptoKeys/[^/ ]+",
        "KMS key",
        "give its full name",
        255,
    ),
]


class GcpNetwork(Block):
    """A network that is made (cidr, zones), or one that is there (name, subnetwork, zones)."""

    cidr: Cidr | None = Field(
        default=None, description=f"Range of the subnetwork that is made. Default {DEFAULT_CIDR}."
    )
    zones: Several[Line] | None = Field(
        default=None, min_length=1, description="Zones by letter. Default: the region's first three."
    )
    project: Project | None = Field(default=None, description="Host project of a shared VPC. Default: gcp.project.")
    name: ResourceName | None = Field(default=None, description="A network that is there.")
    subnetwork: ResourceName | None = Field(default=None, description="Its subnetwork in the region.")
    mtu: int | None = Field(
        default=None, ge=1300, le=8896, description="Its MTU, 1300 to 8896. Default 1500 made, 1460 yours."
    )


class GcpSettings(Block):
    """Project, region and network."""

    project: Project = Field(description="Project id.")
    region: Region = Field(description="Region, as in europe-west3.")
    access: Literal["iap", "ssh"] = Field(
        default="iap", description="How nodes are reached: ssh through IAP, or plain ssh."
    )
    tags: dict[Line, LabelValue] | None = Field(
        default=None, description="Labels of everything that is made and can have them."
    )
    network: GcpNetwork = Field(default_factory=GcpNetwork, description="The network: made, or yours.")
    kms_key: KmsKey | None = Field(default=None, description="Key for secrets and backups. Default: Google's.")
    bucket: Bucket | None = Field(
        default=None, description="Bucket for the control object and backups. Default: one is made."
    )


class Gcp(InventoryProvider):
    """GCP: managed instance groups."""

    name: ClassVar[str] = "gcp"
    summary: ClassVar[str] = "Settings of the provider gcp: managed instance groups. Not in this version yet."
    block: ClassVar[type[Block]] = GcpSettings
    families: ClassVar[tuple[str, ...]] = ("debian-13", "debian-12", "ubuntu-24.04", "ubuntu-22.04")
    default_image: ClassVar[str | None] = "debian-13"
    image_id: ClassVar[str | None] = "projects/[a-z0-9.:-]+/global/images/(family/)?[a-z0-9-]+"
    machine_type: ClassVar[str | None] = "[a-z][a-z0-9]*-[a-z0-9-]+"
    default_machine: ClassVar[str | None] = "e2-small"
    user_data_limit: ClassVar[int | None] = 262_144
    idle: ClassVar[frozenset[str]] = frozenset({"target_groups"})

    def zones(self, draft: Draft) -> tuple[str, ...]:
        """Short names."""
        block = draft.settings
        if not isinstance(block, GcpSettings):
            return ()
        written = block.network.zones or _default_zones(block.region)
        return tuple(dict.fromkeys(short(zone, block.region) for zone in written))

    def settings(self, block: Block) -> Block:
        """The network's defaults are filled in and its zones have short names."""
        if not isinstance(block, GcpSettings):
            return block
        net = block.network
        zones = tuple(short(zone, block.region) for zone in net.zones or _default_zones(block.region))
        made = {"zones": zones, "mtu": net.mtu or (1460 if net.name else 1500)}
        if not net.name:
            made["cidr"] = net.cidr or DEFAULT_CIDR
        return block.model_copy(update={"network": net.model_copy(update=made)})

    def check(self, draft: Draft) -> Iterator[Finding]:
        """Zones, made or yours, and labels."""
        block = draft.settings
        if not isinstance(block, GcpSettings):
            return
        loc = ("gcp", "network")
        yield from check_network(block.network, loc, existing=("name", "subnetwork"), made=("cidr",))
        yield from check_zones(block.network.zones or (), block.region, (*loc, "zones"), f"{block.region}-a")
        letters = "[a-z0-9_-]{0,63}"
        yield from check_tags(draft, block.tags, ("gcp", "tags"), key="[a-z][a-z0-9_-]{0,62}", most=50, value=letters)

    def ranges(self, draft: Draft) -> Iterator[Range]:
        """The subnetwork, when we know its range."""
        block = draft.settings
        if isinstance(block, GcpSettings) and not block.network.name:
            yield Range(block.network.cidr or DEFAULT_CIDR, "the subnetwork", ("gcp", "network", "cidr"))

    starter: ClassVar[str] = """\
# yaml-language-server: $schema=./bootstrap.schema.json
# A swarm on GCP: one managed instance group of managers per zone, a regional one for each worker pool.
# Not in this version yet: this file is checked (W080 says so) and rendered, `up` refuses it.
#   bootstrap plan FILE     what would be made
#   bootstrap up FILE       make it, or bring it to what this file says
#   bootstrap status FILE   is it healthy?
version: 1
cluster: prod
provider: gcp

gcp:
  project: my-project
  region: europe-west3
  network:
    cidr: 10.20.0.0/16        # a network is made; for one of yours: {name: …, subnetwork: …, mtu: 1460}
    zones: [a, b, c]          # three zones: any one of them may fail

managers:
  count: 3                    # odd: 3 survive the loss of one, 5 of two
  machine: e2-medium
  disk: {size: 50GiB, type: pd-balanced}

pools:
  web:
    min: 2
    max: 10
    machine: e2-standard-2
    labels: {tier: web}       # for `--constraint node.labels.tier==web`
    autoscale: {cpu: 60}

networks:
  app: {encrypted: true}

# Not in this version yet, here or on local:
# tokens: {rotate_every: 24h}
# backup: {every: 6h, keep: 28}
"""


def _default_zones(region: str) -> tuple[str, ...]:
    return ("b", "c", "d") if region in WITHOUT_A else DEFAULT_ZONES
