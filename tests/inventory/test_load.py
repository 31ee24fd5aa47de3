from __future__ import annotations

from pathlib import Path

import pytest

from bootstrap import inventory
from bootstrap.errors import UsageError
from bootstrap.inventory.providers.aws import AwsSettings
from bootstrap.inventory.providers.gcp import GcpSettings
from bootstrap.inventory.providers.local import LocalSettings
from bootstrap.model.cluster import Availability, Cluster, Hook, Network, Packages, Size
from tests.inventory.cases import HERE


def _valid(name: str) -> Cluster:
    return inventory.load(HERE / "valid" / f"{name}.yml", environ={})


def _load(tmp_path: Path, body: str, **environ: str) -> Cluster:
    path = tmp_path / "c.yml"
    path.write_text(f"version: 1\ncluster: c\n{body}", encoding="utf-8")
    return inventory.load(path, environ=environ)


def test_the_contract_s_own_example_comes_out_as_written() -> None:
    """Every key of the contract, in the model's words and units."""
    cluster = _valid("contract")
    web, dmz = cluster.pools

    assert (cluster.name, cluster.provider, cluster.zones) == ("prod", "aws", ("a", "b", "c"))
    assert (web.size, web.machines) == (Size(2, 20, 3), ("m7i.large", "m6i.large"))
    assert (web.spot, web.autoscale) == ({"percent": 70, "on_demand_base": 1}, {"cpu": 60})
    assert dmz.open == ({"port": 443, "protocol": "tcp", "from": ["0.0.0.0/0"]},)
    assert (dmz.public, dmz.size.fixed, len(dmz.target_groups)) == (True, True, 1)
    assert cluster.managers.disk.size == 50
    assert cluster.managers.docker.version == "29.1.3"
    assert cluster.managers.docker.daemon["log-driver"] == "local"
    assert cluster.managers.os.sysctl == {"net.core.somaxconn": "4096"}
    assert cluster.managers.hooks.pre_docker[0].name == "mount.sh"
    assert cluster.managers.hooks.pre_docker[0].text.startswith("#!/bin/sh\n")
    assert cluster.swarm.cert_expiry == 2160 * 3600
    assert cluster.swarm.unlock_key == {"save": ("vault", "write"), "load": ("vault", "read")}
    assert (cluster.rotate_every, cluster.backup.every, cluster.backup.keep) == (86400, 21600, 28)
    assert cluster.networks == (Network("edge", encrypted=True, attachable=True, subnet="10.201.0.0/24"),)
    assert cluster.stacks[0].files[0][0] == "stacks/ingress.yml"
    assert cluster.stacks[0].env == {"TAG": "1"}
    assert cluster.registries == {"ghcr.io": {"username": "bot", "password": {"ssm": "/ci/ghcr"}}}
    assert isinstance(cluster.settings, AwsSettings)


def test_defaults_of_local(tmp_path: Path) -> None:
    """Zones a, b, c; 1 GiB; the image's engine; managers that work."""
    cluster = _load(tmp_path, "provider: local\nmanagers: {count: 3}\npools: {web: {min: 1, max: 2}}\n")

    assert cluster.settings == LocalSettings(zones=("a", "b", "c"), memory="1GiB")  # type: ignore[arg-type]
    assert isinstance(cluster.settings, LocalSettings)
    assert cluster.settings.memory == 1 << 30
    assert cluster.zones == ("a", "b", "c")
    assert cluster.managers.availability is Availability.ACTIVE
    assert (cluster.managers.docker.packages, cluster.managers.docker.version) == (Packages.IMAGE, None)
    assert cluster.managers.image == "debian-13"
    assert cluster.pools[0].size == Size(1, 2, 1)
    assert (cluster.managers.timeouts.boot, cluster.managers.timeouts.drain) == (900, 900)
    assert (cluster.rotate_every, cluster.backup.every, cluster.protect) == (86400, 21600, False)


def test_defaults_of_clouds(tmp_path: Path) -> None:
    """The tested docker-ce, paused managers beside pools, a network of ours."""
    aws = _load(tmp_path, "provider: aws\naws: {region: eu-west-1}\nmanagers: {count: 3}\npools: {web: {count: 1}}\n")
    gcp = _load(tmp_path, "provider: gcp\ngcp: {project: my-project, region: us-east1}\nmanagers: {count: 3}\n")

    assert (aws.managers.docker.packages, aws.managers.docker.version) == (Packages.DOCKER_CE, "29.1.3")
    assert (aws.managers.image, aws.managers.machines) == ("ubuntu-24.04", ("t3.small",))
    assert (aws.managers.availability, aws.pools[0].availability) == (Availability.PAUSE, Availability.ACTIVE)
    assert isinstance(aws.settings, AwsSettings)
    assert (aws.settings.network.cidr, aws.settings.network.zones, aws.settings.network.egress) == (
        "10.20.0.0/16",
        ("a", "b", "c"),
        "nat",
    )
    assert isinstance(gcp.settings, GcpSettings)
    assert (gcp.managers.image, gcp.zones, gcp.settings.network.mtu) == ("debian-13", ("b", "c", "d"), 1500)
    assert gcp.managers.availability is Availability.ACTIVE


def test_zones_have_short_names_however_they_are_written() -> None:
    """eu-west-1a and a are one zone, in the subnets too."""
    aws, gcp = _valid("aws-existing"), _valid("gcp")

    assert isinstance(aws.settings, AwsSettings)
    assert aws.zones == ("a", "b", "c")
    assert aws.settings.network.subnets == {"a": "subnet-1", "b": "subnet-2", "c": "subnet-3"}
    assert aws.settings.network.cidr is None
    assert gcp.zones == ("a", "b", "c")


def test_al2023_takes_the_distribution_s_engine() -> None:
    """Docker makes no packages for it; another image in the same file takes docker-ce."""
    cluster = _valid("aws-existing")

    assert cluster.managers.docker.packages is Packages.DOCKER_CE
    assert (cluster.pools[0].docker.packages, cluster.pools[0].docker.version) == (Packages.DISTRO, None)
    assert cluster.pools[0].spot == {"percent": 100, "on_demand_base": 0}
    assert cluster.pools[1].spot == {"percent": 70, "on_demand_base": 0}


def test_maps_merge_lists_replace_and_the_nearest_wins(tmp_path: Path) -> None:
    """Top, then managers or pool, then host."""
    cluster = _load(
        tmp_path,
        """provider: ssh
single_zone: true
labels: {site: berlin, tier: none}
docker: {packages: docker-ce, version: "28.5.2", daemon: {debug: true, log-opts: {max-size: 10m, tag: x}, dns: [a, b]}}
os: {packages: [one, two], sysctl: {a.b: 1, c.d: 2}}
timeouts: {boot: 20m}
availability: pause
managers: {hosts: [{address: m}]}
pools:
  db:
    labels: {tier: db}
    docker: {daemon: {log-opts: {max-size: 20m}, dns: [c]}}
    os: {packages: [three], sysctl: {c.d: 3}}
    timeouts: {drain: 30s}
    hosts:
      - {address: a, labels: {disk: ssd, site: here}, availability: drain, docker: {packages: distro}}
      - {address: b}
""",
    )
    db = cluster.pools[0]
    own, plain = db.hosts

    assert db.labels == {"site": "berlin", "tier": "db"}
    assert db.docker.daemon == {"debug": True, "log-opts": {"max-size": "20m", "tag": "x"}, "dns": ["c"]}
    assert (db.os.packages, db.os.sysctl) == (("three",), {"a.b": "1", "c.d": "3"})
    assert (db.timeouts.boot, db.timeouts.drain, db.timeouts.healthy) == (1200, 30, 600)
    assert cluster.managers.labels == {"site": "berlin", "tier": "none"}
    assert own.labels == {"site": "here", "tier": "db", "disk": "ssd"}
    assert (own.availability, plain.availability) == (Availability.DRAIN, Availability.PAUSE)
    assert own.docker is not None
    # A version far away was for another source of packages.
    assert (own.docker.packages, own.docker.version) == (Packages.DISTRO, None)
    assert own.docker.daemon == db.docker.daemon
    assert (plain.docker, plain.os, own.timeouts) == (None, None, None)


def test_hosts_of_ssh() -> None:
    """Hosts carry what was written; zones are what the hosts name."""
    cluster = _valid("ssh")
    first = cluster.managers.hosts[0]

    assert (first.address, first.name, first.zone, first.advertise, first.user) == (
        "10.0.0.11",
        "m1",
        "a",
        "10.0.0.11",
        "root",
    )
    assert cluster.managers.size == Size.of(3)
    assert cluster.managers.hosts[2].port == 2222
    assert (cluster.zones, cluster.single_zone) == (("a", "b", "c"), False)


def test_one_zone_is_the_default_on_ssh_without_zones() -> None:
    """`single_zone` tells those who ask later."""
    assert _valid("ssh-no-zones").single_zone
    assert _valid("ssh-no-zones").zones == ()


def test_variables_are_filled_in_and_numbers_stay_numbers(tmp_path: Path) -> None:
    """A value that stands where a number is wanted is read as one; where text is wanted it stays text."""
    body = (
        'provider: local\nmanagers:\n  count: ${N}\n  labels: {sha: "${SHA}", plain: "${NONE:-x y}", kept: "$${N}"}\n'
    )

    cluster = _load(tmp_path, body, N="5", SHA="0123456")

    assert cluster.managers.size == Size.of(5)
    assert cluster.managers.labels == {"sha": "0123456", "plain": "x y", "kept": "${N}"}


def test_off_turns_rotation_and_backups_off() -> None:
    """None means never."""
    cluster = _valid("local")

    assert (cluster.rotate_every, cluster.backup.every) == (None, None)
    assert cluster.stacks[0].files == (("stacks/web.yml", (HERE / "valid/stacks/web.yml").read_text(encoding="utf-8")),)


def test_merge_keys_and_aliases_are_read() -> None:
    """A pool's own keys win over merged ones, the earlier source over the later."""
    web, api, jobs = _valid("anchors").pools

    assert (web.size, api.size, jobs.size) == (Size.of(2), Size.of(2), Size.of(1))
    assert (api.labels, jobs.labels) == ({"tier": "api"}, {"tier": "web"})


def test_a_hook_without_an_interpreter_is_run_by_sh() -> None:
    """It was warned about; it works all the same."""
    assert _valid("bare-hook").managers.hooks.pre_join == (Hook("bare.sh", "#!/bin/sh\necho no interpreter\n"),)


def test_the_error_counts_what_it_does_not_show() -> None:
    """Fifty are shown, all are counted."""
    with pytest.raises(inventory.InvalidInventory) as raised:
        inventory.load(HERE / "invalid/more-than-fifty.yml", environ={})

    assert (len(raised.value.problems), raised.value.total) == (50, 60)
    assert raised.value.what.endswith("and 59 more")


def test_a_problem_is_a_document_too() -> None:
    """The keys of `validate -o json`."""
    problem = inventory.check(HERE / "invalid/managers-two.yml", environ={})[0]

    assert problem.document() == {
        "file": str(HERE / "invalid/managers-two.yml"),
        "line": 5,
        "col": 19,
        "code": "E031",
        "severity": "error",
        "where": "managers.count",
        "what": "2 managers tolerate no more failures than 1",
        "hint": "give 1 or 3, or set allow_even: true",
    }


def test_an_unknown_provider_has_no_starter() -> None:
    """The error names those that have."""
    with pytest.raises(UsageError, match="unknown provider 'azure'") as raised:
        inventory.starter("azure")

    assert (raised.value.code, raised.value.fix) == ("E059", "one of aws, gcp, ssh, local")
