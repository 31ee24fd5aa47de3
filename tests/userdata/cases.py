"""The renderings that matter: provider, role, source of the engine, and what users set."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from bootstrap.model.cluster import (
    MANAGERS,
    Availability,
    Cluster,
    Docker,
    Hook,
    Hooks,
    OperatingSystem,
    Packages,
    Pool,
    Proxy,
    Role,
    Size,
    SwarmSettings,
)
from bootstrap.userdata import NodeTarget, render

AGENT = b"PK\x03\x04 a stand-in for the agent " * 20

TARGETS = {
    "local": NodeTarget(
        {"kind": "directory", "path": "/var/lib/bootstrap/store"},
        {"kind": "local", "url": "http://169.254.169.254"},
    ),
    "aws": NodeTarget(
        {"kind": "s3-ssm", "bucket": "b-prod", "region": "eu-west-1"}, {"kind": "aws"}, carry_agent=False
    ),
    "gcp": NodeTarget({"kind": "gcs-secretmanager", "bucket": "b-prod", "project": "p"}, {"kind": "gcp"}),
    "ssh": NodeTarget({"kind": "directory", "path": "/var/lib/bootstrap/store"}, {"kind": "ssh"}, carry_agent=False),
}

FULL_OS = OperatingSystem(
    packages=("nfs-common", "chrony"),
    sysctl={"vm.max_map_count": "262144", "net.core.somaxconn": "4096"},
    ntp=("10.0.0.1", "ntp.example.com"),
    authorized_keys=("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIB ops@example.com",),
)
FULL_HOOKS = Hooks(
    pre_docker=(Hook("disk.sh", "#!/bin/sh\necho 'a disk' >&2\n"),),
    pre_join=(Hook("firewall.sh", "#!/bin/sh\nexit 0\n"),),
    post_join=(Hook("tell.sh", '#!/bin/sh\necho "joined: $1"\n'), Hook("more.sh", "#!/bin/sh\n")),
    pre_drain=(Hook("bye.sh", "#!/bin/sh\n"),),
)
PROXY = Proxy("http://proxy.example.com:3128", "http://proxy.example.com:3128", (".example.com", "10.0.0.0/8"))


def pool(role: str, packages: str, **changes: Any) -> Pool:
    """The managers, or a pool `web`."""
    manager = role == "manager"
    version = "29.1.3" if packages == "docker-ce" else None
    made = Pool(
        MANAGERS if manager else "web",
        Role(role),
        Size.of(3),
        Docker(Packages(packages), version, {"log-driver": "local"}),
        availability=Availability.PAUSE if manager else Availability.ACTIVE,
    )
    return replace(made, **changes)


def cluster(provider: str, made: Pool, **changes: Any) -> Cluster:
    """A cluster that has this pool."""
    managers = made if made.role is Role.MANAGER else pool("manager", "image")
    pools = () if made.role is Role.MANAGER else (made,)
    return replace(Cluster("prod", provider, managers, pools), **changes)


def script(provider: str, made: Pool, **changes: Any) -> str:
    """What a machine of that pool boots with, with the stand-in for the agent."""
    return render(cluster(provider, made, **changes), made, TARGETS[provider], agent=AGENT)


def full(role: str, packages: str) -> Pool:
    """A pool that uses every setting that reaches the script."""
    made = pool(role, packages, os=FULL_OS, hooks=FULL_HOOKS)
    daemon = {"log-driver": "local", "registry-mirrors": ["https://m.example.com"], "mtu": 1400}
    return replace(made, docker=replace(made.docker, proxy=PROXY, daemon=daemon))


def renderings() -> dict[str, str]:
    """Name of the golden file, without its ending, and the script."""
    plain = {
        f"{provider}-{role}-{packages}": script(provider, pool(role, packages))
        for provider, role, packages in (
            ("local", "manager", "image"),
            ("local", "worker", "image"),
            ("local", "worker", "distro"),
            ("aws", "manager", "docker-ce"),
            ("aws", "worker", "docker-ce"),
            ("aws", "worker", "distro"),
            ("gcp", "manager", "docker-ce"),
            ("gcp", "worker", "docker-ce"),
            ("ssh", "manager", "docker-ce"),
            ("ssh", "worker", "distro"),
            ("ssh", "worker", "image"),
        )
    }
    swarm = SwarmSettings("10.99.0.0/16", 26, 4790, autolock=True, cert_expiry=3600)
    return {
        **plain,
        "local-manager-image-full": script("local", full("manager", "image"), swarm=swarm),
        "aws-manager-docker-ce-full": script("aws", full("manager", "docker-ce"), swarm=swarm),
        "gcp-worker-docker-ce-full": script("gcp", full("worker", "docker-ce")),
        "ssh-worker-distro-full": script("ssh", full("worker", "distro")),
    }
