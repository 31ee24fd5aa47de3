from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from bootstrap.cli.contexts import ssh
from bootstrap.cli.root import root
from bootstrap.cli.run import Run
from tests.cli.fake_session import World

INVENTORY = """\
# our cluster
version: 1
cluster: prod
provider: local
managers:
  count: 3   # odd
pools:
  web: {min: 1, max: 5}
  dmz: {count: 2}  # two are enough
"""

Invoke = Callable[..., Result]


@pytest.fixture(autouse=True)
def _own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What `ssh` reads is in no real user's folder."""
    monkeypatch.setattr(ssh, "home", lambda: tmp_path / "home")


@pytest.fixture
def world() -> World:
    """Nothing is there yet."""
    return World()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "prod.yml"
    path.write_text(INVENTORY, encoding="utf-8")
    return path


@pytest.fixture
def invoke(world: World) -> Invoke:
    """Run the command line on the fake world; `terminal=True` lets somebody sit there."""

    def call(*argv: str | Path, answer: str = "", env: dict[str, str] | None = None, **settings: Any) -> Result:
        settings.setdefault("terminal", False)
        run = Run(open_session=world.open, **settings)
        return CliRunner().invoke(root, [str(word) for word in argv], input=answer, env=env, obj=run)

    return call


@pytest.fixture
def running(world: World, invoke: Invoke, file: Path) -> World:
    """The cluster of `file`, up and healthy; the log is empty."""
    assert invoke("up", file, "--yes").exit_code == 0
    world.log.clear()
    return world


def document(result: Result) -> Any:
    """The one JSON document on stdout."""
    return json.loads(result.stdout)
