"""New settings for an engine that is not there yet: found by `tests.chaos.changes`, at a host that `up` had switched on."""

from __future__ import annotations

from pathlib import Path

import pytest

from bootstrap.agent import configure
from bootstrap.agent.engine_api import EngineError
from tests.agent.fake_service import with_service
from tests.agent.fakes import Cluster, Host

DOCUMENT = {"daemon": {"log-driver": "local"}}


@pytest.fixture
def worker(tmp_path: Path) -> Host:
    """A worker that joined, and then was switched off."""
    cluster = Cluster(tmp_path, managers=1, workers=1)
    cluster.run(60)
    host = cluster.hosts["i-02"]
    assert host.joined
    host.engine.up = False
    return host


def test_an_engine_that_still_starts_is_waited_for(worker: Host) -> None:
    """A machine that was switched on a moment ago gets its settings by the same run."""
    service, clock = with_service(worker), worker.context.clock
    came = clock.now() + 5

    def come() -> None:
        worker.engine.up = clock.now() >= came

    setattr(clock, "meanwhile", come)  # noqa: B010 - the fake's own

    assert configure.run(worker.context, DOCUMENT, 60) == {"restarted": True}
    assert service.log == ["restart"]


def test_an_engine_that_never_comes_is_the_error(worker: Host) -> None:
    """After the time that was given, and nothing was changed."""
    service, began = with_service(worker), worker.context.clock.now()
    before = Path(worker.context.paths.config).read_text()

    with pytest.raises(EngineError):
        configure.run(worker.context, DOCUMENT, 10)

    assert 10 <= worker.context.clock.now() - began < 12
    assert service.log == []
    assert Path(worker.context.paths.config).read_text() == before
