"""Cluster, pool and where the node finds its store in; the script of its first boot out."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import shlex
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bootstrap.model.cluster import Cluster, Packages, Pool, Role
from bootstrap.userdata import values
from bootstrap.userdata.template import render_template

TESTED_ENGINE = "29.1.3"  # the docker-ce that the end-to-end tests ran with: taken where an inventory names none
DOCKER_REPOSITORY = "https://download.docker.com"
DOCKER_KEYS = {
    "key_deb": "9DC858229FC7DD38854AE2D88D81803C0EBFCD88",
    "key_rpm": "060A61C51B558A7F742B77AAC52FEB6B621E9F35",
}

# The agent and the call of main are the end of every script, so no text of a user's can stand behind this.
_AGENT = re.compile(
    r"^carried_hash\(\) \{\n  echo [0-9a-f]{64}\n\}\n\ncarried_agent\(\) \{\n  base64 -d <<'END_OF_AGENT'\n"
    r"[A-Za-z0-9+/=\n]*\nEND_OF_AGENT\n\}\n\nmain \"\$@\"\n\Z",
    re.MULTILINE,
)

# In agent.json, the last of the files with a text of the user's.
_AGENT_JSON = re.compile(r"^  put 0600 /etc/bootstrap/agent\.json ('\{\n.*?^\}\n')$", re.MULTILINE | re.DOTALL)
_DAEMON = re.compile(r'^ "daemon": (?:\{\}|\{\n.*?^ \}),?$', re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class NodeTarget:
    """What a provider tells its nodes: the store and the metadata service, as they stand in agent.json.

    `carry_agent` is False where the agent reaches the machine another way, before the script.
    """

    store: Mapping[str, Any]
    metadata: Mapping[str, Any]
    carry_agent: bool = True


def render(
    cluster: Cluster,
    pool: Pool,
    node: NodeTarget,
    *,
    agent: bytes | None = None,
    docker: Mapping[str, str] | None = None,
) -> str:
    """The script that makes a machine of `pool` a node. `agent` is the zipapp to carry, ours unless given.

    `docker` overrides `repository`, `key_deb` and `key_rpm`, for an own mirror with an own key.
    Raises BootstrapError E077 for a value that cannot be carried: a NUL byte, a line break in a setting of one line.
    """
    context = {
        **_engine(pool),
        **values.system(pool),
        "repository": DOCKER_REPOSITORY,
        **DOCKER_KEYS,
        **(docker or {}),
        "hooks": values.hooks(pool.hooks),
        "agent_json": values.as_json(agent_config(cluster, pool, node)),
        "manager": pool.role is Role.MANAGER,
        "carry_agent": node.carry_agent,
        **(_agent(agent) if node.carry_agent else {}),
    }
    return render_template("node.sh.j2", context)


def agent_config(cluster: Cluster, pool: Pool, node: NodeTarget) -> dict[str, Any]:
    """What /etc/bootstrap/agent.json holds; no secret. `cert_expiry` is in seconds."""
    swarm = cluster.swarm
    return {
        "cluster": cluster.name,
        "role": str(pool.role),
        "pool": pool.name,
        "availability": str(pool.availability),
        "store": node.store,
        "metadata": node.metadata,
        "swarm": {
            "address_pool": swarm.address_pool,
            "subnet_size": swarm.subnet_size,
            "data_path_port": swarm.data_path_port,
            "autolock": swarm.autolock,
            "cert_expiry": swarm.cert_expiry,
        },
        "daemon": pool.docker.daemon,
    }


def template_hash(script: str) -> str:
    """64 hex digits that differ when a machine would be made differently.

    Another agent alone changes nothing, nor do other settings of the engine: `up` gives those to running machines.
    """
    plain = _AGENT.sub("", script, count=1)
    for found in [*_DAEMON.finditer(plain)][-1:]:
        plain = plain[: found.start()] + plain[found.end() :]
    return hashlib.sha256(plain.encode()).hexdigest()


def agent_settings(script: str) -> dict[str, Any]:
    """What agent_config said when the script was rendered, maybe by another version; empty where that is not found."""
    try:
        found = json.loads(shlex.split(_AGENT_JSON.findall(script)[-1])[0])
    except (IndexError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def settings_hash(cluster: Cluster, pool: Pool, node: NodeTarget) -> str:
    """16 hex digits that differ when the inventory says something else about a machine of `pool`.

    They do not when another version of this program makes another script of the same words.
    """
    docker = {"packages": str(pool.docker.packages), "version": pool.docker.version}
    said = {"docker": docker, "hooks": values.hooks(pool.hooks), "agent": agent_config(cluster, pool, node)}
    text = values.as_json({**said, "system": values.system(pool)})
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _engine(pool: Pool) -> dict[str, Any]:
    """Where the engine comes from, and which."""
    wanted = pool.docker.version or TESTED_ENGINE
    version = values.word(wanted, "docker.version") if pool.docker.packages is Packages.DOCKER_CE else ""
    return {"source": str(pool.docker.packages), "version": version}


def _agent(zipapp: bytes | None) -> dict[str, Any]:
    """The agent as the template carries it."""
    if zipapp is None:
        from bootstrap.userdata.agent_zip import agent_zipapp  # noqa: PLC0415 - only when it is carried

        zipapp = agent_zipapp()
    lines = textwrap.wrap(base64.b64encode(zipapp).decode(), 120)
    return {"agent_sha256": hashlib.sha256(zipapp).hexdigest(), "agent_lines": lines}
