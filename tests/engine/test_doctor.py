from __future__ import annotations

import ast
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bootstrap.engine.doctor import probe
from bootstrap.engine.doctor.examine import examine
from bootstrap.engine.doctor.gather import Probe, gather, question
from bootstrap.engine.doctor.nodes import Nodes, bad_engine, findings
from bootstrap.errors import BootstrapError
from bootstrap.model.cluster import Network
from bootstrap.model.finding import Outcome
from bootstrap.providers.base import Fault
from bootstrap.remote.runner import Result, Runner
from tests.engine.test_health import MACHINES
from tests.fakes.cluster import cluster, pool
from tests.fakes.provider import FakeProvider, World

MADE = cluster(pool("web", 1), networks=(Network("edge", encrypted=True),))
NAMES = [one.hostname for one in MACHINES]


def answer(name: str, **changed: Any) -> dict[str, Any]:
    """What the probe says on a node that is fine."""
    others = [one for one in NAMES if one != name]
    return {
        "start": 100.0, "end": 104.0, "hostname": name, "machine_id": f"id-{name}", "mtu": 1500, "agent": True,
        "disk": {"free": 50 << 30, "total": 100 << 30}, "engine": {"version": "26.1.5+dfsg1", "error": ""},
        "units": dict.fromkeys(probe.UNITS, "active"), "udp": others,
        "tcp": {one: {"7946": ""} for one in others}, **changed,
    }  # fmt: skip


def results(**changed: dict[str, Any]) -> dict[tuple[str, str | None], tuple[Outcome, str]]:
    """{(id, node): (result, what)} where `web` or `a` answers otherwise."""
    names = {"web": "prod-web-1", "a": "prod-managers-a-1"}
    other = {names[key]: value for key, value in changed.items()}
    probes = [Probe(one, answer(one.hostname, **other.get(one.hostname, {}))) for one in MACHINES]
    return {(one.id, one.node): (one.result, one.what) for one in findings(Nodes(MADE, "FILE", probes))}


def test_a_cluster_that_is_fine() -> None:
    """Every check is ok, and each is there for each node."""
    found = results()

    assert {result for result, _ in found.values()} == {Outcome.OK}
    assert {key[0] for key in found if key[1] == "prod-web-1"} == {"reach", "agent", "engine", "clock", "ports", "disk"}


BAD = [
    ({"agent": False}, "agent", Outcome.FAIL, "not on it"),
    ({"units": {**dict.fromkeys(probe.UNITS, "active"), "docker.service": "failed"}}, "agent", Outcome.FAIL, "failed"),
    ({"engine": {"version": "", "error": "TimeoutError"}}, "engine", Outcome.FAIL, "TimeoutError"),
    ({"engine": {"version": "19.3.1", "error": ""}}, "engine", Outcome.WARN, "older"),
    ({"disk": {"free": 1, "total": 100}}, "disk", Outcome.FAIL, "free"),
    ({"disk": {"free": 10, "total": 100}}, "disk", Outcome.WARN, "free"),
    (
        {"tcp": {"prod-managers-a-1": {"2377": "no answer"}}},
        "ports",
        Outcome.FAIL,
        "prod-managers-a-1:2377 (no answer)",
    ),
]


@pytest.mark.parametrize(("said", "check", "result", "word"), BAD)
def test_what_is_wrong_is_found(said: dict[str, Any], check: str, result: Outcome, word: str) -> None:
    """Each fault is told at its node, by its check."""
    found = results(web=said)[check, "prod-web-1"]

    assert found[0] is result
    assert word in found[1]


def test_a_datagram_that_does_not_arrive() -> None:
    """Who is not heard by a node that listens does not reach it; a node that cannot listen accuses nobody."""
    assert results(web={"udp": NAMES[1:3]})["ports", NAMES[0]] == (
        Outcome.FAIL,
        "it does not reach prod-web-1:4789/udp",
    )
    assert results(web={"udp": None})["ports", NAMES[0]][0] is Outcome.OK


def test_twins_and_mixtures() -> None:
    """Cloned machine ids, two MTUs and two engines are told once, with all names."""
    found = results(
        web={"machine_id": "id-prod-managers-a-1", "mtu": 1450, "engine": {"version": "28.5.2", "error": ""}}
    )

    assert found["machine-id", None] == (Outcome.FAIL, "the same machine-id on prod-managers-a-1, prod-web-1")
    assert found["mtu", None][0] is Outcome.WARN
    assert "26.1.5+dfsg1, 28.5.2" in found["engine-mix", None][1]


@pytest.mark.parametrize(("skew", "result"), [(0.0, "ok"), (-6.0, "warn"), (40.0, "fail")])
def test_clocks(skew: float, result: str) -> None:
    """Five seconds are worth knowing, thirty are in the way."""
    found = list(findings(Nodes(MADE, "FILE", [Probe(MACHINES[0], answer(NAMES[0]), skew=skew)])))

    assert [str(one.result) for one in found if one.id == "clock"] == [result]


@pytest.mark.parametrize(
    ("version", "encrypted", "bad"),
    [("23.0.1", True, True), ("23.0.1", False, False), ("23.0.3", True, False), ("20.10.23", False, True),
     ("26.1.5+dfsg1", True, False), ("who knows", False, True)],
)  # fmt: skip
def test_engines_that_are_known_to_be_bad(version: str, encrypted: bool, bad: bool) -> None:
    """Encrypted networks want an engine that encrypts; none is older than what was tried."""
    assert bool(bad_engine(version, encrypted=encrypted)) is bad


class Answering:
    """Runs the probe as a node whose clock is ahead would."""

    def __init__(self, ahead: float, output: str = "") -> None:
        self.ahead, self.output = ahead, output
        self.asked: list[str] = []

    def run(self, argv: Sequence[str], *, stdin: str = "", timeout: float = 60.0) -> Result:
        self.asked.append(stdin)
        text = answer(json.loads(argv[3])["me"], start=10.5 + self.ahead, end=14.5 + self.ahead)
        return Result(0, self.output or json.dumps(text))


def test_gathering_measures_the_clock() -> None:
    """An answer that fits between question and answer has no skew; one that does not has its least doubtful one."""
    times = iter([10.0, 15.0])
    (right,) = gather(MACHINES[:1], lambda _: Answering(0.2), 4789, lambda: next(times))
    times = iter([10.0, 15.0])
    (wrong,) = gather(MACHINES[:1], lambda _: Answering(60.0), 4789, lambda: next(times))

    assert right.skew == 0.0
    assert wrong.skew == pytest.approx(60.0, abs=1.0)


def test_a_node_that_does_not_answer_is_a_finding() -> None:
    """Neither a refusal nor nonsense ends the doctor."""

    class Off:
        def run(self, argv: Sequence[str], *, stdin: str = "", timeout: float = 60.0) -> Result:
            raise BootstrapError("the host is off")

    runners: Mapping[str, Runner] = {"i-a": Off(), "i-b": Answering(0, "Traceback")}
    probes = gather(MACHINES[:2], lambda one: runners[one.id], 4789, lambda: 10.0)
    found = list(findings(Nodes(MADE, "FILE", probes)))

    assert [(one.id, one.node, str(one.result)) for one in found] == [
        ("reach", NAMES[0], "fail"), ("reach", NAMES[1], "fail"),
    ]  # fmt: skip


def test_the_question_names_all_others() -> None:
    """Managers are asked for on 2377 as well; nobody asks itself."""
    asked = question(MACHINES[3], MACHINES, 4789)

    assert {name: one["tcp"] for name, one in asked["peers"].items()} == {name: [2377, 7946] for name in NAMES[:3]}


def test_the_probe_needs_nothing_but_python() -> None:
    """It runs where nothing of ours is, on Python 3.9: only the standard library, and no newer syntax."""
    tree = ast.parse(Path(probe.__file__).read_text(encoding="utf-8"), feature_version=(3, 9))
    names = {alias.name for one in ast.walk(tree) if isinstance(one, ast.Import) for alias in one.names}

    assert not [one for one in names if one.startswith("bootstrap")]
    assert not [
        one for one in ast.walk(tree) if isinstance(one, ast.ImportFrom) and str(one.module).startswith("bootstrap")
    ]


def test_machines_that_are_off_or_tampered_with_fail() -> None:
    """What `status` knows is said: off, paused, no cluster yet."""
    world = World()
    provider = FakeProvider(MADE, world)
    document: dict[str, Any] = {
        "swarm_id": None,
        "healthy": False,
        "problems": [],
        "tokens": {"published_is_live": None},
    }
    assert [(one.id, str(one.result)) for one in examine(MADE, provider, lambda: document)] == [
        ("root", "ok"),
        ("cluster", "ok"),
    ]

    world.machines = {one.hostname: replace(one, state="stopped") for one in MACHINES}
    paused = MACHINES[3].hostname
    world.machines[paused] = replace(
        MACHINES[3], state="pending", fault=Fault("paused", "its machine is paused", "resume")
    )
    found = list(examine(MADE, provider, lambda: document | {"swarm_id": "s1"}))
    assert [(one.id, one.node) for one in found if one.id == "machine"] == [("machine", name) for name in NAMES]
    assert next(one.what for one in found if one.node == paused) == "its machine is paused"


def test_a_provider_that_cannot_be_asked_is_a_finding() -> None:
    """Without root, say, the checks of the machine are there all the same."""

    def status() -> dict[str, Any]:
        raise BootstrapError("hosts need root", fix="sudo")

    found = list(examine(MADE, FakeProvider(MADE), status))

    assert [(one.id, str(one.result)) for one in found] == [("root", "ok"), ("cluster", "fail")]
