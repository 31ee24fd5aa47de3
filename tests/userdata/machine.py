"""A machine for a script to run on: a directory instead of /, and stubs instead of its commands. They remember."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

STUBBED = (
    *("apt-cache", "apt-get", "apt-mark", "chown", "curl", "dnf", "dpkg", "dpkg-query", "getent", "gpg", "python3"),
    *("rpm", "sleep", "sync", "sysctl", "systemctl"),
)
REAL = ("base64", "cat", "chmod", "cut", "env", "flock", "grep", "mkdir", "mv", "rm", "sh", "sha256sum", "tail")

DEBIAN = 'ID=debian\nVERSION_ID="13"\nVERSION_CODENAME=trixie\n'
UBUNTU = 'ID=ubuntu\nID_LIKE=debian\nVERSION_ID="24.04"\nVERSION_CODENAME=noble\n'
ROCKY = 'ID="rocky"\nID_LIKE="rhel centos fedora"\nVERSION_ID="9.4"\n'
AL2023 = 'ID="amzn"\nID_LIKE="fedora"\nVERSION_ID="2023"\n'

DEB_KEY = "9DC858229FC7DD38854AE2D88D81803C0EBFCD88"
RPM_KEY = "060A61C51B558A7F742B77AAC52FEB6B621E9F35"
MADISON = """\
 docker-ce | 5:29.1.30-1~debian.13~trixie | https://download.docker.com/linux/debian trixie/stable amd64 Packages
 docker-ce | 5:29.1.3-1~debian.13~trixie | https://download.docker.com/linux/debian trixie/stable amd64 Packages
 docker-ce | 5:29.1.2-1~debian.13~trixie | https://download.docker.com/linux/debian trixie/stable amd64 Packages
"""


class Machine:
    """`root` is its file system; `run` boots it with a script."""

    def __init__(
        self, path: Path, system: str = DEBIAN, *, engine: str | None = "26.1.5", running: bool = False
    ) -> None:
        self.path = path
        self.root = path / "root"
        self.bin = path / "bin"
        for folder in ("root/etc", "bin", "installed", "held", "enabled", "active", "fail", "cwd"):
            (path / folder).mkdir(parents=True)
        (self.root / "etc/os-release").write_text(system)
        (path / "stub").write_text((Path(__file__).parent / "stub.sh").read_text())
        (path / "stub").chmod(0o755)
        for name in [*STUBBED, *(["dockerd"] if engine else [])]:
            (self.bin / name).symlink_to(path / "stub")
        for name in REAL:
            (self.bin / name).symlink_to(str(shutil.which(name)))
        self.says(engine=f"Docker version {engine or '29.1.3'}, build deadbee\n", madison=MADISON, versionlock="")
        self.key(DEB_KEY if "debian" in system else RPM_KEY)
        if running:
            (path / "active/docker.service").touch()

    def says(self, **answers: str) -> None:
        """What a stub answers from now on."""
        for name, text in answers.items():
            (self.path / name).write_text(text)

    def key(self, *fingerprints: str) -> None:
        """The primary keys that the repository's key file holds, each with one subkey."""
        self.says(fingerprints="".join(f"pub:-:4096:1:x:1:::-:::\nfpr:::::::::{one}:\nsub:-:\nfpr:::::::::{'B' * 40}:\n"
                                       for one in fingerprints))  # fmt: skip

    def fails(self, command: str, says: str, times: int = 1) -> None:
        """The next calls of that command fail with these words."""
        (self.path / "fail" / command).write_text(f"{times}\n")
        (self.path / "fail" / f"{command}.says").write_text(says + "\n")

    def run(self, script: str, shell: str = "sh") -> subprocess.CompletedProcess[str]:
        """Run the script to its end, from a fresh list of calls."""
        (self.path / "calls").write_text("")
        return self.feed(script, shell)

    def feed(self, script: str, shell: str = "sh") -> subprocess.CompletedProcess[str]:
        """Run it as it is, complete or not."""
        file = self.path / "script"
        file.write_bytes(script.encode())
        return self.start(str(shutil.which(shell)), str(file))

    def start(self, *argv: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        """Run a command there, with what it reads."""
        environment = {"PATH": str(self.bin), "BOOTSTRAP_ROOT": str(self.root), "MACHINE": str(self.path)}
        return subprocess.run(
            argv,
            env=environment,
            cwd=self.path / "cwd",
            input=stdin,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            check=False,
            timeout=30,
        )

    @property
    def calls(self) -> list[str]:
        """The commands of the last run, in their order."""
        return (self.path / "calls").read_text(errors="replace").splitlines()

    def called(self, *beginnings: str) -> list[str]:
        """Those calls that begin so."""
        return [call for call in self.calls if call.startswith(beginnings)]

    def file(self, name: str) -> Path:
        """A file of the machine, by its absolute name."""
        return self.root / name.removeprefix("/")

    def files(self) -> dict[str, tuple[int, bytes, int]]:
        """Every file: its mode, its content, its time of change. Without what only tells of the run."""
        found = {}
        for path in sorted(self.root.rglob("*")):
            name = str(path.relative_to(self.root))
            if path.is_file() and not name.startswith("run/bootstrap/"):
                found[name] = (path.stat().st_mode & 0o777, path.read_bytes(), path.stat().st_mtime_ns)
        return found
