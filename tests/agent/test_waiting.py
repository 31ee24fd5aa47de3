"""How long a node that waits for others looks away."""

from __future__ import annotations

from pathlib import Path

import pytest

from bootstrap.agent.join import DONE
from bootstrap.agent.membership import Membership
from tests.agent.fakes import Cluster


@pytest.mark.parametrize(("near", "late"), [(True, 0.2), (False, 1.0)])
def test_a_node_that_waits_goes_on_when_the_control_object_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, near: bool, late: float
) -> None:
    """Where a look at the store costs nothing, that is seen a moment later; elsewhere at the next poll."""
    cluster = Cluster(tmp_path, managers=1, workers=1)
    manager, worker = cluster.hosts.values()
    monkeypatch.setattr(worker.view, "near", near, raising=False)
    clock = cluster.clock
    published: list[float] = []

    def meanwhile() -> None:
        if clock.now() >= 1003.3 and not published:
            for _ in range(3):
                manager.agent.tick()
            published.extend([clock.now()] * (cluster.control["phase"] == "FORMED"))

    clock.meanwhile = meanwhile
    ended = Membership(worker.context).run()

    assert ended == DONE
    assert 1003.3 <= published[0] <= clock.now() <= 1003.3 + late + 0.2
