"""`bootstrap context`."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from bootstrap.cli.contexts import ssh
from bootstrap.cli.contexts.docker import Contexts, config_folder, context_name
from bootstrap.cli.options import file_argument, option, verb
from bootstrap.cli.run import Run, Session
from bootstrap.errors import BootstrapError
from bootstrap.model.cluster import Role
from bootstrap.providers.base import SshWay

PATIENCE = 3.0  # seconds for a manager's sshd to accept a connection


@verb()
@file_argument()
@option("--remove", is_flag=True, help="Take the context away again.")
@click.pass_obj
def command(run: Run, file: Path, remove: bool) -> None:
    """Make a docker context over ssh.

    It has the cluster's name: `docker --context NAME node ls`. It goes to the leader, or to another manager that
    answers; the host key is verified. Run it again after the leader changed. Your ~/.ssh/config gets one `Include`
    line, for a file of ours with the managers in it.
    """
    session = run.open(file)
    document = forget(session.cluster.name) if remove else _make(session, file)
    run.emit(document, lambda: _text(document))


def forget(cluster: str) -> dict[str, Any]:
    """Remove the cluster's context wherever one was made, and what `ssh` was told."""
    name = context_name(cluster)
    folders = {*ssh.dockers(cluster), config_folder(os.environ)} if ssh.folder(cluster).is_dir() else set()
    removed = [folder for folder in sorted(folders) if Contexts(folder).remove(name)]
    return {"context": name, "removed": ssh.forget(cluster) or bool(removed), "docker_config": removed}


def _make(session: Session, file: Path) -> dict[str, Any]:
    cluster, folder = session.cluster.name, config_folder(os.environ)
    contexts, name = Contexts(folder), context_name(cluster)
    contexts.host(name)  # somebody else's of that name is told before anything is written
    document = session.status()
    ways = _ways(session)
    node = _chosen(document, ways, file)
    host = f"ssh://{ways[node['hostname']].user}@{node['hostname']}"
    changed = ssh.remember(cluster, ways, folder)
    changed |= contexts.put(name, cluster, host)
    return {
        "context": name,
        "host": host,
        "node": node["hostname"],
        "address": ways[node["hostname"]].address,
        "leader": node["leader"],
        "changed": changed,
        "ssh_config": str(ssh.folder(cluster) / "config"),
        "docker_config": folder,
    }


def _ways(session: Session) -> dict[str, SshWay]:
    """The way to each manager that runs; one without a host key, which has only begun to boot, is left out."""
    ways = {}
    for one in session.instances():
        if one.role is Role.MANAGER and one.state == "running":
            try:
                ways[one.hostname] = session.way(one)
            except BootstrapError:
                continue
    return ways


def _chosen(document: dict[str, Any], ways: dict[str, SshWay], file: Path) -> dict[str, Any]:
    """The leader, or the next manager that answers from here."""
    for node in _candidates(document, ways):
        if answers(ways[node["hostname"]]):
            return node
    told = next((one["message"] for one in document["problems"]), "none of them answers on its ssh port from here")
    fix = f"see `bootstrap status {file}`"
    raise BootstrapError(f"there is no manager to go to: {told}", where=document["cluster"], fix=fix, code="no_manager")


def _candidates(document: dict[str, Any], ways: dict[str, SshWay]) -> Iterator[dict[str, Any]]:
    for node in sorted(document["nodes"], key=lambda node: (not node["leader"], node["hostname"])):
        if node["reachability"] == "reachable" and node["state"] == "ready" and node["hostname"] in ways:
            yield node


def answers(way: SshWay) -> bool:
    """Whether something accepts a connection there."""
    try:
        socket.create_connection((way.address, way.port), timeout=PATIENCE).close()
    except OSError:
        return False
    return True


def _text(document: dict[str, Any]) -> str:
    name = document["context"]
    if "removed" in document:
        return f"docker context {name}: {'removed' if document['removed'] else 'there was none'}"
    what = "leader" if document["leader"] else "not the leader"
    sudo = "sudo -H " if os.environ.get("SUDO_USER") else ""  # -H: the context stands in root's home
    return f"docker context {name} goes to {document['node']} ({what}): {sudo}docker --context {name} node ls"
