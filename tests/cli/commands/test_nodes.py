from __future__ import annotations

from pathlib import Path

import pytest

from bootstrap.remote.runner import Result
from tests.cli.conftest import Invoke, document
from tests.cli.fake_session import World


def test_exec_everywhere(invoke: Invoke, running: World, file: Path) -> None:
    """Each line begins with its node's name; all ended well: exit 0."""
    result = invoke("exec", file, "--", "uptime", "-p", "-o", "json")

    assert result.exit_code == 0
    assert min(result.stdout.splitlines()) == "prod-dmz-1: ok"
    assert len(result.stdout.splitlines()) == 6
    assert "run prod-web-1 ['uptime', '-p', '-o', 'json']" in running.log


@pytest.mark.parametrize(
    ("options", "names"),
    [
        (["--role", "manager"], ["prod-managers-1", "prod-managers-2", "prod-managers-3"]),
        (["--pool", "web"], ["prod-web-1"]),
        (["--role", "worker", "--pool", "dmz"], ["prod-dmz-1", "prod-dmz-2"]),
    ],
)
def test_exec_on_some(invoke: Invoke, running: World, file: Path, options: list[str], names: list[str]) -> None:
    """--role and --pool choose."""
    found = document(invoke("exec", file, *options, "-o", "json", "--", "true"))

    assert [one["node"] for one in found["results"]] == names


def test_exec_fails_somewhere(invoke: Invoke, running: World, file: Path) -> None:
    """One failure is exit 1 and named; the others' output is not lost."""
    running.answers["prod-web-1"] = Result(3, "half\n", "no such file\n")
    result = invoke("exec", file, "--", "ls", "/x")

    assert result.exit_code == 1
    assert "prod-web-1: half" in result.stdout
    assert "prod-dmz-1: ok" in result.stdout
    assert "prod-web-1: no such file" in result.stderr
    assert "error: failed on 1 of 6: prod-web-1" in result.stderr


def test_exec_failure_as_json(invoke: Invoke, running: World, file: Path) -> None:
    """One document: the results, and the error beside them."""
    running.answers["prod-web-1"] = Result(3, "half\n", "no\n")
    result = invoke("exec", file, "-o", "json", "--", "ls")
    found = document(result)

    assert result.exit_code == 1
    assert found["error"]["code"] == "command_failed"
    assert {"node": "prod-web-1", "code": 3, "stdout": "half\n", "stderr": "no\n"} in found["results"]


def test_exec_where_a_node_is_gone(invoke: Invoke, running: World, file: Path) -> None:
    """A node that cannot be reached is a failure of that node."""
    running.fails = frozenset({"run prod-web-1 ['true']"})
    found = document(invoke("exec", file, "-o", "json", "--", "true"))

    assert {one["node"]: one["code"] for one in found["results"] if one["code"]} == {"prod-web-1": 255}


@pytest.mark.parametrize(("state", "word"), [("stopped", "off"), ("pending", "pending")])
def test_exec_where_a_machine_is_off(invoke: Invoke, running: World, file: Path, state: str, word: str) -> None:
    """It was meant and had no answer: a failure without an exit code, named, exit 1; the others ran."""
    running.states = {"prod-web-1": state, "prod-dmz-2": "terminating"}
    result = invoke("exec", file, "-o", "json", "--", "true")
    answers = {one["node"]: one for one in document(result)["results"]}

    assert result.exit_code == 1
    assert (len(answers), "prod-dmz-2" in answers) == (5, False)
    assert answers["prod-web-1"]["code"] is None
    assert word in answers["prod-web-1"]["stderr"]
    assert {one["code"] for name, one in answers.items() if name != "prod-web-1"} == {0}
    assert document(result)["error"]["what"] == "failed on 1 of 5: prod-web-1"
    assert [line for line in running.log if line.startswith("run prod-web-1")] == []


def test_exec_where_every_machine_is_off(invoke: Invoke, running: World, file: Path) -> None:
    """All that match are named, also where none runs; one on its way out alone is nobody."""
    running.states = {"prod-dmz-1": "stopped", "prod-dmz-2": "stopped", "prod-web-1": "terminating"}
    result = invoke("exec", file, "--pool", "dmz", "--", "true")

    assert result.exit_code == 1
    assert "prod-dmz-1: the machine is off" in result.stderr
    assert "error: failed on 2 of 2: prod-dmz-1, prod-dmz-2" in result.stderr
    assert f"bootstrap up {file}" in result.stderr
    assert invoke("exec", file, "--pool", "web", "-o", "json", "--", "true").exit_code == 1


@pytest.mark.parametrize("argv", [[], ["--"], ["--pool", "nope", "--", "true"], ["--role", "boss", "--", "true"]])
def test_exec_misused(invoke: Invoke, running: World, file: Path, argv: list[str]) -> None:
    """No command, no such pool, no such role: exit 2."""
    assert invoke("exec", file, *argv).exit_code == 2
    assert [line for line in running.log if line.startswith("run")] == []


def test_one_word_with_spaces_is_a_shell_line(invoke: Invoke, running: World, file: Path) -> None:
    """As with ssh: `-- 'a | b'` is run by the node's shell."""
    invoke("exec", file, "--pool", "web", "--", "docker ps | wc -l")

    assert "run prod-web-1 ['sh', '-c', 'docker ps | wc -l']" in running.log


def test_ssh_ends_with_the_commands_code(invoke: Invoke, running: World, file: Path) -> None:
    """The words after -- are the node's, whatever they look like; its exit code is ours."""
    running.shell_code = 7
    result = invoke("ssh", file, "prod-web-1", "--", "ls", "-o", "json", "--help")

    assert result.exit_code == 7
    assert running.log[-1] == "shell prod-web-1 ['ls', '-o', 'json', '--help']"


def test_ssh_opens_a_shell(invoke: Invoke, running: World, file: Path) -> None:
    """Without a command it is a login shell."""
    assert invoke("ssh", file, "prod-web-1").exit_code == 0
    assert running.log[-1] == "shell prod-web-1 []"


@pytest.mark.parametrize("word", ["prod-web-1", "5node00000000000000000005", "5nod", "i-00000000000000005"])
def test_a_node_has_many_names(invoke: Invoke, running: World, file: Path, word: str) -> None:
    """Hostname, node id, its beginning, instance id."""
    assert invoke("ssh", file, word, "--", "true").exit_code == 0
    assert running.log[-1] == "shell prod-web-1 ['true']"


def test_nobody_of_that_name(invoke: Invoke, running: World, file: Path) -> None:
    """Exit 1, and the nodes that there are."""
    result = invoke("ssh", file, "nope", "--", "true")

    assert result.exit_code == 1
    assert "there is no node 'nope'" in result.stderr
    assert "prod-managers-1" in result.stderr


def test_ssh_with_a_command_but_no_dashes(invoke: Invoke, world: World) -> None:
    """Who types it as for ssh(1) is told where the command goes, exit 2."""
    result = invoke("ssh", "prod-web-1", "docker ps")

    assert result.exit_code == 2
    assert "bootstrap ssh prod-web-1 -- 'docker ps'" in result.stderr
    assert world.log == []


def test_ssh_as_json(invoke: Invoke, running: World, file: Path) -> None:
    """A command's end is a document; a shell has none."""
    running.answers["prod-web-1"] = Result(3, "out\n", "err\n")
    result = invoke("ssh", file, "prod-web-1", "-o", "json", "--", "ls")

    assert result.exit_code == 3
    assert document(result) == {"node": "prod-web-1", "code": 3, "stdout": "out\n", "stderr": "err\n"}
    assert invoke("ssh", file, "prod-web-1", "-o", "json").exit_code == 2


@pytest.mark.parametrize("argv", [["ssh"], ["logs"], ["ssh", "a", "b", "c"]])
def test_words_are_counted(invoke: Invoke, running: World, argv: list[str]) -> None:
    """Too few or too many words are exit 2; the error says where a command goes."""
    assert invoke(*argv).exit_code == 2


@pytest.mark.parametrize(
    ("argv", "missing"),
    [(["ssh"], "NODE"), (["logs", "--boot"], "NODE"), (["scale"], "POOL=N"), (["scale", "--write"], "POOL=N")],
)
def test_the_second_word_was_forgotten(
    invoke: Invoke, running: World, file: Path, argv: list[str], missing: str
) -> None:
    """A lone word that is a file is the file: what is missing is said as the help writes it, and nothing is read."""
    there = file.rename(file.with_name("cluster"))
    results = [invoke(*argv, *words) for words in ([], ["gone.yml"], ["gone.yaml"], [there])]

    assert [one.exit_code for one in results] == [2] * 4
    assert all(one.stderr.startswith(f"error: {missing} is missing") for one in results)
    assert running.log == []


def test_logs_tell_the_join(invoke: Invoke, running: World, file: Path) -> None:
    """The journal of our units, without secrets."""
    running.answers["journalctl"] = Result(0, "join: refused SWMTKN-1-aaaaaaaaaaaa-bbbbbbbbbb\n")
    result = invoke("logs", file, "prod-web-1")

    assert result.exit_code == 0
    assert "== prod-web-1: joining ==\njoin: refused <redacted>" in result.stdout
    assert any("docker-swarm-join.service" in line for line in running.log)


def test_logs_of_the_boot(invoke: Invoke, running: World, file: Path) -> None:
    """--boot reads what cloud-init wrote."""
    running.answers["tail"] = Result(0, "E: no such package\n")
    found = document(invoke("logs", file, "prod-web-1", "--boot", "-o", "json"))

    assert found["node"] == "prod-web-1"
    assert {"title": "user-data", "text": "E: no such package"} in found["logs"]


def test_logs_of_nothing(invoke: Invoke, running: World, file: Path) -> None:
    """A machine without any is told as such, with what to do: exit 1."""
    running.answers["prod-web-1"] = Result(1, "", "no such file\n")
    result = invoke("logs", file, "prod-web-1")

    assert result.exit_code == 1
    assert "bootstrap ssh" in result.stderr


def test_render_is_the_script(invoke: Invoke, world: World, file: Path) -> None:
    """The managers' by default, a pool's on request; the bytes are the script's own."""
    assert invoke("render", file).stdout == "#!/bin/sh\necho managers\n"
    assert invoke("render", file, "--pool", "web").stdout == "#!/bin/sh\necho web\n"
    assert invoke("render", file, "--pool", "web", "--raw").stdout_bytes == b"#!/bin/sh\necho web\n"
    assert document(invoke("render", file, "-o", "json"))["user_data"] == "#!/bin/sh\necho managers\n"
    assert invoke("render", file, "--pool", "nope").exit_code == 2
    assert world.log == []


def test_a_fault_in_exec_is_told(invoke: Invoke, running: World, file: Path) -> None:
    """A bug in a thread ends the run as one anywhere else; nobody waits for its result."""

    def broken() -> None:
        raise ZeroDivisionError("of course")

    running.on["run prod-web-1 ['true']"] = broken
    result = invoke("exec", file, "--", "true")

    assert result.exit_code == 1
    assert "error: ZeroDivisionError: of course" in result.stderr
