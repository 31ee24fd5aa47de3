"""The user's settings as the files that a node gets. A line break must not smuggle a second setting in."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import quote

from bootstrap.errors import BootstrapError
from bootstrap.model.cluster import Hook, Hooks, Pool, Proxy
from bootstrap.model.naming import fit

NEVER_BY_PROXY = ("localhost", "127.0.0.1", "::1", "169.254.169.254")

LONGEST_NAME = 120  # of a hook's file: a file system takes 255 bytes, and others are put behind it

_PACKAGE = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.+_:~=-]*[A-Za-z0-9+])?")  # "name-" would mean to apt: remove it
_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9.+_:~-]*")
_SYSCTL = re.compile(r"[a-z0-9][A-Za-z0-9._/-]*")
_URL_SAFE = ":/?#[]@!$&'()*+,;=%"  # of RFC 3986; the rest is percent-encoded, which is the same URL


def as_json(value: Mapping[str, Any]) -> str:
    """JSON in ASCII, keys sorted, so that equal values are equal bytes."""
    return json.dumps(value, indent=1, sort_keys=True, allow_nan=False, default=_plain) + "\n"


def system(pool: Pool) -> dict[str, Any]:
    """What the templates need of `os` and of the proxies; empty text where nothing is set."""
    wanted = pool.os
    ntp = [word(server, "os.ntp") for server in wanted.ntp]
    return {
        "packages": [_match(_PACKAGE, name, "os.packages") for name in wanted.packages],
        "sysctl_conf": _lines(
            f"{_match(_SYSCTL, key, 'os.sysctl')} = {line(value, f'os.sysctl.{key}')}"
            for key, value in sorted(wanted.sysctl.items())
        ),
        "ntp_servers": ntp,
        "timesyncd_conf": _lines(["[Time]", f"NTP={' '.join(ntp)}"]),
        "chrony_sources": _lines(f"server {server} iburst" for server in ntp),
        "authorized_keys": [line(key, "os.authorized_keys") for key in wanted.authorized_keys],
        **proxy(pool.docker.proxy),
    }


def proxy(wanted: Proxy) -> dict[str, Any]:
    """The proxies as environment variables, as apt's settings and as the engine's."""
    urls = {name: quote(url, safe=_URL_SAFE) for name, url in (("http", wanted.http), ("https", wanted.https)) if url}
    direct = ",".join([*NEVER_BY_PROXY, *(line(host, "docker.proxy.no_proxy") for host in wanted.no_proxy)])
    variables = {**{f"{name}_proxy": url for name, url in urls.items()}, "no_proxy": direct}
    return {
        "proxied": bool(urls),
        "proxy_environment": variables,
        "apt_conf": _lines(f'Acquire::{name}::Proxy "{url}";' for name, url in urls.items()),
        "docker_conf": _lines(["[Service]", *(_systemd(name.upper(), value) for name, value in variables.items())]),
    }


def hooks(wanted: Hooks) -> dict[str, list[dict[str, str]]]:
    """For each moment the files that stand on the node, in their order."""
    moments = {
        "pre-docker": wanted.pre_docker,
        "pre-join": wanted.pre_join,
        "post-join": wanted.post_join,
        "pre-drain": wanted.pre_drain,
    }
    return {moment: _hook_files(moment, scripts) for moment, scripts in moments.items()}


def line(text: str, where: str) -> str:
    """The text, if it is one line without control characters."""
    if any(ord(char) < 32 or ord(char) == 127 for char in text):
        raise BootstrapError("a line break or control character cannot stand here", where=where, code="E077")
    return text


def word(text: str, where: str) -> str:
    """The text, if it is one word as a version, a host name or an address is."""
    return _match(_WORD, text, where)


def _match(pattern: re.Pattern[str], text: str, where: str) -> str:
    if not pattern.fullmatch(text):
        raise BootstrapError(f"{text!r} cannot stand here", where=where, code="E077")
    return text


def _hook_files(moment: str, scripts: tuple[Hook, ...]) -> list[dict[str, str]]:
    """Numbered, since they run in the order of their names; other characters of a name than these become `_`."""
    width = max(2, len(str(len(scripts))))
    plain = [re.sub(r"[^A-Za-z0-9._-]", "_", hook.name) for hook in scripts]
    names = [fit(f"{number:0{width}d}-{name}", LONGEST_NAME) for number, name in enumerate(plain, 1)]
    return [
        {"name": name, "path": f"/etc/bootstrap/hooks/{moment}/{name}", "text": hook.text}
        for name, hook in zip(names, scripts, strict=True)
    ]


def _systemd(name: str, value: str) -> str:
    """One Environment= line: systemd unescapes backslashes and expands percent signs."""
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
    return f'Environment="{name}={escaped}"'


def _lines(lines: Iterable[str]) -> str:
    return "".join(f"{one}\n" for one in lines)


def _plain(value: object) -> object:
    """Mappings that are no dict; everything else is no JSON."""
    if isinstance(value, Mapping):
        return dict(value)
    message = f"{type(value).__name__} is no JSON"
    raise TypeError(message)
