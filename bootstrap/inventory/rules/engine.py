"""The engine: versions that can be had, and daemon.json keys that would break the swarm or undo what we set."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from bootstrap.inventory.defaults import packages_of
from bootstrap.inventory.draft import Draft
from bootstrap.inventory.merge import engine
from bootstrap.inventory.problem import Finding, Loc
from bootstrap.inventory.providers.base import InventoryProvider

OLDEST = (20, 10, 0)  # what the agent's API version needs
# Half-open ranges of versions with a known hole: CVE-2024-41110 (authorization), CVE-2025-54388 (firewalld).
HOLES = (((0, 0, 0), (26, 1, 5)), ((27, 0, 0), (27, 1, 1)), ((28, 2, 0), (28, 3, 3)))

Layered = tuple[Loc, Mapping[str, Any]]  # settings and where they stand

_OURS = "bootstrap sets it"
REFUSED: Mapping[str, tuple[str, str]] = {
    "live-restore": ("swarm mode refuses it", "remove it"),
    "hosts": (f"{_OURS}, the engine listens on its socket only", "use `bootstrap context`"),
    "labels": (_OURS, "use labels: of the pool"),
    "swarm-default-advertise-addr": (_OURS, "use advertise: on ssh"),
    # Backups, recovery and the disk check look at /var/lib/docker.
    "data-root": ("bootstrap works with /var/lib/docker", "mount your disk there with a pre_docker hook"),
    "graph": ("bootstrap works with /var/lib/docker", "mount your disk there with a pre_docker hook"),
    "proxies": (_OURS, "use docker.proxy"),
    "http-proxy": (_OURS, "use docker.proxy"),
    "https-proxy": (_OURS, "use docker.proxy"),
    "no-proxy": (_OURS, "use docker.proxy"),
    "pidfile": (_OURS, "remove it"),
}
REFUSED_PREFIXES = ("cluster-", "tls")
REFUSED_VALUES: Mapping[str, tuple[Any, str]] = {
    "iptables": (False, "published ports and overlay networks need it"),
    "ip-forward": (False, "published ports need it"),
    "firewall-backend": ("nftables", "swarm mode refuses it"),
}


def check(draft: Draft) -> Iterator[Finding]:
    """Each place where `docker` may stand, alone; then what it comes to with the places above it."""
    for loc, layer in draft.layers():
        written = layer.settings().get("docker", {})
        yield from _daemon((*loc, "docker", "daemon"), written.get("daemon", {}))
        if version := written.get("version"):
            yield from _version((*loc, "docker", "version"), tuple(map(int, version.split("."))))
    if draft.provider is None:
        return
    top: Layered = ((), draft.file.settings())
    for _, loc, group in draft.groups():
        own: Layered = (loc, group.settings())
        yield from _source(draft.provider, own, top)
        for index, host in enumerate(group.hosts or ()):
            if host.docker:
                yield from _source(draft.provider, ((*loc, "hosts", index), host.settings()), own, top)


def _daemon(loc: Loc, daemon: Mapping[str, Any]) -> Iterator[Finding]:
    for key, value in daemon.items():
        if key in REFUSED:
            why, hint = REFUSED[key]
            yield Finding("E043", (*loc, key), f"daemon key '{key}' is refused: {why}", hint, at_key=True)
        elif key.startswith(REFUSED_PREFIXES):
            yield Finding(
                "E043", (*loc, key), f"daemon key '{key}' is refused: swarm mode has its own", "remove it", at_key=True
            )
        elif key in REFUSED_VALUES and value == REFUSED_VALUES[key][0]:
            shown = str(value).lower()
            what = f"daemon key '{key}: {shown}' is refused: {REFUSED_VALUES[key][1]}"
            yield Finding("E043", (*loc, key), what, "remove it", at_key=True)


def _version(loc: Loc, version: tuple[int, ...]) -> Iterator[Finding]:
    if version < OLDEST:
        yield Finding("E052", loc, "the engine is too old", f"give {'.'.join(map(str, OLDEST))} or newer")
    elif any(first <= version < last for first, last in HOLES):
        yield Finding("W052", loc, "the engine has a known security hole", "give a newer version")


def _source(provider: InventoryProvider, *layers: Layered) -> Iterator[Finding]:
    """Only docker-ce has a version, and only for distributions that Docker makes packages for. Nearest layer first."""
    image = next((layer["image"] for _, layer in layers if layer.get("image")), None)
    merged = engine(*(layer for _, layer in reversed(layers)))
    packages = packages_of(provider, merged.get("packages"), image)
    if merged.get("version") and packages != "docker-ce":
        what = f"a version with packages '{packages}'" + ("" if merged.get("packages") else ", the default here")
        yield Finding("E052", _written(layers, "version"), what, "remove the version, or write packages: docker-ce")
    if packages == "docker-ce" and image == "al2023":
        what = "docker-ce has no packages for al2023"
        yield Finding("E052", _written(layers, "packages"), what, "write packages: distro")


def _written(layers: tuple[Layered, ...], key: str) -> Loc:
    """Where a key of `docker` stands, the nearest place that has it."""
    loc = next((loc for loc, layer in layers if key in layer.get("docker", {})), layers[0][0])
    return (*loc, "docker", key)
