from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import click
import pytest

from bootstrap.cli.commands import local
from bootstrap.errors import BootstrapError
from bootstrap.providers.base import Fault
from tests.cli.conftest import Invoke, document
from tests.cli.fake_session import World

VERBS = ("reboot", "start", "pause", "resume", "cut", "heal", "kill", "wipe", "fill")
MANAGERS = ["prod-managers-1", "prod-managers-2", "prod-managers-3"]
WORKERS = ["prod-dmz-1", "prod-dmz-2", "prod-web-1"]


@dataclass
class FakeFaults:
    """Hosts that remember what struck them, and the parts that the network is in."""

    struck: list[tuple[str, str]] = field(default_factory=list)
    groups: list[list[str]] = field(default_factory=list)
    healed: int = 0
    off: frozenset[str] = frozenset()

    def strike(self, verb: str, hostname: str) -> str:
        if hostname in self.off and verb != "start":
            raise BootstrapError("the host is off", where=hostname, fix="start it", code="host_off")
        self.struck.append((verb, hostname))
        return f"had {verb}"

    def part(self, groups: Sequence[Sequence[str]]) -> None:
        self.groups = [list(group) for group in groups]

    def heal(self) -> str:
        self.groups = []
        self.healed += 1
        return "healed: no partition"


@pytest.fixture
def faults(monkeypatch: pytest.MonkeyPatch) -> FakeFaults:
    made = FakeFaults()
    monkeypatch.setattr(local, "open_faults", lambda run, session: made)
    return made


def test_every_fault_of_the_contract_is_there() -> None:
    """The nine that strike one node, and the partition."""
    assert set(local.command.commands) == {*VERBS, "partition"}


@pytest.mark.parametrize("name", VERBS)
def test_a_fault_strikes_one_node(invoke: Invoke, running: World, file: Path, faults: FakeFaults, name: str) -> None:
    """One line on stdout that names the node; exit 0; no lock is taken."""
    result = invoke("local", name, file, "prod-web-1")

    assert result.exit_code == 0
    assert result.stdout == f"prod-web-1 had {name}\n"
    assert faults.struck == [(name, "prod-web-1")]
    assert not [line for line in running.log if line.startswith("lock")]


@pytest.mark.parametrize("argv", [("-o", "json", "local", "cut"), ("local", "-o", "json", "cut")])
def test_a_fault_is_one_document(
    invoke: Invoke, running: World, file: Path, faults: FakeFaults, argv: tuple[str, ...]
) -> None:
    """-o json counts wherever it stands."""
    answer = {"fault": "cut", "node": "prod-web-1", "message": "had cut"}

    assert document(invoke(*argv, file, "prod-web-1")) == answer
    assert document(invoke("local", "cut", file, "prod-web-1", "-o", "json")) == answer


def test_a_node_is_found_by_its_id_and_its_instance(
    invoke: Invoke, running: World, file: Path, faults: FakeFaults
) -> None:
    """As in every other command that takes a NODE."""
    nodes = document(invoke("status", file, "-o", "json"))["nodes"]
    node = next(one for one in nodes if one["hostname"] == "prod-web-1")

    for word in (node["id"], node["instance"]):
        assert invoke("local", "kill", file, word).exit_code == 0

    assert faults.struck == [("kill", "prod-web-1")] * 2


@pytest.mark.parametrize("name", VERBS)
def test_an_unknown_node_is_told_with_the_names(
    invoke: Invoke, running: World, file: Path, faults: FakeFaults, name: str
) -> None:
    """Exit 1, and the list to choose from."""
    result = invoke("local", name, file, "prod-web-9")

    assert result.exit_code == 1
    assert "there is no node 'prod-web-9'" in result.stderr
    assert "prod-web-1" in result.stderr
    assert faults.struck == []


@pytest.mark.parametrize("words", [("cut", "n"), ("heal", "n"), ("partition", "a|b")])
def test_where_there_is_no_cluster_that_is_told(
    invoke: Invoke, world: World, file: Path, faults: FakeFaults, words: tuple[str, ...]
) -> None:
    """Before the first `up` no name is wrong: there is no cluster to have one."""
    result = invoke("local", words[0], file, *words[1:], "-o", "json")

    assert result.exit_code == 1
    assert document(result)["error"]["code"] == "no_cluster"
    assert faults.struck == []


def test_a_refused_fault_is_exit_1(invoke: Invoke, running: World, file: Path, faults: FakeFaults) -> None:
    """What, where and what to do; with -o json as a document."""
    faults.off = frozenset({"prod-web-1"})
    result = invoke("local", "reboot", file, "prod-web-1", "-o", "json")

    assert result.exit_code == 1
    assert document(result)["error"]["code"] == "host_off"


@pytest.mark.parametrize("words", [("cut", "n"), ("heal",), ("heal", "n"), ("partition", "a|b")])
def test_faults_are_for_local_only(invoke: Invoke, file: Path, faults: FakeFaults, words: tuple[str, ...]) -> None:
    """On another provider nothing is contacted: exit 2."""
    file.write_text(file.read_text().replace("provider: local", "provider: aws"))
    name, *rest = words
    result = invoke("local", name, file, *rest)

    assert result.exit_code == 2
    assert "provider local" in result.stderr
    assert faults.struck == []


def test_heal_without_a_node_heals_all(
    invoke: Invoke, running: World, file: Path, faults: FakeFaults, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where the file comes from the variable."""
    assert invoke("local", "heal", file).exit_code == 0
    assert document(invoke("local", "heal", "-o", "json", env={"BOOTSTRAP_FILE": str(file)}))["node"] is None

    assert faults.healed == 2
    assert faults.struck == []


def test_heal_names_what_it_does_not_lift(invoke: Invoke, running: World, file: Path, faults: FakeFaults) -> None:
    """A host that is paused or off stays so: each has a line of its own with the command that ends that."""
    resume = f"bootstrap local resume {file} prod-web-1"
    running.hurt = {"prod-web-1": Fault("paused", "its machine is paused", resume)}
    running.states = {"prod-dmz-1": "stopped"}
    off = f"prod-dmz-1 stays off: `bootstrap local start {file} prod-dmz-1`"
    paused = f"prod-web-1 stays paused: `{resume}`"

    assert invoke("local", "heal", file).stdout == f"healed: no partition\n{off}\n{paused}\n"
    assert invoke("local", "heal", file, "prod-web-1").stdout == f"prod-web-1 had heal\n{paused}\n"
    assert invoke("local", "heal", file, "prod-dmz-2").stdout == "prod-dmz-2 had heal\n"
    assert document(invoke("local", "heal", file, "prod-web-1", "-o", "json")) == {
        "fault": "heal", "node": "prod-web-1", "message": f"had heal; {paused}",
    }  # fmt: skip


def test_a_partition_has_groups(invoke: Invoke, running: World, file: Path, faults: FakeFaults) -> None:
    """Names by comma, groups by |; who is in none is told."""
    wish = f"{MANAGERS[0]}, {MANAGERS[1]}|{MANAGERS[2]}"
    result = invoke("local", "partition", file, wish, "-o", "json")

    groups = [MANAGERS[:2], MANAGERS[2:]]
    assert document(result) == {"fault": "partition", "groups": groups, "others": WORKERS}
    assert faults.groups == groups
    assert invoke("local", "partition", file, wish).stdout == (
        f"{MANAGERS[0]},{MANAGERS[1]} | {MANAGERS[2]}; {', '.join(WORKERS)}: in no group, reaching all\n"
    )


def test_one_group_is_parted_from_all_others(invoke: Invoke, running: World, file: Path, faults: FakeFaults) -> None:
    """The short form for `this one against the rest`."""
    assert invoke("local", "partition", file, MANAGERS[1]).exit_code == 0

    first, rest = faults.groups
    assert first == [MANAGERS[1]]
    assert sorted(rest) == sorted([MANAGERS[0], MANAGERS[2], *WORKERS])


@pytest.mark.parametrize("wish", ["a||b", "|", "prod-web-1,|prod-dmz-1", "", ",".join([*MANAGERS, *WORKERS]),
                                  "prod-web-1|prod-web-1"])  # fmt: skip
def test_groups_that_cannot_be_are_usage(
    invoke: Invoke, running: World, file: Path, faults: FakeFaults, wish: str
) -> None:
    """An empty group, nobody on the other side, one node on both: exit 2, and nothing is done."""
    assert invoke("local", "partition", file, wish).exit_code == 2
    assert faults.groups == []


@pytest.mark.parametrize("words", [(), ("prod.yml",), ("prod.yml", "a", "b")])
def test_words_that_are_missing_or_too_many_are_usage(
    invoke: Invoke, faults: FakeFaults, words: tuple[str, ...]
) -> None:
    """Exit 2 and the form."""
    for name in ("cut", "partition"):
        assert invoke("local", name, *words).exit_code == 2
    assert invoke("local").exit_code == 2
    assert invoke("local", "explode", "prod.yml", "n").exit_code == 2


def test_every_fault_has_help(invoke: Invoke) -> None:
    """One line in the list, and what undoes it."""
    text = click.unstyle(invoke("local", "--help").stdout)

    assert [line.split()[0] for line in text.split("Commands:\n")[1].splitlines()[: len(VERBS) + 1]] == [
        *local.STRIKES, "heal", "partition",
    ]  # fmt: skip
    assert not [one.name for one in local.command.commands.values() if not one.help]
    for name, undo in {"cut": "heal", "fill": "heal", "pause": "resume", "kill": "start"}.items():
        assert undo in invoke("local", name, "--help").stdout
