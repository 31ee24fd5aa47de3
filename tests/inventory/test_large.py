"""A thousand hosts: memory and work are bounded. Wall time is printed, not asserted: machines differ."""

from __future__ import annotations

import subprocess
import sys
import time
import tracemalloc
from pathlib import Path
from typing import Any

import pytest

from bootstrap import inventory

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f"
HEAD = "version: 1\ncluster: big\nprovider: ssh\nsingle_zone: true\nmanagers:\n  hosts:\n"


def _inventory(path: Path, count: int, *, broken: bool = False) -> Path:
    hosts = [
        f"      - address: 10.1.{index // 250}.{index % 250 + 1}\n        name: db{index}\n        zone: a\n"
        f"        host_key: {KEY}\n        labels: {{disk: {'1' if broken else 'ssd'}}}\n"
        for index in range(count)
    ]
    managers = [f"    - {{address: 10.0.0.{index}, zone: a}}\n" for index in (1, 2, 3)]
    path.write_text(HEAD + "".join(managers) + "pools:\n  db:\n    hosts:\n" + "".join(hosts), encoding="utf-8")
    return path


def _calls(path: Path) -> int:
    """How many Python functions are entered while the file is read: work, without a clock."""
    count = 0

    def step(frame: Any, event: str, argument: Any) -> None:
        nonlocal count
        count += event == "call"

    sys.setprofile(step)
    try:
        inventory.read(path, environ={})
    finally:
        sys.setprofile(None)
    return count


@pytest.mark.parametrize("broken", [False, True], ids=["sound", "every-host-wrong"])
def test_work_grows_with_the_number_of_hosts_and_no_faster(tmp_path: Path, broken: bool) -> None:
    """Twice the hosts, at most a little more than twice the calls."""
    inventory.read(_inventory(tmp_path / "warm.yml", 1), environ={})  # imports happen once

    small = _calls(_inventory(tmp_path / "small.yml", 100, broken=broken))
    large = _calls(_inventory(tmp_path / "large.yml", 200, broken=broken))

    assert large < 2.3 * small


def test_a_thousand_hosts_take_less_than_two_hundred_megabytes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The peak of all that is allocated while a large inventory is read."""
    path = _inventory(tmp_path / "thousand.yml", 1000)
    began = time.perf_counter()
    inventory.read(path, environ={})
    seconds = time.perf_counter() - began

    tracemalloc.start()
    cluster = inventory.load(path, environ={})
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    with capsys.disabled():
        print(f"\n1,000 hosts: {seconds:.2f} s, peak {peak / 1e6:.0f} MB")  # noqa: T201 - the figures are wanted

    assert len(cluster.pools[0].hosts) == 1000
    assert peak < 200e6


@pytest.mark.process
def test_a_fresh_process_needs_less_than_two_hundred_megabytes_for_a_thousand_hosts(tmp_path: Path) -> None:
    """All memory, that of the libraries and of what is not Python's included."""
    path = _inventory(tmp_path / "thousand.yml", 1000)
    code = (  # VmHWM is of this program alone: ru_maxrss counts the process, and it began as a fork of pytest
        "import sys; from bootstrap import inventory; inventory.load(sys.argv[1]);"
        "print(next(line.split()[1] for line in open('/proc/self/status') if line.startswith('VmHWM')))"
    )

    done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True)

    assert int(done.stdout) * 1024 < 200e6


def test_a_file_full_of_problems_is_told_in_fifty_lines(tmp_path: Path) -> None:
    """And the reader is not told how many hundreds of times."""
    problems = inventory.check(_inventory(tmp_path / "broken.yml", 300, broken=True), environ={})

    assert len(problems) == 50
    assert {problem.code for problem in problems} == {"E020"}
