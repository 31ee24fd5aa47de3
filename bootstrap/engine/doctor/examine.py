"""All of `doctor`: this machine first, then the cluster where there is one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from bootstrap.engine.doctor.gather import gather
from bootstrap.engine.doctor.nodes import Nodes, findings
from bootstrap.errors import BootstrapError
from bootstrap.model.cluster import Cluster
from bootstrap.model.finding import Finding, fail, ok, warn
from bootstrap.providers.base import Instance, Provider


def examine(cluster: Cluster, provider: Provider, status: Callable[[], dict[str, Any]]) -> Iterator[Finding]:
    """Every finding, in the order in which things are needed."""
    yield from provider.checks()
    try:
        instances = list(provider.instances())
        document = status()
    except BootstrapError as error:
        yield fail("cluster", f"nothing can be said about the cluster: {error}", error.fix)
        return
    yield from _cluster(cluster, document, instances)
    running = [one for one in instances if one.state == "running" and not (one.fault and one.fault.silent)]
    if running:
        file = str(cluster.path or "FILE")
        yield from findings(Nodes(cluster, file, gather(running, provider.runner, cluster.swarm.data_path_port)))


def _cluster(cluster: Cluster, document: dict[str, Any], instances: Sequence[Instance]) -> Iterator[Finding]:
    """What the provider says of the machines, and the swarm of itself."""
    up = f"bootstrap up {cluster.path or 'FILE'}"
    if not instances and document["swarm_id"] is None:
        yield ok("cluster", "there is no cluster yet")
        return
    ill = {one.hostname for one in instances if one.state == "stopped" or one.fault is not None}
    for one in instances:
        if one.state == "stopped":
            yield fail("machine", "its machine is off", up, one.hostname)
        elif one.fault is not None:
            yield fail("machine", one.fault.what, one.fault.fix, one.hostname)
    if document["healthy"]:
        yield ok("cluster", "the cluster is healthy")
    else:
        yield _ill(document, ill, f"bootstrap status {cluster.path or 'FILE'}")
    yield from _token(document, up)


def _ill(document: dict[str, Any], machines: set[str], look: str) -> Finding:
    """What keeps it from being healthy, but for what was told of these machines already."""
    others = [one for one in document["problems"] if one["node"] not in machines]
    told = "; ".join(f"{one['node']}: {one['message']}" if one["node"] else one["message"] for one in others)
    if told or not machines:
        return warn("cluster", f"the cluster is not healthy: {told}", f"see `{look}`")
    return warn("cluster", "the cluster is not healthy, for what is told of its machines", f"mend them, then `{look}`")


def _token(document: dict[str, Any], up: str) -> Iterator[Finding]:
    """Where no manager answers with a quorum, that has been told, and nothing is known of tokens."""
    live = document["tokens"]["published_is_live"]
    if live is False:
        yield fail(
            "token",
            "the published join token is not the swarm's: nobody can join",
            f"{up}; then look at the leader's log",
        )
    elif live is None and not any(one["code"] == "no_quorum" for one in document["problems"]):
        yield warn(
            "token", "nobody can tell whether the published join token is the swarm's", "bring back the managers"
        )
    elif live:
        yield ok("token", "the published join token is the swarm's")
