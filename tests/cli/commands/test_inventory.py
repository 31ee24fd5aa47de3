from __future__ import annotations

import re
from pathlib import Path

import pytest

from bootstrap.inventory.providers import NAMES
from tests.cli.conftest import Invoke, document

KEYS = {"file", "line", "col", "code", "severity", "where", "what", "hint"}


@pytest.mark.parametrize("provider", NAMES)
def test_a_starter_validates(invoke: Invoke, tmp_path: Path, provider: str) -> None:
    """What `init` writes is valid as it stands; only a provider that is not built yet is warned about."""
    path = tmp_path / "new.yml"
    made = invoke("init", "--provider", provider, path)

    assert made.exit_code == 0
    assert f"next: bootstrap {'up' if provider == 'local' else 'validate'} {path}" in made.stdout
    assert f"provider: {provider}" in path.read_text()
    checked = invoke("validate", path)
    told = [one for one in checked.stderr.splitlines() if "warning[W080]: provider: " not in one]
    assert (checked.exit_code, checked.stdout, told) == (0, f"{path}: valid\n", [])


@pytest.mark.parametrize(
    ("name", "cluster"), [("shop.yml", "shop"), ("Shop 1.yml", "local"), ("bootstrap.yml", "local")]
)
def test_a_starter_is_named_after_its_file(invoke: Invoke, tmp_path: Path, name: str, cluster: str) -> None:
    """Two people's starters on one machine are two clusters; a name that cannot be one leaves the example's."""
    invoke("init", tmp_path / name)

    assert f"\ncluster: {cluster} " in (tmp_path / name).read_text()
    assert invoke("validate", tmp_path / name).exit_code == 0


def test_init_keeps_what_is_there(invoke: Invoke, file: Path) -> None:
    """A file that exists is never written over: exit 1."""
    before = file.read_text()
    result = invoke("init", file)

    assert result.exit_code == 1
    assert "there already" in result.stderr
    assert file.read_text() == before


def test_init_defaults(invoke: Invoke, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without words it is ./bootstrap.yml for this machine, and JSON says so."""
    monkeypatch.chdir(tmp_path)

    assert document(invoke("init", "-o", "json")) == {"file": "bootstrap.yml", "provider": "local"}
    assert (tmp_path / "bootstrap.yml").exists()


def test_init_to_nowhere(invoke: Invoke, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`-` is no name of a file: exit 2, and nothing is written."""
    monkeypatch.chdir(tmp_path)

    assert invoke("init", "-").exit_code == 2
    assert not list(tmp_path.iterdir())


def test_init_where_nobody_can_write(invoke: Invoke, tmp_path: Path) -> None:
    """A directory that is not there is told in one line: exit 1. So is a provider that nobody knows: exit 2."""
    assert invoke("init", tmp_path / "no" / "x.yml").exit_code == 1
    assert invoke("init", "--provider", "azure", tmp_path / "x.yml").exit_code == 2


def test_validate_tells_every_problem(invoke: Invoke, tmp_path: Path) -> None:
    """All problems of all files, each on a line with its place: exit 2."""
    one, two = tmp_path / "one.yml", tmp_path / "two.yml"
    one.write_text("version: 1\ncluster: Prod\nprovider: local\nmanger: {count: 3}\n")
    two.write_text("version: 1\ncluster: prod\nprovider: local\nmanagers: {count: 2}\n")
    result = invoke("validate", one, two)
    lines = result.stderr.splitlines()

    assert result.exit_code == 2
    assert result.stdout == ""
    assert any(re.match(rf"{one}:2:\d+: error\[E023\]: cluster: ", line) for line in lines)
    assert any(re.match(rf"{one}:4:\d+: error\[E021\]: manger: ", line) for line in lines)
    assert any(re.match(rf"{two}:4:\d+: error\[E031\]: managers.count: ", line) for line in lines)


def test_validate_as_json(invoke: Invoke, tmp_path: Path) -> None:
    """The document has `problems` and nothing else, valid or not."""
    path = tmp_path / "x.yml"
    path.write_text("version: 1\ncluster: Prod\nprovider: local\nmanagers: {count: 3}\n")
    bad = invoke("validate", path, "-o", "json")
    found = document(bad)

    assert bad.exit_code == 2
    assert set(found) == {"problems"}
    assert all(set(one) == KEYS for one in found["problems"])
    assert [one["line"] for one in found["problems"] if one["code"] == "E023"] == [2]

    path.write_text("version: 1\ncluster: prod\nprovider: local\nmanagers: {count: 3}\n")
    good = invoke("validate", path, "-o", "json")
    assert (good.exit_code, document(good)) == (0, {"problems": []})


def test_strict_takes_warnings_for_errors(invoke: Invoke, tmp_path: Path) -> None:
    """A warning alone is a success, with --strict it is exit 2."""
    path = tmp_path / "x.yml"
    path.write_text("version: 1\ncluster: prod\nprovider: local\nmanagers: {count: 1}\n")
    lax, strict = invoke("validate", path), invoke("validate", "--strict", path)

    assert lax.exit_code == 0
    assert "warning[W031]" in lax.stderr
    assert lax.stdout == f"{path}: valid\n"
    assert strict.exit_code == 2
    assert "error[W031]" in strict.stderr


def test_quiet_is_errors_only(invoke: Invoke, tmp_path: Path) -> None:
    """With -q a warning is not told; an error is, and so is a warning that --strict made one."""
    path = tmp_path / "x.yml"
    path.write_text("version: 1\ncluster: prod\nprovider: local\nmanagers: {count: 1}\n")
    quiet, strict = invoke("-q", "validate", path), invoke("validate", "-q", "--strict", path)

    assert (quiet.exit_code, quiet.stderr) == (0, "")
    assert (strict.exit_code, "error[W031]" in strict.stderr) == (2, True)


def test_validate_without_a_file(invoke: Invoke, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """BOOTSTRAP_FILE, else ./bootstrap.yml; neither there is E001: exit 2."""
    monkeypatch.chdir(tmp_path)
    invoke("init")

    assert invoke("validate").stdout == "bootstrap.yml: valid\n"
    missing = invoke("validate", env={"BOOTSTRAP_FILE": "nope.yml"})
    assert missing.exit_code == 2
    assert missing.stderr.startswith("nope.yml:1:1: error[E001]: ")


def test_schema_is_a_json_schema(invoke: Invoke) -> None:
    """It is JSON with and without `-o json`, and it names the inventory's keys."""
    plain = invoke("schema")

    assert plain.exit_code == 0
    assert document(plain) == document(invoke("schema", "-o", "json"))
    assert {"cluster", "provider", "managers", "pools"} <= set(document(plain)["properties"])


def test_version_is_the_packages(invoke: Invoke) -> None:
    """The version of the package, also as a document."""
    from bootstrap import __version__

    assert invoke("version").stdout == f"bootstrap {__version__}\n"
    assert document(invoke("version", "-o", "json"))["version"] == __version__
