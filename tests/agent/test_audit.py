"""The audit trail: whole, without secrets, and in nobody's way."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from bootstrap.agent import audit
from bootstrap.agent.audit import new_event
from tests.agent.fakes import Cluster

TOKEN = f"SWMTKN-1-{'a' * 50}-{'b' * 25}"


def test_event_has_every_key() -> None:
    """The keys that `events` prints, with a time in UTC to the microsecond."""
    event = new_event("ops@laptop", "scale web=4", node="prod-web-1", epoch=3, outcome="refused", detail="why")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", event.pop("time"))
    assert re.fullmatch(r"[0-9a-f]{16}", event.pop("id"))
    assert event == {
        "who": "ops@laptop", "what": "scale web=4", "node": "prod-web-1", "epoch": 3, "outcome": "refused",
        "detail": "why",
    }  # fmt: skip


def test_no_secret_and_no_novel() -> None:
    """A token in any text is taken out, and a detail is cut."""
    event = new_event(f"x {TOKEN}", f"up {TOKEN}", detail=f"{TOKEN} " + "long " * 1000)
    assert "SWMTKN" not in json.dumps(event)
    assert len(event["detail"]) <= 300


def test_a_trail_that_cannot_be_written_stops_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The duty goes on, and the journal has the event instead."""
    cluster = Cluster(tmp_path, managers=1)
    cluster.store.down = True
    audit.record(cluster.hosts["i-01"].context, "demote", node="prod-2")
    assert "not in the audit trail: demote prod-2" in capsys.readouterr().err
