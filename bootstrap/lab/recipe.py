"""What a host's image is made of: packages, files and switched-off units, by the name of the distribution."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field

from bootstrap.errors import UsageError

REVISION = 1  # raise it when a change of the builder, not of the data below, makes another image

PACKAGES = (
    "systemd", "systemd-sysv", "dbus", "docker.io", "openssh-server", "cloud-init", "python3", "ca-certificates",
    "iproute2", "iptables", "iputils-ping", "kmod", "mount", "netbase", "passwd", "procps", "curl",
)  # fmt: skip

SLIM = ("doc", "man", "locale", "info", "lintian")  # folders of /usr/share that no host reads

# Units that want a kernel, a console or a disk of their own, and jobs that would use the CPU for nothing.
MASKED = (
    "console-getty.service", "getty@tty1.service", "getty.target", "systemd-pstore.service", "systemd-sysctl.service",
    "systemd-modules-load.service", "modprobe@.service", "kmod-static-nodes.service",
    "systemd-udevd.service", "systemd-udev-trigger.service", "systemd-udevd-control.socket",
    "systemd-udevd-kernel.socket", "systemd-udevd-varlink.socket", "dev-hugepages.mount", "sys-kernel-debug.mount",
    "sys-kernel-tracing.mount", "sys-kernel-config.mount", "sys-fs-fuse-connections.mount",
    "proc-sys-fs-binfmt_misc.automount", "systemd-binfmt.service", "systemd-remount-fs.service",
    "apt-daily.timer", "apt-daily-upgrade.timer", "dpkg-db-backup.timer", "fstrim.timer", "e2scrub_all.timer",
    "e2scrub_reap.service", "networking.service", "ifupdown-pre.service", "cloud-init-hotplugd.socket",
    "systemd-journal-catalog-update.service", "ldconfig.service", "systemd-update-done.service",
    "systemd-networkd-persistent-storage.service", "systemd-hibernate-clear.service", "systemd-firstboot.service",
)  # fmt: skip

# Not started by the image: the host's user-data does that, when the daemon's settings are in place.
DISABLED = ("docker.service", "docker.socket", "sshd-keygen.service")

ENABLED = {
    "systemd-networkd.service": "multi-user.target.wants",
    "systemd-networkd-wait-online.service": "network-online.target.wants",
}

FILES: Mapping[str, str] = {
    "etc/machine-id": "",  # every host makes its own
    "etc/systemd/network/10-eth0.network": (
        "[Match]\nName=eth0\n\n"
        "[Network]\nDHCP=ipv4\nLinkLocalAddressing=no\nIPv6AcceptRA=no\nKeepConfiguration=dhcp\n\n"
        # A host's name and address are one in the fabric: nothing to wait for and no second lease after a wipe.
        "[DHCPv4]\nClientIdentifier=mac\nUseHostname=no\nUseNTP=no\n"
    ),
    # Docker's own routes and rules are not networkd's to remove.
    "etc/systemd/networkd.conf.d/lab.conf": ("[Network]\nManageForeignRoutes=no\nManageForeignRoutingPolicyRules=no\n"),
    "etc/systemd/system/systemd-networkd-wait-online.service.d/lab.conf": (
        "[Service]\nExecStart=\nExecStart=/lib/systemd/systemd-networkd-wait-online --interface=eth0 --timeout=30\n"
    ),
    "etc/systemd/journald.conf.d/lab.conf": "[Journal]\nStorage=volatile\nRuntimeMaxUse=16M\nReadKMsg=no\n",
    "etc/ssh/sshd_config.d/lab.conf": "UseDNS no\nMaxStartups 100\n",
    # A host without cloud-init's keys makes one: `ssh-keygen -A` would spend half a second of CPU on RSA.
    "etc/systemd/system/ssh.service.d/lab.conf": (
        "[Service]\nExecStartPre=\n"
        'ExecStartPre=/bin/sh -c "test -e /etc/ssh/ssh_host_ed25519_key ||'
        " ssh-keygen -q -t ed25519 -N '' -f /etc/ssh/ssh_host_ed25519_key\"\n"
        "ExecStartPre=/usr/sbin/sshd -t\n"
    ),
    "etc/cloud/cloud.cfg.d/90-lab.cfg": (
        "datasource_list: [NoCloud, None]\n"
        'datasource: {NoCloud: {seedfrom: "http://169.254.169.254/cloud-init/"}}\n'
        "network: {config: disabled}\n"
        "locale: C.UTF-8\n"  # another one would need the package `locales`
        "ssh_genkeytypes: [ed25519]\n"  # RSA costs 0.4 s of CPU
        "disable_root: false\n"
        "apt: {preserve_sources_list: true}\n"
    ),
}


@dataclass(frozen=True)
class Recipe:
    """One image. `options` are apt's; `unified` says that its systemd wants cgroup v2 and nothing else."""

    name: str
    suite: str
    packages: tuple[str, ...]
    updates: bool = True
    unified: bool = False
    options: tuple[str, ...] = ()
    files: Mapping[str, str] = field(default_factory=lambda: FILES)

    @property
    def digest(self) -> str:
        """Twelve hex digits that differ when the image would."""
        content = [REVISION, asdict(self), SLIM, MASKED, DISABLED, ENABLED]
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:12]


STALE = 'Acquire::Check-Valid-Until "false"'  # a mirror's copy of sid is soon older than its date allows

RECIPES = {
    one.name: one
    for one in (
        Recipe("debian-13", "trixie", (*PACKAGES, "docker-cli")),
        Recipe("debian-12", "bookworm", PACKAGES),
        Recipe("debian-sid", "sid", (*PACKAGES, "docker-cli"), updates=False, unified=True, options=(STALE,)),
    )
}


def recipe(name: str) -> Recipe:
    """The recipe of that image; UsageError names those that there are."""
    try:
        return RECIPES[name]
    except KeyError:
        fix = f"use one of {', '.join(sorted(RECIPES))}"
        raise UsageError(f"there is no image {name!r} for hosts of this machine", where="image", fix=fix) from None
