from __future__ import annotations

from pathlib import Path

import pytest

from bootstrap.cli.show import status
from bootstrap.cli.show.tables import WIDEST
from bootstrap.errors import BootstrapError
from bootstrap.providers.base import Fault
from tests.cli.conftest import Invoke, document
from tests.cli.fake_session import World
from tests.fakes.clock import FakeClock

KEYS = {"cluster", "provider", "swarm_id", "epoch", "healthy", "problems", "notes", "running", "quorum", "zones", "nodes", "unjoined",
        "outdated", "tokens", "last_backup"}  # fmt: skip


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


def test_no_cluster_is_no_error(invoke: Invoke, world: World, file: Path) -> None:
    """swarm_id and epoch are null, healthy false, exit 0; --check makes it 3."""
    result = invoke("status", file, "-o", "json")

    assert result.exit_code == 0
    found = document(result)
    assert set(found) == KEYS
    assert (found["swarm_id"], found["epoch"], found["healthy"]) == (None, None, False)
    assert invoke("status", file, "--check").exit_code == 3
    assert "prod: no swarm yet" in invoke("status", file).stdout


def test_a_healthy_cluster(invoke: Invoke, running: World, file: Path) -> None:
    """--check is 0; the table names each node; no lock is taken."""
    result = invoke("status", file, "--check")

    assert result.exit_code == 0
    header, *rows = result.stdout.split("\n\n")[0].splitlines()
    assert header.split()[:9] == [
        "NODE",
        "ROLE",
        "POOL",
        "ZONE",
        "ADDRESS",
        "STATE",
        "AVAILABILITY",
        "ENGINE",
        "MANAGER",
    ]
    assert len(rows) == 6
    leaders = [row.split()[0] for row in rows if "leader" in row]
    assert leaders == ["prod-managers-1"]
    assert set(running.log) == {"look"}


def test_problems_stand_with_their_fix(invoke: Invoke, running: World, file: Path) -> None:
    """An unhealthy cluster says why and what to do; --check still prints the document, without an error beside it."""
    running.sick = "its engine is down"
    result = invoke("status", file, "--check")

    assert result.exit_code == 3
    assert "prod: not healthy" in result.stdout
    assert "its engine is down\n      bootstrap up" in result.stdout
    found = document(invoke("status", file, "--check", "-o", "json"))
    assert set(found) == KEYS


def test_a_machine_that_is_off_is_not_shown_as_ready(invoke: Invoke, running: World, file: Path) -> None:
    """While the swarm still says `ready` and `reachable` of it; that it leads is told, and all others are as before."""
    running.states = {"prod-managers-2": "stopped"}
    running.hurt = {"prod-managers-1": Fault("paused", "its machine is paused", "bootstrap local resume")}
    table = invoke("status", file).stdout.split("\n\n")[0].splitlines()
    rows = {row.split()[0]: row for row in table}

    assert [word in rows["prod-managers-2"].split() for word in ("off", "ready", "reachable")] == [True, False, False]
    assert [word in rows["prod-managers-1"].split() for word in ("paused", "ready", "leader")] == [True, False, True]
    assert [row for row in table[1:] if "ready" in row.split()] == [
        row for name, row in rows.items() if name not in {"NODE", "prod-managers-1", "prod-managers-2"}
    ]


def test_a_state_that_the_swarm_noticed_stands_with_its_cause() -> None:
    """`down (off)`: neither word is lost."""
    node = {"state": "down", "leader": False, "reachability": "unreachable", "machine": "off", "labels": {}}

    assert status._seen(node) == ("down (off)", "unreachable")
    assert status._seen({**node, "machine": "running"}) == ("down", "unreachable")


def test_a_ghost_that_the_swarm_believes_in_does_not_look_alive() -> None:
    """A wiped machine joins anew, and its old node is ready and reachable for some seconds; a stranger is what it says."""
    labels = {"bootstrap.instance": "i-old"}
    ghost = {"state": "ready", "leader": False, "reachability": "reachable", "machine": None, "labels": labels}

    assert status._seen(ghost) == ("gone", "")
    assert status._seen({**ghost, "labels": {}}) == ("ready", "reachable")


def test_who_is_known_to_be_off_is_counted_out(invoke: Invoke, running: World, file: Path) -> None:
    """The headline says how many more may go, also in the seconds in which the swarm has not noticed one."""
    running.states = {"prod-managers-2": "stopped"}

    assert "3 managers, can lose 0" in invoke("status", file).stdout


def test_what_is_said_alike_of_several_nodes_stands_once() -> None:
    """After a partition: the names together, and the one command that mends it."""
    parted = {"code": "machine_fault", "message": "the network is parted", "fix": "bootstrap local heal prod.yml"}
    other = {**parted, "node": None, "message": "the quorum is lost"}

    assert list(status._told([other, {**parted, "node": "a"}, {**parted, "node": "b"}], "!")) == [
        "  ! the quorum is lost",
        "      bootstrap local heal prod.yml",
        "  ! a, b: the network is parted",
        "      bootstrap local heal prod.yml",
    ]


@pytest.mark.parametrize("columns", [80, 100, 120, 300])
def test_the_table_fits(invoke: Invoke, running: World, file: Path, columns: int) -> None:
    """No line is wider than the screen, nor than 120; name, state and availability never go."""
    result = invoke("status", file, env={"COLUMNS": str(columns)})
    lines = result.stdout.splitlines()

    assert max(map(len, lines[:7])) <= min(columns, WIDEST)
    assert {"NODE", "STATE", "AVAILABILITY"} <= set(lines[0].split())


def test_wait_until_healthy(invoke: Invoke, running: World, file: Path, clock: FakeClock) -> None:
    """--wait looks again until it is healthy, and says what it waits for once."""
    running.healthy_after = 3
    result = invoke("status", file, "--wait", "2m", clock=clock.now, sleep=clock.sleep)

    assert result.exit_code == 0
    assert clock.now() == 3.0
    assert result.stderr == "waiting: not yet\n"


def test_wait_elapses(invoke: Invoke, running: World, file: Path, clock: FakeClock) -> None:
    """When the time is over it is 3, with the last status on stdout; the time is kept to."""
    running.sick = "its engine is down"
    result = invoke("status", file, "--wait", "10s", "-o", "json", clock=clock.now, sleep=clock.sleep)

    assert result.exit_code == 3
    assert document(result)["healthy"] is False
    assert clock.now() == 10.0


def test_wait_by_variable(invoke: Invoke, running: World, file: Path, clock: FakeClock) -> None:
    """BOOTSTRAP_WAIT is --wait."""
    running.sick = "x"
    assert invoke("status", file, env={"BOOTSTRAP_WAIT": "3s"}, clock=clock.now, sleep=clock.sleep).exit_code == 3
    assert clock.now() == 3.0


def test_watch_until_interrupted(invoke: Invoke, running: World, file: Path) -> None:
    """--watch prints when something changed, and ends with 130 at Ctrl-C."""
    left = iter(range(3))

    def sleep(_: float) -> None:
        if next(left) == 2:
            raise KeyboardInterrupt

    result = invoke("status", file, "--watch", sleep=sleep)

    assert result.exit_code == 130
    assert result.stdout.count("NODE") == 1


def test_a_watch_outlives_a_look_that_fails(invoke: Invoke, running: World, file: Path) -> None:
    """What fails once is shown and may be there at the next look; a first look that fails ends it."""
    naps = iter(range(4))

    def broken() -> None:
        raise BootstrapError("the store does not answer")

    def sleep(_: float) -> None:
        nap = next(naps)
        running.on = {"look": broken} if nap == 0 else {}
        if nap == 3:
            raise KeyboardInterrupt

    result = invoke("status", file, "--watch", sleep=sleep)
    running.on = {"look": broken}

    assert result.exit_code == 130
    assert result.stdout.count("NODE") == 2
    assert "error: the store does not answer" in result.stdout
    assert invoke("status", file, "--watch").exit_code == 1


@pytest.mark.parametrize("more", [["-o", "json"], ["--wait", "1m"], ["--check"]])
def test_watch_goes_alone(invoke: Invoke, running: World, file: Path, more: list[str]) -> None:
    """A stream of pictures is neither one document, nor a wait, nor an answer: exit 2."""
    assert invoke("status", file, "--watch", *more).exit_code == 2
    assert running.log == []
