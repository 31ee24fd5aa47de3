"""What this machine has that a cluster could leave behind, and what its processes show: for comparing and searching."""

from __future__ import annotations

import re
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

SYSCTLS = ("fs/inotify/max_user_instances", "fs/inotify/max_user_watches", "net/ipv4/ip_forward", "kernel/pid_max")
# What ends by itself, and later than the cluster that it was of: a test before may have left it ending.
ENDS = {"processes", "mounts", "disks"}
SECRETS = re.compile(rb"SWMTKN-[12]-[0-9a-z-]{20,}|SWMKEY-1-\S{20,}|-----BEGIN [A-Z ]*PRIVATE KEY-----")


def snapshot() -> dict[str, list[str]]:
    """Everything by kind; two of them are equal where nothing was left."""
    return {
        "processes": sorted(processes()),
        "namespaces": sorted(path.name for path in Path("/run/netns").glob("*")),
        "mounts": sorted(line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()),
        "disks": sorted(read(path) for path in Path("/sys/block").glob("loop*/loop/backing_file")),
        "interfaces": sorted(path.name for path in Path("/sys/class/net").iterdir()),
        "routes": command("ip", "route"),
        "rules": [*command("nft", "list", "ruleset"), *command("iptables-save", "-t", "filter")],
        "cgroups": sorted(str(path) for path in Path("/sys/fs/cgroup").glob("*/bootstrap/**")),
        "sysctls": [f"{name}={Path('/proc/sys', name).read_text().strip()}" for name in SYSCTLS],
        "folders": sorted(str(path) for path in Path("/var/lib/bootstrap").glob("*/*")),
    }


def differences(before: dict[str, list[str]], after: dict[str, list[str]]) -> dict[str, list[str]]:
    """What came (`+`) and what went (`-`), by kind, empty kinds left out; what others had may end meanwhile."""
    found = {}
    for kind, old in before.items():
        came, went = Counter(after[kind]) - Counter(old), Counter(old) - Counter(after[kind])
        told = [f"+ {one}" for one in came] + [f"- {one}" for one in went if kind not in ENDS]
        if told:
            found[kind] = told
    return found


def left(
    before: dict[str, list[str]], ours: Callable[[str], bool] = lambda _: True, seconds: float = 60
) -> dict[str, list[str]]:
    """The differences that last: what was ended a moment ago is waited for, as dead processes and loop devices are."""
    deadline = time.monotonic() + seconds
    while True:
        found = {kind: [one for one in told if ours(one)] for kind, told in differences(before, snapshot()).items()}
        found = {kind: told for kind, told in found.items() if told}
        if not found or time.monotonic() >= deadline:
            return found
        time.sleep(1)


def processes() -> list[str]:
    """The command lines of all processes that may be of a cluster: what else starts on this machine is not ours."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        try:
            words = (path / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
            if words and "pytest" not in words and _of_a_cluster(path, words):
                found.append(words)
        except OSError:
            continue
    return found


def _of_a_cluster(process: Path, words: str) -> bool:
    """Whether it is in other namespaces than we are or in a control group of ours, or names us in argv or environment."""
    strange = any((process / "ns" / one).readlink() != Path("/proc/self/ns", one).readlink() for one in ("pid", "net"))
    named = "bootstrap" in words or b"bootstrap" in (process / "environ").read_bytes()
    return strange or named or "/bootstrap/" in (process / "cgroup").read_text()


def read(path: Path) -> str:
    """What stands there, or nothing where it has just gone."""
    try:
        return path.read_text().strip()
    except OSError:
        return ""


def command(*argv: str) -> list[str]:
    """The lines that a command prints, counters and comments left out; none where it is not installed."""
    try:
        done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=30)
    except FileNotFoundError:
        return []
    return [
        re.sub(r"\[\d+:\d+\]|counter packets \d+ bytes \d+", "", line)
        for line in done.stdout.splitlines()
        if not line.startswith("#")
    ]


class Sampler:
    """Looks at the argv and environment of every process, over and over, for anything that looks like a secret."""

    def __init__(self) -> None:
        self.hits: set[bytes] = set()
        self.rounds = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> Sampler:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._stop.wait(0.05):
            self.rounds += 1
            for path in Path("/proc").glob("[0-9]*"):
                for name in ("cmdline", "environ"):
                    try:
                        self.hits.update(SECRETS.findall((path / name).read_bytes()))
                    except OSError:
                        continue
