from __future__ import annotations

from pathlib import Path

import pytest

from tests.providers.machine import Machine, stand_in


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    """A machine whose hosts are switches."""
    return stand_in(tmp_path, monkeypatch)
