from __future__ import annotations

import os
import subprocess
import sys
from importlib import import_module

import click
import pytest

from bootstrap.cli.options import Global, Option
from bootstrap.cli.root import COMMANDS, root
from bootstrap.cli.run import Run
from tests.cli.conftest import Invoke, document
from tests.cli.fake_session import World

HEAVY = ("rich", "pydantic", "ruamel", "jinja2", "boto3", "botocore", "google", "paramiko", "fabric")
LATER = ("roll", "backup", "recover", "unlock", "iam", "eject")


def loaded(name: str) -> click.Command:
    command: click.Command = import_module(f"bootstrap.cli.commands.{name.replace('-', '_')}").command
    return command


@pytest.mark.process
@pytest.mark.parametrize("argv", [["--help"], ["--version"], ["version"], ["up", "--help"], ["bogus"]])
def test_help_is_light(argv: list[str]) -> None:
    """The help, the version and a typing error import none of the heavy libraries."""
    script = f"""
import sys
from bootstrap.cli import main
try:
    main({argv!r})
except SystemExit:
    print(*[name for name in {HEAVY!r} if name in sys.modules], file=sys.stderr)
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, env={**os.environ}
    )

    assert done.stderr.splitlines()[-1] == ""


@pytest.mark.process
def test_main_ends_the_process() -> None:
    """`python -m bootstrap` ends with the exit code; a wrong word is 2."""
    done = subprocess.run([sys.executable, "-m", "bootstrap", "bogus"], capture_output=True, text=True, check=False)

    assert done.returncode == 2
    assert done.stderr.startswith("error: no such command 'bogus'")


@pytest.mark.parametrize("name", COMMANDS)
def test_the_table_says_what_the_command_says(name: str) -> None:
    """The one line in the table of contents is the first sentence of the command's own help."""
    help_text = loaded(name).help or ""

    assert help_text.split("\n\n")[0] == COMMANDS[name]


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_documents_itself(name: str) -> None:
    """Every option has help and a variable BOOTSTRAP_<OPTION>, and the help shows both; of a hidden one neither."""
    options = [one for one in loaded(name).params if isinstance(one, click.Option)]
    text = click.unstyle(loaded(name).get_help(click.Context(loaded(name), info_name=name)))
    flat = "".join(text.split())

    assert [one.name for one in options if not one.help] == []
    for one in options:
        long = next(opt for opt in one.opts if opt.startswith("--"))
        assert one.envvar == "BOOTSTRAP_" + long[2:].replace("-", "_").upper()
        assert (long in flat) is not one.hidden
        assert (one.envvar in flat) is not one.hidden


def test_every_command_is_listed(invoke: Invoke) -> None:
    """`--help` is data, on stdout, with every command and every global option."""
    result = invoke("--help")

    assert result.exit_code == 0
    assert result.stderr == ""
    for word in (*COMMANDS, "--output", "--yes", "--no-input", "--parallel", "--lock-timeout", "--log-format"):
        assert word in result.stdout


@pytest.mark.parametrize("name", LATER)
def test_what_is_not_built_is_not_there(invoke: Invoke, name: str) -> None:
    """A command of a later version is an unknown word: exit 2."""
    result = invoke(name, "prod.yml")

    assert result.exit_code == 2
    assert f"no such command '{name}'" in result.stderr


def test_no_command_is_usage(invoke: Invoke) -> None:
    """`bootstrap` alone is exit 2 and says where the list is."""
    result = invoke()

    assert result.exit_code == 2
    assert result.stdout == ""
    assert "a command is missing" in result.stderr
    assert "bootstrap --help" in result.stderr


@pytest.mark.parametrize(
    "argv",
    [
        ["-o", "json", "version"],
        ["version", "-o", "json"],
        ["version", "--output=json"],
        ["--output", "table", "version", "-ojson"],
    ],
)
def test_global_options_stand_before_or_after(invoke: Invoke, argv: list[str]) -> None:
    """`-o json` counts on either side of the command; the one after it wins."""
    result = invoke(*argv)

    assert result.exit_code == 0
    assert document(result)["version"]


def test_version_is_an_option_too(invoke: Invoke) -> None:
    """`--version` prints what `version` prints, in the form that was asked for; a variable of that name is not ours."""
    assert invoke("--version").stdout == invoke("version").stdout
    assert (invoke("--version").exit_code, invoke("--version").stderr) == (0, "")
    assert document(invoke("--version", "-o", "json")) == document(invoke("version", "-o", "json"))
    assert invoke("version", env={"BOOTSTRAP_VERSION": "1.2.3"}).exit_code == 0
    assert invoke("up", "--version").exit_code == 2


def test_options_come_from_variables(invoke: Invoke) -> None:
    """A variable is as good as the option, and the option wins."""
    env = {"BOOTSTRAP_OUTPUT": "json"}

    assert document(invoke("version", env=env))["version"]
    assert invoke("version", "-o", "table", env=env).stdout.startswith("bootstrap ")


def test_global_variables_reach_the_run() -> None:
    """Every global option can be set by its variable."""
    env = {
        "BOOTSTRAP_OUTPUT": "json", "BOOTSTRAP_QUIET": "1", "BOOTSTRAP_VERBOSE": "2", "BOOTSTRAP_YES": "true",
        "BOOTSTRAP_NO_INPUT": "yes", "BOOTSTRAP_PARALLEL": "3", "BOOTSTRAP_LOCK_TIMEOUT": "2m",
        "BOOTSTRAP_LOG_FORMAT": "json",
    }  # fmt: skip
    run = Run(terminal=False)
    from click.testing import CliRunner

    result = CliRunner().invoke(root, ["version"], env=env, obj=run)

    assert result.exit_code == 0
    assert (run.output, run.quiet, run.verbose, run.yes) == ("json", True, 2, True)
    assert (run.no_input, run.parallel, run.lock_timeout, run.log_format) == (True, 3, 120.0, "json")
    assert {one.envvar for one in root.params if isinstance(one, Global)} == set(env)


@pytest.mark.parametrize("word", ["5", "1w", "-1s", "1.5h", "", "s", "1m30s"])
def test_a_duration_has_one_form(invoke: Invoke, word: str) -> None:
    """`90s 15m 6h 2d` and nothing else."""
    result = invoke("version", f"--lock-timeout={word}")

    assert result.exit_code == 2
    assert "90s, 15m, 6h or 2d" in result.stderr


def test_a_usage_error_is_json_too(invoke: Invoke) -> None:
    """With `-o json` after the mistake stdout still gets the error as a document; stderr has it in words."""
    result = invoke("up", "--bogus", "-o", "json")

    assert result.exit_code == 2
    error = document(result)["error"]
    assert set(error) == {"code", "what", "where", "fix"}
    assert error["code"] == "E090"
    assert "'--bogus'" in error["what"]
    assert "error: no such option '--bogus'" in result.stderr


def test_an_unexpected_error_is_one_line(invoke: Invoke, world: World, file: object) -> None:
    """A fault of ours is one line and a hint, without a stack, exit 1; -v shows the stack."""

    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("of course")

    world.open = broken  # type: ignore[method-assign,assignment]
    short, long = invoke("plan", str(file)), invoke("plan", str(file), "-v")

    assert short.exit_code == long.exit_code == 1
    assert short.stderr.startswith("error: ZeroDivisionError: of course\n")
    assert "-v" in short.stderr
    assert "Traceback" not in short.stderr
    assert "Traceback" in long.stderr


def test_completion_prints_the_script(invoke: Invoke) -> None:
    """Each shell gets a script that asks us by our variable."""
    for shell in ("bash", "zsh", "fish"):
        result = invoke("completion", shell)
        assert result.exit_code == 0
        assert "_BOOTSTRAP_COMPLETE" in result.stdout
    assert invoke("completion", "tcsh").exit_code == 2


def test_completion_answers(
    invoke: Invoke, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A completing shell is told the commands."""
    from bootstrap.cli.root import execute

    monkeypatch.setenv("_BOOTSTRAP_COMPLETE", "bash_complete")
    monkeypatch.setenv("COMP_WORDS", "bootstrap st")
    monkeypatch.setenv("COMP_CWORD", "1")

    assert execute([]) == 0
    assert capsys.readouterr().out.strip() == "plain,status"


def test_options_are_of_one_kind() -> None:
    """No command has an option without a variable."""
    for name in COMMANDS:
        assert all(isinstance(one, Option) for one in loaded(name).params if isinstance(one, click.Option))
