from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.face import Face
from tests.e2e.machine import Sampler, snapshot

EXAMPLE = Path(__file__).parents[2] / "inventories" / "local.yml"


@pytest.fixture(scope="module")
def before() -> dict[str, list[str]]:
    """The machine as it was before the module's cluster."""
    return snapshot()


@pytest.fixture(scope="module")
def face(before: dict[str, list[str]], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Face]:
    """A cluster `e2e` made from the example inventory; taken down at the end whatever happened."""
    file = tmp_path_factory.mktemp("e2e") / "cluster.yml"
    file.write_text(EXAMPLE.read_text().replace("cluster: local", "cluster: e2e"))
    face = Face(file)
    try:
        yield face
    finally:
        face.run("down", str(file), "--yes", code=None)


@pytest.fixture(scope="module")
def sampler() -> Iterator[Sampler]:
    """Watches all processes while the module's tests run."""
    with Sampler() as sampler:
        yield sampler
