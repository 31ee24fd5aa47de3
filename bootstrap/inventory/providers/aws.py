"""What an inventory may say for AWS: Auto Scaling groups in a network of ours or of yours."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field

from bootstrap.inventory.problem import Finding
from bootstrap.inventory.providers.base import InventoryProvider, Range
from bootstrap.inventory.providers.cloudchecks import check_network, check_tags, check_target_groups
from bootstrap.inventory.providers.cloudzones import check_zones, short
from bootstrap.inventory.schema.addresses import Cidr
from bootstrap.inventory.schema.block import Block, Several
from bootstrap.inventory.schema.texts import Form, LabelValue, Line

if TYPE_CHECKING:
    from bootstrap.inventory.draft import Draft

DEFAULT_CIDR = "10.20.0.0/16"
DEFAULT_ZONES = ("a", "b", "c")

Region = Annotated[str, Form("E059", "[a-z]{2}(-[a-z]+){1,3}-[0-9]", "AWS region", "write it as in eu-central-1", 32)]
Account = Annotated[str, Form("E059", "[0-9]{12}", "AWS account", "write its 12 digits, quoted", 12)]
VpcId = Annotated[str, Form("E035", "vpc-[0-9a-f]{1,17}", "VPC id", "write it as in vpc-0a1b2c3d", 32)]
SubnetId = Annotated[str, Form("E035", "subnet-[0-9a-f]{1,17}", "subnet id", "write it as in subnet-0a1b2c3d", 32)]
Bucket = Annotated[
    str, Form("E035", "[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", "bucket name", "use a to z, 0 to 9, dashes", 63)
]
Arn = Annotated[str, Form("E035", "arn:aws[a-z-]*:[^ ]+", "ARN", "write it as in arn:aws:iam::123456789012:…", 512)]
IamPath = Annotated[str, Form("E035", "/([!-~]+/)?", "IAM path", "begin and end it with a slash", 512)]
IamName = Annotated[str, Form("E035", "[A-Za-z0-9+=,.@_-]+", "instance profile", "give its name", 128)]
KmsKey = Annotated[
    str,
    Form(
        "E035", "arn:aws[a-z-]*:kms:[^ ]+|alias/[A-Za-z0-9/_-]+|[0-9a-f-]{36}", "KMS key", "give its id, alias or ARN"
    ),
]


class AwsNetwork(Block):
    """A network that is made (cidr, zones, egress), or one that is there (vpc, subnets)."""

    cidr: Cidr | None = Field(default=None, description=f"Range of the VPC that is made. Default {DEFAULT_CIDR}.")
    zones: Several[Line] | None = Field(default=None, min_length=1, description="Zones by letter. Default [a, b, c].")
    egress: Literal["nat", "public", "none"] | None = Field(
        default=None,
        description="nat (default): a NAT gateway per zone. public: public addresses. none: endpoints only.",
    )
    vpc: VpcId | None = Field(default=None, description="A VPC that is there.")
    subnets: dict[Line, SubnetId] | None = Field(default=None, min_length=1, description="Its private subnets by zone.")
    public_subnets: dict[Line, SubnetId] | None = Field(default=None, description="Its public subnets by zone.")


class AwsProfiles(Block):
    """Instance profiles that are there."""

    manager: IamName = Field(description="Name of the managers' instance profile.")
    worker: IamName = Field(description="Name of the workers' instance profile.")


class AwsIam(Block):
    """Roles: made by us within your bounds, or yours."""

    permissions_boundary: Arn | None = Field(default=None, description="ARN of the boundary that roles are made with.")
    path: IamPath | None = Field(default=None, description="Path of the roles that are made.")
    profiles: AwsProfiles | None = Field(default=None, description="Your own instance profiles; then no role is made.")


class AwsSettings(Block):
    """Region, account and network."""

    region: Region = Field(description="Region, as in ap-northeast-2.")
    account: Account | None = Field(
        default=None, description="Account id, quoted; another account's credentials are refused."
    )
    profile: Line | None = Field(default=None, description="Profile of your AWS configuration.")
    tags: dict[Line, LabelValue] | None = Field(default=None, description="Tags of everything that is made.")
    access: Literal["ssm", "ssh"] = Field(default="ssm", description="How nodes are reached: Session Manager, or ssh.")
    network: AwsNetwork = Field(default_factory=AwsNetwork, description="The VPC: made, or yours.")
    iam: AwsIam | None = Field(default=None, description="Bounds and names of roles.")
    kms_key: KmsKey | None = Field(default=None, description="Key for tokens and backups. Default: one is made.")
    bucket: Bucket | None = Field(
        default=None, description="Bucket for the control object and backups. Default: one is made."
    )


class Aws(InventoryProvider):
    """AWS: EC2 Auto Scaling groups."""

    name: ClassVar[str] = "aws"
    summary: ClassVar[str] = "Settings of the provider aws: Auto Scaling groups. Not in this version yet."
    block: ClassVar[type[Block]] = AwsSettings
    families: ClassVar[tuple[str, ...]] = ("ubuntu-24.04", "ubuntu-22.04", "debian-12", "debian-13", "al2023")
    default_image: ClassVar[str | None] = "ubuntu-24.04"
    image_id: ClassVar[str | None] = "ami-[0-9a-f]{1,17}"
    machine_type: ClassVar[str | None] = r"[a-z][a-z0-9-]*\.[a-z0-9-]+"
    default_machine: ClassVar[str | None] = "t3.small"
    user_data_limit: ClassVar[int | None] = 16_384

    def zones(self, draft: Draft) -> tuple[str, ...]:
        """Short names, from the list or from the subnets."""
        block = draft.settings
        if not isinstance(block, AwsSettings):
            return ()
        written = block.network.zones or tuple(block.network.subnets or ()) or DEFAULT_ZONES
        return tuple(dict.fromkeys(short(zone, block.region) for zone in written))

    def settings(self, block: Block) -> Block:
        """The network's defaults are filled in and its zones have short names."""
        if not isinstance(block, AwsSettings):
            return block
        net, region = block.network, block.region
        if net.vpc:
            made = {
                key: {short(zone, region): subnet for zone, subnet in (getattr(net, key) or {}).items()}
                for key in ("subnets", "public_subnets")
            }
            return block.model_copy(update={"network": net.model_copy(update=made)})
        zones = tuple(short(zone, region) for zone in net.zones or DEFAULT_ZONES)
        filled = {"cidr": net.cidr or DEFAULT_CIDR, "zones": zones, "egress": net.egress or "nat"}
        return block.model_copy(update={"network": net.model_copy(update=filled)})

    def check(self, draft: Draft) -> Iterator[Finding]:
        """Zones, made or yours, tags and target groups."""
        block = draft.settings
        if not isinstance(block, AwsSettings):
            return
        loc = ("aws", "network")
        yield from check_network(block.network, loc, existing=("vpc", "subnets"), made=("cidr", "zones", "egress"))
        for key in ("zones", "subnets", "public_subnets"):
            yield from check_zones(getattr(block.network, key) or (), block.region, (*loc, key), f"{block.region}a")
        for name, group_loc, group in draft.groups():
            if getattr(group, "public", None) and block.network.vpc and not block.network.public_subnets:
                what = f"pool '{name}' is public, the network has no public subnets"
                yield Finding("E034", (*group_loc, "public"), what, "give aws.network.public_subnets")
        yield from check_target_groups(draft)
        yield from check_tags(
            draft, block.tags, ("aws", "tags"), key=r"(?!aws:|bootstrap:)[\w.:/=+@ -]{1,128}", most=40
        )

    def ranges(self, draft: Draft) -> Iterator[Range]:
        """The VPC, when we know its range."""
        block = draft.settings
        if isinstance(block, AwsSettings) and not block.network.vpc:
            yield Range(block.network.cidr or DEFAULT_CIDR, "the VPC", ("aws", "network", "cidr"))

    starter: ClassVar[str] = """\
# yaml-language-server: $schema=./bootstrap.schema.json
# A swarm on AWS: one Auto Scaling group of managers per zone, one for each worker pool over all zones.
# Not in this version yet: this file is checked (W080 says so) and rendered, `up` refuses it.
#   bootstrap plan FILE     what would be made
#   bootstrap up FILE       make it, or bring it to what this file says
#   bootstrap status FILE   is it healthy?
version: 1
cluster: prod
provider: aws

aws:
  region: eu-central-1
  # account: "123456789012"   # refuse to work with another account's credentials
  network:
    cidr: 10.20.0.0/16        # a VPC is made; for one of yours: {vpc: vpc-…, subnets: {a: subnet-…, b: …, c: …}}
    zones: [a, b, c]          # three zones: any one of them may fail
    egress: nat

managers:
  count: 3                    # odd: 3 survive the loss of one, 5 of two
  machine: t3.small
  disk: {size: 50GiB, type: gp3}

pools:
  web:
    min: 2
    max: 10
    machines: [m7i.large, m6i.large]   # the preferred one first
    labels: {tier: web}                # for `--constraint node.labels.tier==web`
    autoscale: {cpu: 60}
    # spot: 70%                        # above a base that is on demand

networks:
  app: {encrypted: true}

# Not in this version yet, here or on local:
# tokens: {rotate_every: 24h}
# backup: {every: 6h, keep: 28}
"""
