from __future__ import annotations

from typing import Any

from bootstrap.agent import tasks


class FakeEngine:
    """Answers for tasks by service."""

    def __init__(self, **found: list[dict[str, Any]]) -> None:
        self.found = found

    def request(self, method: str, path: str, body: Any = None, **query: Any) -> Any:
        assert (method, path) == ("GET", "/tasks")
        return next(value for name, value in self.found.items() if f'"{name}"' in query["filters"])


def service(name: str, running: int, desired: int, mode: str = "Replicated") -> dict[str, Any]:
    counts = {"RunningTasks": running, "DesiredTasks": desired}
    return {"Spec": {"Name": name, "Mode": {mode: {}}}, "ServiceStatus": counts}


def task(state: str, error: str, time: str) -> dict[str, Any]:
    return {"Status": {"State": state, "Err": error, "Timestamp": time}}


def test_the_newest_error_is_told() -> None:
    """Of a service below its number: how many run, and what failed last; a task that only starts says nothing."""
    found = [task("failed", "old", "1"), task("rejected", "No such image: x", "3"), task("preparing", "", "4")]
    late = tasks.waiting(FakeEngine(web=found), [service("web", 1, 2)])  # type: ignore[arg-type]

    assert late == [{"name": "web", "running": 1, "desired": 2, "error": "No such image: x"}]


def test_no_node_that_fits_is_an_error() -> None:
    """A task that waits for a place says why; one that is only new does not."""
    engine = FakeEngine(a=[task("pending", "no suitable node", "1")], b=[task("pending", "", "1")])
    late = tasks.waiting(engine, [service("a", 0, 1), service("b", 0, 1)])  # type: ignore[arg-type]

    assert [one["error"] for one in late] == ["no suitable node", ""]


def test_who_is_complete_is_not_told() -> None:
    """All tasks run, none are wanted, or it is a job, which ends: nobody waits for these."""
    services = [
        service("web", 2, 2),
        service("none", 0, 0),
        service("job", 0, 1, "ReplicatedJob"),
        {"Spec": {"Name": "old"}},
    ]

    assert tasks.waiting(FakeEngine(), services) == []  # type: ignore[arg-type]
