"""The doors of tests/conftest.py are shut, or every other test could touch the outside without saying so."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import DoorShutError


def connect(family: int, address: str | tuple[str, int]) -> None:
    """Connect and close."""
    with socket.socket(family) as client:
        client.connect(address)


def carelessly(touch: Callable[[], object]) -> None:
    """Do it as code does that swallows whatever goes wrong."""
    with contextlib.suppress(Exception):
        touch()


OUTSIDE: list[Callable[[], object]] = [
    lambda: subprocess.run(["true"], check=True),
    lambda: subprocess.check_output(["true"]),
    lambda: os.system("true"),
    lambda: os.fork(),  # noqa: PLW0108 - looked up when called
    lambda: time.sleep(0),
    lambda: socket.create_connection(("127.0.0.1", 1)),
    lambda: connect(socket.AF_INET, ("127.0.0.1", 1)),
    lambda: connect(socket.AF_UNIX, "/run/docker.sock"),
    lambda: urllib.request.urlopen("http://example.invalid"),
]


@pytest.mark.parametrize("touch", OUTSIDE)
def test_the_outside_cannot_be_touched(touch: Callable[[], object]) -> None:
    """A process, a sleep or a connection ends the test, even where the code swallows every Exception."""
    with pytest.raises(DoorShutError, match="mark the test"):
        carelessly(touch)


def test_a_unix_socket_in_a_temporary_folder_is_no_outside(tmp_path: Path) -> None:
    """The agent's Engine API is spoken to a fake there."""
    path = str(tmp_path / "docker.sock")
    with socket.socket(socket.AF_UNIX) as server, socket.socket(socket.AF_UNIX) as client:
        server.bind(path)
        server.listen()

        client.connect(path)

        assert client.getpeername() == path


def test_nobodys_settings_are_in_the_environment() -> None:
    """Neither cloud credentials nor BOOTSTRAP_ variables of the person who runs the tests."""
    names = {name for name in os.environ if name.startswith(("AWS_", "GOOGLE_", "CLOUDSDK_", "BOOTSTRAP_", "DOCKER_"))}

    assert names == {"AWS_EC2_METADATA_DISABLED"}
    assert not Path.home().exists()


@pytest.mark.process
def test_a_marked_test_may_start_a_process() -> None:
    """`process` opens the doors."""
    assert subprocess.run([sys.executable, "-c", "print(1)"], capture_output=True, check=True).stdout == b"1\n"
