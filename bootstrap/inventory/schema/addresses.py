"""Addresses, ranges and host keys."""

from __future__ import annotations

import base64
import binascii
import ipaddress
import re
from typing import Annotated

from pydantic import AfterValidator

from bootstrap.inventory.schema.block import bad, shown

_DNS = re.compile(
    r"(?=.{1,253}$)[a-zA-Z0-9]([a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?(\.[a-zA-Z0-9]([a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?)*\.?"
)
_DIGITS_AND_DOTS = re.compile(r"[\d.]+")
_FINGERPRINT = re.compile(r"SHA256:[A-Za-z0-9+/]{43}=?")
_KEY_TYPES = ("ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521", "ssh-rsa")


def cidr(value: str) -> str:
    """An IPv4 range without host bits."""
    network = _network(value)
    if network is None or network.version != 4:
        raise bad("E040", f"{shown(value)} is no IPv4 range", "write it as in 10.20.0.0/16")
    if str(network) != value:
        raise bad("E040", f"{shown(value)} has host bits set", f"write {network}")
    return value


def any_cidr(value: str) -> str:
    """A range of IPv4 or IPv6 without host bits."""
    network = _network(value)
    if network is None:
        raise bad("E040", f"{shown(value)} is no address range", "write it as in 203.0.113.0/24")
    if str(network) != value.lower():
        raise bad("E040", f"{shown(value)} has host bits set", f"write {network}")
    return value


def host_address(value: str) -> str:
    """An IP address or a DNS name, for SSH."""
    if _ip(value) is None and (not _DNS.fullmatch(value) or _DIGITS_AND_DOTS.fullmatch(value)):
        raise bad(
            "E041", f"{shown(value)} is no IP address or DNS name", "give what `ssh` would take, without user or port"
        )
    return value


def node_address(value: str) -> str:
    """An IP address that other nodes can reach."""
    address = _ip(value)
    if address is None:
        raise bad("E041", f"{shown(value)} is no IP address", "give the address itself, swarm resolves no names")
    if address.is_loopback or address.is_unspecified or address.is_link_local or address.is_multicast:
        raise bad("E041", f"{shown(value)} cannot be reached by other nodes", "give the host's address in its network")
    return str(address)


def host_key(value: str) -> str:
    """A public host key line or its SHA256 fingerprint."""
    if not _FINGERPRINT.fullmatch(value) and not is_public_key(value):
        hint = "copy a line of `ssh-keyscan` that you verified, or SHA256:…"
        raise bad("E055", f"{shown(value)} is no host key", hint)
    return value


def authorized_key(value: str) -> str:
    """A line of authorized_keys."""
    if "\n" in value or not is_public_key(value):
        raise bad("E055", f"{shown(value)} is no public key", "copy the line of the .pub file")
    return value


def is_public_key(value: str) -> bool:
    """`TYPE BASE64 [comment]` where the base64 begins with the same type."""
    words = value.split()
    if len(words) < 2 or words[0] not in _KEY_TYPES:
        return False
    try:
        data = base64.b64decode(words[1], validate=True)
    except (binascii.Error, ValueError):
        return False
    kind = words[0].encode()
    return data.startswith(len(kind).to_bytes(4, "big") + kind)


def _network(value: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    try:
        return ipaddress.ip_network(value, strict=False) if "/" in value else None
    except ValueError:
        return None


def _ip(value: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(value)
    except ValueError:
        return None


Cidr = Annotated[str, AfterValidator(cidr)]
AnyCidr = Annotated[str, AfterValidator(any_cidr)]
HostAddress = Annotated[str, AfterValidator(host_address)]
NodeAddress = Annotated[str, AfterValidator(node_address)]
HostKey = Annotated[str, AfterValidator(host_key)]
AuthorizedKey = Annotated[str, AfterValidator(authorized_key)]
