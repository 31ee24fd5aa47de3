"""Where packages come from: this machine's own Debian mirror and proxy, so that a host downloads as it does."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from bootstrap.lab import command

DEFAULT = "http://deb.debian.org/debian"
KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
KEPT = re.compile(r"^(Acquire::(?:https?|ftp)::(?:[^ ]*::)?Proxy|Acquire::Check-(?:Valid-Until|Date)) \"(.*)\";$")


def texts(folder: Path = Path("/etc/apt")) -> list[str]:
    """The text of apt's source lists on this machine."""
    files = [folder / "sources.list", *sorted((folder / "sources.list.d").glob("*"))]
    return [one.read_text(errors="replace") for one in files if one.suffix in {".list", ".sources"} and one.is_file()]


def addresses(sources: list[str]) -> Iterator[str]:
    """Every archive address in these texts, in either of apt's two formats."""
    for text in sources:
        for line in text.splitlines():
            if found := re.match(r"deb(?:\s+\[[^]]*\])?\s+(\S+)", line):
                yield found[1]
            elif line.startswith("URIs:"):
                yield from line.split()[1:]


def lines(suite: str, sources: list[str], *, updates: bool) -> list[str]:
    """The apt lines of a Debian suite; with `updates` also its corrections and security fixes."""
    plain = [one.rstrip("/") for one in addresses(sources)]
    archive = next((one for one in plain if re.search(r"/debian$", one)), None)
    security = next((one for one in plain if re.search(r"/debian-security$", one)), None)
    trust = f"[signed-by={KEYRING}] " if KEYRING.exists() else ""
    suites = f"{suite} {suite}-updates" if updates else suite
    found = [f"deb {trust}{archive or DEFAULT} {suites} main"]
    if updates and (security or archive is None):  # a mirror without security fixes may be all that can be reached
        found.append(f"deb {trust}{security or DEFAULT + '-security'} {suite}-security main")
    return found


def options(dump: str) -> list[str]:
    """The settings in the output of `apt-config dump` without which downloading may fail here: proxies, dates."""
    return [f'{found[1]} "{found[2]}"' for line in dump.splitlines() if (found := KEPT.match(line)) and found[2]]


def machine_options() -> list[str]:
    """The same of this machine; none where it has no apt."""
    if not command.available("apt-config"):
        return []
    return options(command.run(["apt-config", "dump"]))
