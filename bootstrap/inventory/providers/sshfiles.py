"""The key and the known hosts that an ssh inventory names."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from bootstrap.inventory.problem import Finding, Loc
from bootstrap.inventory.redaction import shown
from bootstrap.inventory.source import Unreadable, read_text, reason

AGENT = "agent"
_MAX_KEY = 64 << 10
_PRIVATE = ("-----BEGIN OPENSSH PRIVATE KEY-----", "-----BEGIN RSA PRIVATE KEY-----", "-----BEGIN EC PRIVATE KEY-----")


def check_key(written: str, directory: Path, loc: Loc) -> Iterator[Finding]:
    """A private key that only its owner may read; the key itself is not kept."""
    if written == AGENT:
        return
    try:
        path = _path(written, directory)
        text, _ = read_text(path, _MAX_KEY)
        mode = stat.S_IMODE(path.stat().st_mode)
    except (Unreadable, OSError, RuntimeError) as error:
        what = getattr(error, "what", None) or f"cannot read: {reason(error)}"
        yield Finding("E054", loc, f"key {shown(written)}: {what}", "give the path of a private key, or agent")
        return
    if mode & 0o077:
        what = f"key {shown(written)} has mode {mode:04o}, others may use it"
        yield Finding("E054", loc, what, f"run `chmod 600 {written}`")
    if text.startswith(("ssh-", "ecdsa-")):
        yield Finding("E054", loc, f"key {shown(written)} is a public key", "give the private one, without .pub")
    elif not text.startswith(_PRIVATE):
        yield Finding("E054", loc, f"key {shown(written)} is of no supported type", "use `ssh-keygen -t ed25519`")


def check_known_hosts(written: str, directory: Path, loc: Loc) -> Iterator[Finding]:
    """The file is there: under `strict` nobody could be reached without."""
    try:
        found = _path(written, directory).is_file()
    except (OSError, RuntimeError, ValueError):
        found = False
    if not found:
        hint = "make it with `ssh-keyscan` and verify it, or give each host's host_key"
        yield Finding("E055", loc, f"known_hosts {shown(written)} is no file", hint)


def _path(written: str, directory: Path) -> Path:
    return directory / os.path.expanduser(written)  # noqa: PTH111 - Path.expanduser fails for an unknown user
