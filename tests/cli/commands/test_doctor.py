from __future__ import annotations

from pathlib import Path

from bootstrap.model.finding import fail, ok, warn
from tests.cli.conftest import Invoke, document
from tests.cli.fake_session import World


def test_a_failed_check_is_3(invoke: Invoke, world: World, file: Path) -> None:
    """Exit 3 on a failed check, and the document of the contract."""
    world.findings = (ok("root", "running as root"), fail("engine", "it does not answer", "start it", "prod-web-1"))
    result = invoke("doctor", file, "-o", "json")

    assert result.exit_code == 3
    assert document(result) == {
        "checks": [
            {"id": "root", "node": None, "result": "ok", "what": "running as root", "fix": ""},
            {"id": "engine", "node": "prod-web-1", "result": "fail", "what": "it does not answer", "fix": "start it"},
        ]
    }


def test_a_warning_is_0(invoke: Invoke, world: World, file: Path) -> None:
    """What works is no failure, though it is told with its mend."""
    world.findings = (warn("clock", "no time server", "start chrony"),)
    result = invoke("doctor", file)

    assert result.exit_code == 0
    assert "warn clock" in result.stdout
    assert "start chrony" in result.stdout
    assert "1 checks: 0 failed, 1 to look at" in result.stdout


def test_what_is_fine_is_short(invoke: Invoke, world: World, file: Path) -> None:
    """Thirty nodes that are fine are one line; the one that is not is named."""
    nodes = [f"prod-web-{number}" for number in range(30)]
    world.findings = (
        *(ok("engine", "engine 26.1.5", name) for name in nodes),
        fail("engine", "off", "on", "prod-web-99"),
    )
    lines = invoke("doctor", file).stdout.splitlines()

    assert lines[0].split() == ["fail", "engine", "prod-web-99:", "off"]
    assert lines[2] == "ok   engine         30 nodes: engine 26.1.5"
    assert len(lines) == 5


def test_nothing_is_changed(invoke: Invoke, world: World, file: Path) -> None:
    """A check never changes anything: no lock, no plan, nothing made."""
    world.findings = (ok("root", "running as root"),)
    invoke("doctor", file)

    assert world.log == []
