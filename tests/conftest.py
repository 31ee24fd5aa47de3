"""For every test: the doors to the outside are shut, unless the test is marked `process` or `lab`."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import pytest
from hypothesis import settings

settings.register_profile("default", deadline=None, database=None)  # two busy cores; no files in the checkout
settings.register_profile("fuzz", deadline=None, database=None, max_examples=5000)
settings.load_profile("default")

LAB_TIMEOUT = 1800  # seconds, set-up of the cluster and of its image included: no promise, only an end
OPEN = ("process", "lab")
OUTSIDE = ("AWS_", "AMAZON_", "GOOGLE_", "GCLOUD_", "CLOUDSDK_", "GCE_", "DOCKER_", "BOOTSTRAP_", "STORAGE_EMULATOR_")
TERMINAL = ("NO_COLOR", "FORCE_COLOR", "COLUMNS", "LINES", "SSH_AUTH_SOCK")
LAB_KEEPS = ("BOOTSTRAP_CACHE_DIR", "BOOTSTRAP_LOCAL_DIR")  # images take a minute to make: one cache for all


class DoorShutError(BaseException):
    """A test touched the outside. Not an Exception, so that no `except Exception` can swallow it."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Golden files have one way to renew them."""
    parser.addoption("--update-golden", action="store_true", help="write the golden files anew; read the diff after")


def pytest_configure() -> None:
    """The tools of this environment, such as shellcheck, are found also where it is not activated.

    A shell starts what runs in its background deaf to Ctrl-C, and every child inherits that: tests interrupt children.
    """
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Real hosts get more time than values do."""
    for item in items:
        if item.get_closest_marker("lab") and not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(LAB_TIMEOUT))


def pytest_runtest_setup(item: pytest.Item) -> None:
    """A lab test that cannot run is a failure: a silent skip would look like success."""
    if item.get_closest_marker("lab") and os.geteuid() != 0:
        pytest.fail("lab tests need root: run `make test`, or leave them out with -m 'not lab'", pytrace=False)


def _shut(what: str) -> Callable[..., NoReturn]:
    """A stand-in that says which door was touched."""

    def touched(*args: Any, **kwargs: Any) -> NoReturn:
        raise DoorShutError(f"{what} in a unit test: inject it, or mark the test `process` or `lab`")

    return touched


def _unix_only(real: Callable[..., Any]) -> Callable[..., Any]:
    """`connect` that lets unix sockets through: a path in the test's own folder is no outside."""

    def connect(self: socket.socket, address: Any) -> Any:
        if self.family == socket.AF_UNIX and Path(address).is_relative_to(tempfile.gettempdir()):
            return real(self, address)
        return _shut(f"connect to {address}")()

    return connect


@pytest.fixture(autouse=True)
def _doors(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """No network, no process, no sleep; nobody's credentials or settings."""
    lab = request.node.get_closest_marker("lab") is not None
    for name in list(os.environ):
        if (name.startswith(OUTSIDE) and not (lab and name in LAB_KEEPS)) or name in TERMINAL:
            monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    if any(request.node.get_closest_marker(marker) for marker in OPEN):
        return
    monkeypatch.setenv("HOME", "/nonexistent")  # ~/.aws, ~/.config/gcloud, ~/.ssh
    monkeypatch.setattr(time, "sleep", _shut("sleep"))
    monkeypatch.setattr(subprocess.Popen, "__init__", _shut("a process"))
    for call in ("system", "fork", "forkpty", "posix_spawn", "posix_spawnp", "execv", "execve"):
        monkeypatch.setattr(os, call, _shut(f"os.{call}"))
    monkeypatch.setattr(socket.socket, "connect", _unix_only(socket.socket.connect))
    monkeypatch.setattr(socket.socket, "connect_ex", _unix_only(socket.socket.connect_ex))
    for call in ("getaddrinfo", "gethostbyname", "create_connection"):
        monkeypatch.setattr(socket, call, _shut(f"socket.{call}"))


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[str, str], None]:
    """`golden("userdata/x.sh", text)`: the text is that of `tests/golden/userdata/x.sh`."""
    update = bool(request.config.getoption("--update-golden"))
    root = Path(__file__).parent / "golden"

    def check(name: str, text: str) -> None:
        path = root / name
        if update:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        assert path.exists(), f"{path} is not there: pytest --update-golden writes it; then read it"
        assert text == path.read_text(encoding="utf-8"), f"{path} differs: if that is right, pytest --update-golden"

    return check
