"""Every checkpoint of the command line, in this process: killed or interrupted there, the same command ends it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.chaos import checkpoints_machine as machines
from tests.chaos import checkpoints_names as names
from tests.chaos.checkpoints_kernel import Kernel
from tests.chaos.checkpoints_machine import INTERRUPT, KILL, Machine
from tests.chaos.checkpoints_state import State, differences

INVENTORY = """\
version: 1
cluster: prod
provider: local
managers: {count: 3}
pools:
  web: {min: 1, max: 5, desired: 1}
  jobs: {count: 1}
networks:
  app: {attachable: true}
stacks:
  shop: shop.yml
"""
SMALLER = INVENTORY.replace("  jobs: {count: 1}\n", "").split("networks:")[0]
LABELLED = INVENTORY.replace("desired: 1}", "desired: 1, labels: {tier: web}}")
COMPOSE = "services: {web: {image: nginx, networks: [app]}}\nnetworks: {app: {external: true}}\n"

# What a swarm that only remembers has no answer for (an engine's settings, a manager beside another, a node that has to
# be waited for), and where it is tried: files of tests/chaos try it on real engines.
ELSEWHERE = {
    "apply.node.update.begin": "tests/chaos/changes.py",
    "apply.node.update.end": "tests/chaos/changes.py",
    "remove.marked": "tests/chaos/replace.py",
    "replace.covered": "tests/chaos/replace.py",
    "replace.renewed": "tests/chaos/replace.py",
    "replace.surged": "tests/chaos/replace.py",
    "wait.health": "tests/engine/test_ready.py",
    "wait.service": "tests/engine/test_replace.py",
}


def nothing(machine: Machine) -> None:
    """A bare machine."""


def made(machine: Machine) -> None:
    """The cluster stands."""
    machine.must("up")


def grown(machine: Machine) -> None:
    """One pool was scaled out."""
    made(machine)
    machine.must("scale", "web=3")


def broken(machine: Machine) -> None:
    """A host was killed, the network's services too; pool and stack are others in the file."""
    made(machine)
    for name in ("prod-web-1", "services"):
        machine.kernel.end("prod", name)
    machine.file.write_text(LABELLED)
    machine.file.with_name("shop.yml").write_text(COMPOSE.replace("nginx", "nginx:2"))


def dropped(machine: Machine) -> None:
    """A pool, the network and the stack are no longer in the file."""
    made(machine)
    machine.file.write_text(SMALLER)


@dataclass(frozen=True)
class Scenario:
    """What is there, and the command that is disturbed and then run again."""

    before: Callable[[Machine], None]
    command: tuple[str, ...]


SCENARIOS = {
    "up of a new cluster": Scenario(nothing, ("up",)),
    "up that mends": Scenario(broken, ("up",)),
    "up that takes away": Scenario(dropped, ("up",)),
    "scale out": Scenario(made, ("scale", "web=3")),
    "scale in": Scenario(grown, ("scale", "web=1")),
    "scale in the file": Scenario(made, ("scale", "jobs=2", "--write")),
    "down": Scenario(made, ("down",)),
}


@contextmanager
def fresh(folder: Path) -> Iterator[Machine]:
    """A machine of its own."""
    folder.mkdir()
    (folder / "shop.yml").write_text(COMPOSE)
    (folder / "prod.yml").write_text(INVENTORY)
    with pytest.MonkeyPatch.context() as patch:
        one = Machine(folder / "prod.yml", Kernel(folder / "netns"))
        machines.install(one, folder, patch)
        yield one


def undisturbed(scenario: Scenario, folder: Path) -> tuple[list[str], State]:
    """The checkpoints that the command reaches, and the end state."""
    with fresh(folder) as machine:
        scenario.before(machine)
        machine.must(*scenario.command)
        return list(machine.reached), machine.seen()


def disturbed(scenario: Scenario, folder: Path, checkpoint: str, mode: str) -> State:
    """The end state after a disturbance and the same command."""
    with fresh(folder) as machine:
        scenario.before(machine)
        first = machine.run(*scenario.command, at=checkpoint, mode=mode)
        assert first is None or first.exit_code in {0, 130}, (checkpoint, first.output)
        machine.must(*scenario.command)
        return machine.seen()


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("mode", [KILL, INTERRUPT])
@pytest.mark.parametrize("name", SCENARIOS)
def test_each_checkpoint(tmp_path: Path, name: str, mode: str) -> None:
    """Disturbed at any checkpoint and run again, the end state equals an undisturbed run's."""
    reached, wanted = undisturbed(SCENARIOS[name], tmp_path / "undisturbed")
    wrong = {}
    for checkpoint in dict.fromkeys(reached):
        found = disturbed(SCENARIOS[name], tmp_path / checkpoint, checkpoint, mode)
        if found != wanted:
            wrong[checkpoint] = differences(wanted, found)

    assert reached
    assert wrong == {}, json.dumps(wrong, indent=1)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_every_checkpoint_of_the_machine_is_tried(tmp_path: Path) -> None:
    """A step that none of these scenarios reaches is named, with the reason."""
    reached: set[str] = set()
    for name, scenario in SCENARIOS.items():
        reached |= set(undisturbed(scenario, tmp_path / name)[0])

    assert sorted(set(names.on_the_machine()) - reached - set(ELSEWHERE)) == []
    assert all(Path(file).exists() for file in ELSEWHERE.values())
