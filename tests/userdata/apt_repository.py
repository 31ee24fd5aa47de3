"""A signed apt repository as Docker's: tiny packages, a fresh key, no network."""

from __future__ import annotations

import hashlib
import os
import subprocess
from pathlib import Path

VERSIONS = ("29.1.3", "29.1.4")


def run(*argv: str, env: dict[str, str] | None = None) -> str:
    """The command's output; a failure is an error that shows what it said."""
    done = subprocess.run(argv, capture_output=True, text=True, check=False, env={**os.environ, **(env or {})})
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


class Key:
    """A fresh signing key in a keyring of its own."""

    def __init__(self, home: Path) -> None:
        home.mkdir(mode=0o700)
        self.env = {"GNUPGHOME": str(home)}
        run("gpg", "--batch", "--quiet", "--passphrase", "", "--quick-gen-key", "test", "rsa2048", "sign", env=self.env)
        listing = run("gpg", "--batch", "--with-colons", "--list-keys", env=self.env)
        self.fingerprint = next(line.split(":")[9] for line in listing.splitlines() if line.startswith("fpr"))

    def export(self, file: Path) -> None:
        """The public key in armour, as Docker serves it."""
        file.write_text(run("gpg", "--batch", "--armor", "--export", env=self.env))

    def sign(self, release: Path) -> None:
        """InRelease beside Release."""
        signed = release.with_name("InRelease")
        signed.unlink(missing_ok=True)
        run("gpg", "--batch", "--quiet", "--clearsign", "--output", str(signed), str(release), env=self.env)

    def forget(self) -> None:
        """End the agent that gpg left running for it."""
        run("gpgconf", "--kill", "gpg-agent", env=self.env)


class Repository:
    """`root` is what stands behind https://download.docker.com; `suite` is a codename of Debian."""

    def __init__(self, root: Path, key: Key, suite: str) -> None:
        self.root = root / "linux/debian"
        self.suite = self.root / "dists" / suite
        self.pool = self.root / "pool"
        self.pool.mkdir(parents=True)
        for version in VERSIONS:
            full = f"5:{version}-1~debian.13~{suite}"
            self.package("docker-ce", full, f"#!/bin/sh\necho Docker version {version}, build fake\n")
            self.package("docker-ce-cli", full)
        self.package("containerd.io", "2.1.5-1")
        self.index()
        key.export(self.root / "gpg")
        key.sign(self.suite / "Release")

    def package(self, name: str, version: str, dockerd: str | None = None) -> None:
        """One .deb; with `dockerd` it holds a program of that name."""
        tree = self.root / "tree"
        (tree / "DEBIAN").mkdir(parents=True)
        (tree / "usr/share" / name).mkdir(parents=True)
        (tree / "usr/share" / name / "version").write_text(
            version
        )  # dpkg forgets a package that has no file of its own
        (tree / "DEBIAN/control").write_text(
            f"Package: {name}\nVersion: {version}\nArchitecture: all\nMaintainer: t <t@example.com>\nDescription: t\n"
        )
        binary = tree / "usr/bin/dockerd"
        binary.parent.mkdir(parents=True, exist_ok=True)
        binary.unlink(missing_ok=True)
        if dockerd:
            binary.write_text(dockerd)
            binary.chmod(0o755)
        file = self.pool / f"{name}_{version.replace(':', '_')}.deb"
        run("dpkg-deb", "--build", "--root-owner-group", str(tree), str(file))
        run("rm", "-r", str(tree))

    def index(self) -> None:
        """Packages and Release, as they are now; the signature is another's work."""
        stanzas = []
        for file in sorted(self.pool.glob("*.deb")):
            data = file.read_bytes()
            control = run("dpkg-deb", "--field", str(file))
            stanzas.append(
                f"{control}Filename: pool/{file.name}\nSize: {len(data)}\nSHA256: {hashlib.sha256(data).hexdigest()}\n"
            )
        architecture = run("dpkg", "--print-architecture").strip()
        packages = self.suite / f"stable/binary-{architecture}/Packages"
        packages.parent.mkdir(parents=True, exist_ok=True)
        packages.write_text("\n".join(stanzas))
        data = packages.read_bytes()
        (self.suite / "Release").write_text(
            f"Suite: {self.suite.name}\nCodename: {self.suite.name}\nComponents: stable\nArchitectures: {architecture}\n"
            f"Date: {run('date', '-u', '+%a, %d %b %Y %H:%M:%S UTC').strip()}\nSHA256:\n"
            f" {hashlib.sha256(data).hexdigest()} {len(data)} {packages.relative_to(self.suite)}\n"
        )
