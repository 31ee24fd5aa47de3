"""How large a script is as it is sent, and what each cloud takes."""

from __future__ import annotations

import gzip

from bootstrap.errors import BootstrapError

KIB = 1024
AWS_LIMIT = 16 * KIB  # of what is sent, before base64; cloud-init unpacks gzip
GCP_LIMIT = 256 * KIB  # of one metadata value, which is text
LIMIT = 1024 * KIB  # of our own: nobody reads more than that


def sizes(script: str) -> tuple[int, int]:
    """Bytes as they are, and packed with gzip."""
    raw = script.encode()
    return len(raw), len(gzip.compress(raw, mtime=0))


def check_size(script: str, provider: str) -> None:
    """BootstrapError E075 with the sizes when the provider would refuse the script. AWS is sent it packed."""
    raw, packed = sizes(script)
    size, limit = {"aws": (packed, AWS_LIMIT), "gcp": (raw, GCP_LIMIT)}.get(provider, (raw, LIMIT))
    if size > limit:
        raise BootstrapError(
            f"user-data is {size} bytes ({raw} raw, {packed} with gzip), {provider} takes {limit}",
            fix="make the hooks smaller: a hook may fetch what it needs",
            code="E075",
        )


def table(scripts: dict[str, str]) -> str:
    """One line for each script: its name, its bytes raw and packed."""
    rows = [f"{'':32} {'raw':>8} {'gzip':>8}"]
    rows += [f"{name:32} {raw:8} {packed:8}" for name, (raw, packed) in ((n, sizes(s)) for n, s in scripts.items())]
    return "\n".join(rows)
