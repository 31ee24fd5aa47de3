"""The engine: versions that can be had, and daemon.json keys that would break the swarm or undo what we set."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from bootstrap.inventory.defaults import packages_of
from bootstrap.inventory.draft import Draft
from bootstrap.inventory.merge import engine
from bootstrap.inventory.problem import Finding, Loc

OLDEST = (20, 10, 0)  # what the agent's API version needs
# Half-open ranges of versions with a known hole: CVE-2024-41110 (authorization), CVE-2025-54388 (firewalld).
HOLES = (((0, 0, 0), (26, 1, 5)), ((27, 0, 0), (27, 1, 1)), ((28, 2, 0), (28, 3, 3)))

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
    for _, loc, group in draft.groups():
        yield from _source(draft, loc, group.settings(), draft.file.settings())
        for index, host in enumerate(group.hosts or ()):
            layers = (draft.file.settings(), group.settings()) if host.docker else ()
            if layers:
                yield from _source(draft, (*loc, "hosts", index), host.settings(), *layers)


def _daemon(loc: Loc, daemon: Mapping[str, Any]) -> Iterator[Finding]:
    for key, value in daemon.items():
        if key in REFUSED:
            why, hint = REFUSED[key]
            yield Finding("E043", (*loc, key), f"daemon key '{key}' is refused: {why}", hint)
        elif key.startswith(REFUSED_PREFIXES):
            yield Finding("E043", (*loc, key), f"daemon key '{key}' is refused: swarm mode has its own", "remove it")
        elif key in REFUSED_VALUES and value == REFUSED_VALUES[key][0]:
            shown = str(value).lower()
            what = f"daemon key '{key}: {shown}' is refused: {REFUSED_VALUES[key][1]}"
            yield Finding("E043", (*loc, key), what, "remove it")


def _version(loc: Loc, version: tuple[int, ...]) -> Iterator[Finding]:
    if version < OLDEST:
        yield Finding("E052", loc, "the engine is too old", f"give {'.'.join(map(str, OLDEST))} or newer")
    elif any(first <= version < last for first, last in HOLES):
        yield Finding("W052", loc, "the engine has a known security hole", "give a newer version")


def _source(draft: Draft, loc: Loc, *nearest_first: Mapping[str, Any]) -> Iterator[Finding]:
    """Only docker-ce has a version, and only for distributions that Docker makes packages for."""
    layers = (*nearest_first[1:], nearest_first[0])
    image = next((layer["image"] for layer in reversed(layers) if layer.get("image")), None)
    merged = engine(*layers)
    packages = packages_of(draft.provider, merged.get("packages"), image)
    if merged.get("version") and packages != "docker-ce":
        near = "version" in nearest_first[0].get("docker", {})
        place = (*loc, "docker", "version") if near else ("docker", "version")
        what = f"a version with packages '{packages}'" + ("" if merged.get("packages") else ", the default here")
        yield Finding("E052", place, what, "remove the version, or write packages: docker-ce")
    if packages == "docker-ce" and (image == "al2023"):
        place = (*loc, "docker", "packages") if loc else ("docker", "packages")
        yield Finding("E052", place, "docker-ce has no packages for al2023", "write packages: distro")
