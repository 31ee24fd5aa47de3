from __future__ import annotations

import json
import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace

import pytest

from bootstrap.errors import BootstrapError
from bootstrap.model.cluster import Role
from bootstrap.providers.base import Fault, Instance
from bootstrap.remote.agent import Agent
from bootstrap.remote.runner import CommandFailed, Result
from bootstrap.swarm import view
from bootstrap.swarm.view import Silence, Times, View, first_answer, known_managers, managers, observe
from tests.fakes.cluster import cluster
from tests.fakes.provider import FakeProvider


@dataclass(frozen=True)
class Says:
    """A runner on which every command prints the same."""

    stdout: str
    code: int = 0
    stderr: str = ""

    def run(self, argv: Sequence[str], *, stdin: str = "", timeout: float = 60.0) -> Result:
        return Result(self.code, self.stdout, self.stderr)


class Frozen:
    """A runner that answers when it is thawed, and when it is stopped."""

    def __init__(self, thawed: str = "") -> None:
        self.thaw, self.asked, self.stopped = threading.Event(), threading.Event(), threading.Event()
        self.answer = Result(0, thawed) if thawed else Result(1)

    def run(self, argv: Sequence[str], *, stdin: str = "", timeout: float = 60.0) -> Result:
        self.asked.set()
        self.thaw.wait(10)
        return self.answer

    def stop(self) -> None:
        self.stopped.set()
        self.thaw.set()


class Thawing(Frozen):
    """One that answers only once all these were asked too."""

    def __init__(self, others: Sequence[Frozen], answer: str) -> None:
        super().__init__(answer)
        self.others = others

    def run(self, argv: Sequence[str], *, stdin: str = "", timeout: float = 60.0) -> Result:
        assert all(one.asked.wait(10) for one in self.others)
        return self.answer


GOOD = '{"swarm": {"id": "s1", "nodes": [], "networks": [], "stacks": []}}'
LOST = json.dumps({"swarm": None, "state": "error", "problems": [{"code": "engine_slow", "what": "timed out"}]})
DOWN = json.dumps({"swarm": None, "state": "error", "problems": [{"code": "engine_down", "what": "refused"}]})
QUICK = Times(patience=0.01, grace=0.05)


def test_the_first_manager_with_a_quorum_is_asked() -> None:
    """One that fails and one without a quorum are passed over."""
    agents = [
        Agent(Says("", 1, "no such file"), "m1"),
        Agent(Says('{"swarm": null}'), "m2"),
        Agent(Says('{"swarm": {"id": "s1", "nodes": [], "networks": [], "stacks": []}}'), "m3"),
    ]

    found = first_answer([agents], swarm_id="s1")

    assert isinstance(found, View)
    assert found.agent.where == "m3"


def test_nobody_answers() -> None:
    """Silence is no answer; what each manager said instead is kept."""
    silence = first_answer([[Agent(Says("", 1, "no such file"), "m1")]], swarm_id=None)

    assert isinstance(silence, Silence)
    assert "no such file" in silence.reasons["m1"]


def test_an_engine_in_error_is_told_without_holes() -> None:
    """An engine that says nothing more leaves no empty message behind; managers that say the same are told together."""
    problem = {"code": "not_joined", "what": "wait: the engine's swarm is in error: ", "fix": "restart it"}
    says = Says(json.dumps({"swarm": None, "state": "error", "problems": [problem]}))

    silence = first_answer([[Agent(says, "m1"), Agent(says, "m2")]], swarm_id="s1")

    assert isinstance(silence, Silence)
    assert silence.broken == {"m1", "m2"}
    assert str(silence) == ("m1, m2: it sees no quorum (its engine: error; the engine's swarm is in error: restart it)")


def test_a_frozen_manager_does_not_hold_up_the_answer() -> None:
    """When one takes its time, the next is asked as well, and its answer is taken."""
    frozen, free = Frozen(), Says(GOOD)

    found = first_answer([[Agent(frozen, "m1")], [Agent(free, "m2")]], swarm_id="s1", times=QUICK)

    assert isinstance(found, View)
    assert found.agent.where == "m2"


def test_all_others_are_asked_side_by_side() -> None:
    """None of them waits for its turn: the last one is asked while all before it are silent."""
    frozen = [Frozen(), Frozen(), Frozen()]
    agents = [Agent(one, f"m{number}") for number, one in enumerate([*frozen, Thawing(frozen, GOOD)])]

    found = first_answer([agents[:1], agents[1:]], swarm_id="s1", times=QUICK)

    assert isinstance(found, View)
    assert found.agent.where == "m3"


def test_in_an_election_nobody_is_waited_for_long() -> None:
    """Once those that may have a quorum are too few for one they get a moment more, and what was not seen is said."""
    frozen = Frozen()
    lots = [[Agent(Says(LOST), "m1")], [Agent(Says(LOST), "m2"), Agent(frozen, "m3")]]

    silence = first_answer(lots, swarm_id="s1", needed=2, times=QUICK)

    assert isinstance(silence, Silence)
    assert silence.reasons == {
        "m1": "its engine does not answer in time, as while a leader is elected",
        "m2": "its engine does not answer in time, as while a leader is elected",
        "m3": "no answer within 1 s",
    }
    assert silence.broken == frozenset(), "an engine that elects is not to be restarted"


def test_a_manager_that_has_not_joined_hurries_nobody() -> None:
    """Its quick answer says nothing of the swarm: the others have all their time."""
    late = Frozen(GOOD)
    threading.Timer(0.2, late.thaw.set).start()
    lots = [[Agent(Says('{"state": "inactive"}'), "m1")], [Agent(late, "m2")]]

    found = first_answer(lots, swarm_id="s1", needed=2, times=QUICK)

    assert isinstance(found, View)


def test_one_without_a_quorum_does_not_speak_for_all() -> None:
    """While those that have not answered may be a quorum they have all their time: the way to them may be long."""
    late = [Frozen(GOOD), Frozen(GOOD)]
    threading.Timer(0.2, late[1].thaw.set).start()
    lots = [[Agent(Says(LOST), "m1")], [Agent(late[0], "m2"), Agent(late[1], "m3")]]

    found = first_answer(lots, swarm_id="s1", needed=2, times=QUICK)

    assert isinstance(found, View)
    assert found.agent.where == "m3"


def test_whose_answer_is_not_awaited_is_stopped() -> None:
    """A poll leaves no thread and no process behind, and the manager that answered goes on."""
    frozen, free = Frozen(), Frozen(GOOD)
    free.thaw.set()

    found = first_answer([[Agent(frozen, "m1")], [Agent(free, "m2")]], swarm_id="s1", times=QUICK)

    assert isinstance(found, View)
    assert (frozen.stopped.is_set(), free.stopped.is_set()) == (True, False)


def test_who_is_silent_to_the_end_is_stopped() -> None:
    """Also where nobody answered: the next look asks again."""
    frozen = Frozen()

    silence = first_answer([[Agent(frozen, "m1")]], swarm_id="s1", times=Times(patience=0.01, limit=0.01, grace=0.01))

    assert isinstance(silence, Silence)
    assert frozen.stopped.is_set()


def machine(name: str, fault: Fault | None = None) -> Instance:
    return Instance(f"i-{name}", name, Role.MANAGER, "managers", "a", "10.91.0.11", "running", 60.0, "joined", fault)


CUT = Fault("cut off", "its machine is cut off", "heal", alone=True)
PARTED = Fault("parted", "the network is parted", "heal")


def asked(
    monkeypatch: pytest.MonkeyPatch, machines: Sequence[Instance], leaving: Sequence[str] = (), **runners: object
) -> View | Silence:
    """What `observe` makes of these managers, each with its runner."""
    monkeypatch.setattr(FakeProvider, "runner", lambda _, one: runners[one.hostname])
    monkeypatch.setattr(view, "TIMES", QUICK)
    return observe(FakeProvider(cluster()), {"swarm_id": "s1"}, machines, leaving=leaving)


def test_one_with_a_fault_waits_for_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """It may answer at once what is no longer so: who has no fault is asked first, however slow."""
    slow = Frozen(GOOD)
    threading.Timer(0.2, slow.thaw.set).start()

    found = asked(
        monkeypatch, [machine("m1", PARTED), machine("m2"), machine("m3")],
        m1=Says(GOOD), m2=slow, m3=Says('{"state": "inactive"}'),
    )  # fmt: skip

    assert isinstance(found, View)
    assert found.agent.where == "m2"


def test_one_that_goes_waits_for_those_that_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    """Changes are made through who answers, and the machine of one that goes is destroyed: it is asked last."""
    slow = Frozen(GOOD)
    threading.Timer(0.2, slow.thaw.set).start()
    refusing = Says('{"state": "inactive"}')

    found = asked(
        monkeypatch, [machine("m1"), machine("m2"), machine("m3", PARTED)], ["m1"], m1=Says(GOOD), m2=refusing, m3=slow
    )
    alone = asked(monkeypatch, [machine("m1"), machine("m2")], ["m1"], m1=Says(GOOD), m2=refusing)

    assert isinstance(found, View)
    assert found.agent.where == "m3"
    assert isinstance(alone, View)
    assert alone.agent.where == "m1"


def test_one_with_a_fault_is_asked_when_the_others_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk or a parted network need not keep it from the quorum."""
    refusing = Says('{"state": "inactive"}')

    found = asked(
        monkeypatch, [machine("m1", PARTED), machine("m2"), machine("m3")], m1=Says(GOOD), m2=refusing, m3=refusing
    )

    assert isinstance(found, View)
    assert found.agent.where == "m1"


def test_a_leader_that_is_cut_off_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """It remembers a quorum that it has no more, while the others elect: nothing may be sent to it."""
    silence = asked(
        monkeypatch, [machine("m1", CUT), machine("m2"), machine("m3")], m1=Says(GOOD), m2=Says(LOST), m3=Says(LOST)
    )

    assert isinstance(silence, Silence)
    assert silence.electing
    assert silence.reasons["m1"] == "its machine is cut off"


def test_the_only_manager_is_asked_though_it_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is a quorum by itself."""
    assert isinstance(asked(monkeypatch, [machine("m1", CUT)], m1=Says(GOOD)), View)


@pytest.mark.parametrize(("third", "electing"), [(LOST, True), (DOWN, False)])
def test_a_stopped_engine_elects_nobody(monkeypatch: pytest.MonkeyPatch, third: str, electing: bool) -> None:
    """It is told as what it is; an election is possible while a majority of the engines runs."""
    silence = asked(
        monkeypatch, [machine("m1"), machine("m2"), machine("m3")], m1=Says(DOWN), m2=Says(LOST), m3=Says(third)
    )

    assert isinstance(silence, Silence)
    assert silence.electing is electing
    assert silence.reasons["m1"] == "its engine is down"
    assert "m1" in silence.down
    assert silence.broken == frozenset()


def test_a_paused_manager_is_not_asked() -> None:
    """The provider knows that nothing runs there: it is told, and costs no time."""
    paused = machine("m1", Fault("paused", "its machine is paused", "resume", silent=True))

    silence = observe(FakeProvider(cluster()), {"swarm_id": "s1"}, [paused])

    assert silence == Silence({"m1": "its machine is paused"})


def test_where_a_manager_is_off_all_others_are_asked_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """There may be an election, in which each of them is slow: the first one has no time of its own."""
    silent = Frozen()
    runners = {"m2": Thawing([silent], GOOD), "m3": silent}
    provider = FakeProvider(cluster())
    monkeypatch.setattr(FakeProvider, "runner", lambda _, one: runners[one.hostname])
    monkeypatch.setattr(view, "TIMES", Times(patience=15.0))

    found = observe(
        provider, {"swarm_id": "s1"}, [replace(machine("m1"), state="stopped"), machine("m2"), machine("m3")]
    )

    assert isinstance(found, View)


def test_who_may_be_cut_off_is_asked_last() -> None:
    """For a while such a leader does not know that it is none."""
    cut = machine("m1", Fault("cut off", "its machine is cut off", "heal"))

    assert [one.hostname for one in managers([cut, machine("m2"), machine("m3")])] == ["m2", "m3", "m1"]


def test_the_agent_s_own_error_is_passed_on() -> None:
    """What happened, where and what to do, in the agent's words."""
    error = {"error": {"code": "guard", "what": "quorum could be lost", "where": "m2", "fix": "wait"}}

    with pytest.raises(BootstrapError) as caught:
        Agent(Says(json.dumps(error), 1), "m1").call("remove", "x")

    assert (caught.value.code, caught.value.where, caught.value.fix) == ("guard", "m2", "wait")
    assert str(caught.value) == "m2: quorum could be lost"


def test_an_agent_that_prints_nonsense_is_a_failed_command() -> None:
    """The last lines of what it said are the message."""
    with pytest.raises(CommandFailed, match="Traceback here"):
        Agent(Says("garbage", 1, "x\nTraceback here"), "m1").call("status")


def test_who_is_a_manager_without_asking() -> None:
    """Published or seated since; not who lost its swarm, only reserved a seat, or was removed before that was published."""
    control = {
        "managers": [{"node_id": one} for one in "abc"],
        "seats": {
            "i-1": {"node_id": "b"},
            "i-2": {"node_id": "d"},
            "i-3": {"node_id": None},
            "i-4": {"node_id": "e", "lost": True},
        },
        "removed": ["a"],
    }
    assert known_managers(control) == {"b", "c", "d"}
    assert known_managers(None) == set()
