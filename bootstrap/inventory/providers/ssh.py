"""What an inventory may say for `ssh`: hosts that are already there."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field

from bootstrap.inventory.problem import Finding
from bootstrap.inventory.providers.base import InventoryProvider, Range
from bootstrap.inventory.providers.sshfiles import check_key, check_known_hosts
from bootstrap.inventory.schema.addresses import Cidr, HostAddress, HostKey
from bootstrap.inventory.schema.block import Block, Several
from bootstrap.inventory.schema.groups import Port
from bootstrap.inventory.schema.sections import SecretReference
from bootstrap.inventory.schema.texts import FilePath, Form, UserName

if TYPE_CHECKING:
    from bootstrap.inventory.draft import Draft

# Anything weaker is told with E055: there is no "off".
HostKeys = Annotated[str, Form("E055", "strict|accept-new", "host key policy", "write strict or accept-new")]


class SshBecome(Block):
    """From the login user to root."""

    method: Literal["sudo", "none"] = Field(default="sudo", description="sudo, or none for a login as root.")
    password: SecretReference | None = Field(
        default=None, description="Where sudo's password is found. Default: none asked."
    )


class SshBastion(Block):
    """A host in between."""

    address: HostAddress = Field(description="IP address or DNS name.")
    user: UserName | None = Field(default=None, description="Login name. Default: ssh.user.")
    port: Port = Field(default=22, description="SSH port.")
    host_key: HostKey | None = Field(
        default=None, description="Public host key or SHA256 fingerprint; else known_hosts."
    )


class SshNetwork(Block):
    """The network between the hosts."""

    advertise: Cidr | None = Field(
        default=None, description="Range of the swarm's traffic: each host's one address inside it."
    )
    data_path: Cidr | None = Field(default=None, description="Range of the overlay's traffic. Default: as advertise.")
    mtu: int | None = Field(default=None, ge=1280, le=9216, description="MTU of the network that the overlay runs in.")


class SshSettings(Block):
    """How the hosts are reached."""

    user: UserName = Field(default="root", description="Login name. Default root.")
    port: Port = Field(default=22, description="SSH port. Default 22.")
    key: FilePath = Field(default="agent", description="Path of a private key, or agent (the default).")
    known_hosts: FilePath = Field(default="~/.ssh/known_hosts", description="Path of the known host keys.")
    host_keys: HostKeys = Field(
        default="strict", description="strict: a host key must be known. accept-new: pin at first sight."
    )
    parallel: int = Field(default=20, ge=1, le=500, description="How many hosts at a time. Default 20.")
    become: SshBecome = Field(default_factory=SshBecome, description="How root is reached after login.")
    bastion: Several[SshBastion] = Field(default=(), max_length=8, description="Hosts in between, the nearest first.")
    network: SshNetwork = Field(default_factory=SshNetwork, description="Which of a host's addresses the swarm uses.")


class Ssh(InventoryProvider):
    """Hosts that are already there, reached by ssh."""

    name: ClassVar[str] = "ssh"
    summary: ClassVar[str] = "Settings of the provider ssh: hosts that are already there. Not in this version yet."
    block: ClassVar[type[Block]] = SshSettings
    by_hosts: ClassVar[bool] = True
    idle: ClassVar[frozenset[str]] = frozenset(
        {"machine", "machines", "disk", "image", "tags", "spot", "autoscale", "public", "open", "target_groups"}
    )

    def zones(self, draft: Draft) -> tuple[str, ...]:
        """The zones that hosts name, in the file's order; none when none does."""
        return tuple(dict.fromkeys(host.zone for _, host in draft.hosts() if host.zone))

    def check(self, draft: Draft) -> Iterator[Finding]:
        """The files that are named, and the way through bastions."""
        block = draft.settings
        if not isinstance(block, SshSettings):
            return
        yield from check_key(block.key, draft.directory, ("ssh", "key"))
        pinned = all(host.host_key for _, host in draft.hosts())
        if block.host_keys == "strict" and "known_hosts" in block.model_fields_set and not pinned:
            yield from check_known_hosts(block.known_hosts, draft.directory, ("ssh", "known_hosts"))
        seen: dict[tuple[str, int], int] = {}
        for index, bastion in enumerate(block.bastion):
            place, first = ("ssh", "bastion", index, "address"), seen.setdefault((bastion.address, bastion.port), index)
            if first != index:
                what = f"a loop: bastion '{bastion.address}'"
                yield Finding("E056", place, what, "name each once", other=("ssh", "bastion", first, "address"))
        if block.become.method == "none" and block.user != "root":
            what = f"user '{block.user}' cannot become root"
            yield Finding("E053", ("ssh", "become", "method"), what, "write method: sudo, or user: root")

    def ranges(self, draft: Draft) -> Iterator[Range]:
        """The networks that the swarm's own traffic runs in."""
        block = draft.settings
        if not isinstance(block, SshSettings):
            return
        for key in ("advertise", "data_path"):
            if cidr := getattr(block.network, key):
                yield Range(cidr, "the hosts' network", ("ssh", "network", key))

    starter: ClassVar[str] = """\
# yaml-language-server: $schema=./bootstrap.schema.json
# A swarm on hosts that are already there. They need sshd, systemd and Python 3.9; nothing else.
# Not in this version yet: this file is checked (W080 says so) and rendered, `up` refuses it.
#   bootstrap up FILE       make it, or bring it to what this file says
#   bootstrap status FILE   is it healthy?
version: 1
cluster: lab
provider: ssh

ssh:
  user: ops
  key: agent                  # or the path of a private key
  host_keys: strict           # a host key must be in known_hosts, or stand at its host below
  become: {method: sudo}
  # bastion: [{address: gate.example.com, user: ops}]
  network:
    advertise: 10.0.0.0/24    # the swarm uses each host's one address inside this range

managers:
  hosts:                      # an odd number; zones are racks, rooms or sites that fail together
    - {address: 10.0.0.11, name: m1, zone: a}
    - {address: 10.0.0.12, name: m2, zone: b}
    - {address: 10.0.0.13, name: m3, zone: c}

pools:
  web:
    labels: {tier: web}       # for `--constraint node.labels.tier==web`
    hosts:
      - {address: 10.0.0.21, name: w1, zone: a}
      - {address: 10.0.0.22, name: w2, zone: b, labels: {disk: ssd}}

networks:
  app: {encrypted: true}

# Not in this version yet, here or on local:
# tokens: {rotate_every: 24h}
# backup: {every: 6h, keep: 28}
"""
