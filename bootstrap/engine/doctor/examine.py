"""All of `doctor`: this machine first, then the cluster where there is one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
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
    running = [one for one in instances if one.state == "running"]
    if running:
        file = str(cluster.path or "FILE")
        yield from findings(Nodes(cluster, file, gather(running, provider.runner, cluster.swarm.data_path_port)))


def _cluster(cluster: Cluster, document: dict[str, Any], instances: list[Instance]) -> Iterator[Finding]:
    """What the swarm itself says."""
    up = f"bootstrap up {cluster.path or 'FILE'}"
    if not instances and document["swarm_id"] is None:
        yield ok("cluster", "there is no cluster yet")
        return
    for one in instances:
        if one.state == "stopped":
            yield fail("machine", "its machine is off", up, one.hostname)
        elif one.fault is not None:
            yield fail("machine", one.fault.what, one.fault.fix, one.hostname)
    if document["healthy"]:
        yield ok("cluster", "the cluster is healthy")
    else:
        told = "; ".join(
            f"{one['node']}: {one['message']}" if one["node"] else one["message"] for one in document["problems"]
        )
        yield warn("cluster", f"the cluster is not healthy: {told}", f"see `bootstrap status {cluster.path or 'FILE'}`")
    live = document["tokens"]["published_is_live"]
    if live is False:
        yield fail(
            "token",
            "the published join token is not the swarm's: nobody can join",
            f"{up}; then look at the leader's log",
        )
    elif live is None:
        yield warn(
            "token", "nobody can tell whether the published join token is the swarm's", "bring back the managers"
        )
    else:
        yield ok("token", "the published join token is the swarm's")
