"""Clusters side by side, and what `local` says where it cannot work."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from bootstrap.lab import paths, records
from tests.e2e.face import Face
from tests.e2e.machine import left, snapshot

pytestmark = [pytest.mark.lab, pytest.mark.alone]

SMALL = """\
version: 1
cluster: {name}
provider: local
local: {{zones: [a], memory: 512MiB}}
single_zone: true
managers: {{count: 1}}
pools:
  web: {{count: 1}}
"""


def small(folder: Path, name: str) -> Face:
    """A cluster of one manager and one worker."""
    file = folder / f"{name}.yml"
    file.write_text(SMALL.format(name=name))
    return Face(file)


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[tuple[Face, Face]]:
    """`pair` beside `pair-eu`, both taken down at the end."""
    faces = small(tmp_path, "pair"), small(tmp_path, "pair-eu")
    yield faces
    for face in faces:
        face.run("down", str(face.file), "--yes", code=None)


def test_two_clusters_do_not_see_each_other(pair: tuple[Face, Face]) -> None:
    """`prod` beside `prod-eu`: own networks, own swarms; `down` of one leaves the other whole and then nothing."""
    before = snapshot()
    home, europe = pair
    first, second = home.up(), europe.up()

    assert first["healthy"]
    assert second["healthy"]
    assert first["swarm_id"] != second["swarm_id"]
    subnets = [records.load_fabric(paths.cluster_dir(name)).subnet for name in ("pair", "pair-eu")]  # type: ignore[union-attr]
    assert len(set(subnets)) == 2

    home.run("down", str(home.file), "--yes")
    whole = europe.healthy()
    assert [node["id"] for node in whole["nodes"]] == [node["id"] for node in second["nodes"]]

    europe.run("down", str(europe.file), "--yes")
    assert left(before) == {}


def test_a_taken_address_range_is_passed_over(tmp_path: Path) -> None:
    """Where the machine already routes our first choice elsewhere, another range is chosen."""
    face = small(tmp_path, "taken")
    subprocess.run(["ip", "link", "add", "bs-test0", "type", "bridge"], check=True)
    try:
        subprocess.run(["ip", "addr", "add", "10.91.0.1/16", "dev", "bs-test0"], check=True)
        document = face.up()
        addresses = [node["address"] for node in document["nodes"]]
    finally:
        face.run("down", str(face.file), "--yes", code=None)
        subprocess.run(["ip", "link", "del", "bs-test0"], check=True)

    assert document["healthy"]
    assert all(not address.startswith("10.91.") for address in addresses)


@pytest.mark.parametrize(("image", "engine"), [("debian-12", "20.10"), ("debian-sid", "28.5")])
def test_other_engines_form_a_swarm_too(tmp_path: Path, image: str, engine: str) -> None:
    """Images bookworm (20.10) and sid (28.5) boot, join and are healthy; the inotify limit is raised and put back."""
    limit = Path("/proc/sys/fs/inotify/max_user_instances")
    before = limit.read_text()
    limit.write_text("50")  # too few for two hosts
    face = small(tmp_path, f"engine-{image}")
    face.file.write_text(face.file.read_text() + f"image: {image}\n")
    try:
        document = face.up()
        assert int(limit.read_text()) > 50
        assert "raising fs.inotify.max_user_instances" in "".join(face.printed)
    finally:
        face.run("down", str(face.file), "--yes", code=None)
        after, _ = limit.read_text(), limit.write_text(before)

    assert document["healthy"]
    assert all(node["engine"].startswith(engine) for node in document["nodes"])
    assert after.strip() == "50"


def test_without_root_it_says_so() -> None:
    """A plain user is told what is missing and what to do; nothing is made."""
    with tempfile.TemporaryDirectory() as folder:  # pytest's own folders are closed to others
        face = small(Path(folder), "plain")
        Path(folder).chmod(0o755)
        command = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", sys.executable, "-m", "bootstrap"]
        done = subprocess.run(
            [*command, "up", str(face.file), "--yes", "-o", "json"], capture_output=True, text=True, check=False
        )

    assert done.returncode == 1, done.stderr
    error = json.loads(done.stdout)["error"]
    assert "root" in error["what"]
    assert "sudo" in error["fix"]
    assert not paths.cluster_dir("plain").exists()


HIDE = 'for one in /usr/sbin/ip /usr/bin/ip; do [ ! -e "$one" ] || mount --bind /dev/null "$one"; done; exec "$@"'


def test_a_missing_tool_is_named_with_its_package(tmp_path: Path) -> None:
    """Where `ip` is not installed, the error names it and the package that has it, and nothing is made."""
    face = small(tmp_path, "bare")
    command = ["unshare", "--mount", "sh", "-c", HIDE, "sh", sys.executable, "-m", "bootstrap"]

    done = subprocess.run(
        [*command, "up", str(face.file), "--yes", "-o", "json"], capture_output=True, text=True, check=False
    )

    assert done.returncode == 1, done.stderr
    error = json.loads(done.stdout)["error"]
    assert "program ip " in error["what"]
    assert "iproute2" in error["fix"]
    assert not paths.cluster_dir("bare").exists()


def test_a_protected_cluster_is_not_taken_down(pair: tuple[Face, Face]) -> None:
    """`protect: true` makes `down` refuse until it is confirmed by name."""
    face = pair[0]
    face.up()
    face.file.write_text(face.file.read_text() + "protect: true\n")

    refused = face.run("down", str(face.file), "--yes", code=None)

    assert refused.returncode in {1, 2}
    assert "protect" in refused.stderr
    assert face.healthy()
    face.run("down", str(face.file), "--yes", "--confirm", "pair")
    assert not paths.cluster_dir("pair").exists()
