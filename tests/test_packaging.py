from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from collections.abc import Sequence
from pathlib import Path

import pytest

from bootstrap import __version__

ROOT = Path(__file__).parent.parent
INVENTORY = ROOT / "inventories" / "local.yml"

pytestmark = [pytest.mark.process, pytest.mark.timeout(180)]


def run(argv: Sequence[str | Path], cwd: Path) -> str:
    """The stdout of a command that must succeed, without this checkout on the path."""
    env = {name: value for name, value in os.environ.items() if name not in {"PYTHONPATH", "PYTHONHOME"}}
    result = subprocess.run(argv, cwd=cwd, env=env, capture_output=True, text=True, timeout=120, check=False)
    assert result.returncode == 0, f"{argv}: {result.stdout}{result.stderr}"
    return result.stdout


def build(target: str, folder: Path) -> Path:
    """The wheel or the sdist, made as `pip` and `uv build` make it."""
    run([sys.executable, "-m", "hatchling", "build", "-t", target, "-d", folder], ROOT)
    (made,) = folder.iterdir()
    return made


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build("wheel", tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def command(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The `bootstrap` of a fresh environment that has the wheel, and our own copies of what it depends on."""
    venv = tmp_path_factory.mktemp("venv")
    run([sys.executable, "-m", "venv", "--without-pip", venv], ROOT)
    python = venv / "bin" / "python"
    run([sys.executable, "-m", "pip", "--python", python, "install", "--quiet", "--no-deps", "--no-index", wheel], ROOT)
    site = run([python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"], venv).strip()
    ours = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
    Path(site, "dependencies.pth").write_text("\n".join(sorted(ours)), encoding="utf-8")
    return venv / "bin" / "bootstrap"


def templates() -> set[str]:
    """Every template of the checkout, by its path below `templates/`."""
    return {str(path.relative_to(ROOT / "templates")) for path in (ROOT / "templates").rglob("*") if path.is_file()}


def test_the_wheel_holds_the_templates_and_the_licence(wheel: Path) -> None:
    """What a user installs is complete."""
    names = zipfile.ZipFile(wheel).namelist()

    assert templates()
    assert {name.removeprefix("bootstrap/_templates/") for name in names if "/_templates/" in name} == templates()
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in names)
    assert not [name for name in names if name.startswith(("tests/", "docs/")) or "__pycache__" in name]


def test_the_wheel_holds_every_module(wheel: Path) -> None:
    """The agent too: it is packed into a zipapp from there."""
    ours = {str(path.relative_to(ROOT)) for path in (ROOT / "bootstrap").rglob("*.py")}

    assert ours <= set(zipfile.ZipFile(wheel).namelist())


def test_the_sdist_keeps_the_templates_at_the_top(tmp_path: Path) -> None:
    """Who builds from the sdist builds from the same tree."""
    with tarfile.open(build("sdist", tmp_path)) as archive:
        names = {name.split("/", 1)[1] for name in archive.getnames()}

    assert {f"templates/{name}" for name in templates()} <= names
    assert {"LICENSE", "README.md", "pyproject.toml", "bootstrap/__init__.py"} <= names


def test_the_installed_command_says_its_version(command: Path) -> None:
    """The same as in the wheel's name, wherever it is called from."""
    assert __version__ in run([command, "version"], Path("/"))


def test_the_installed_command_comes_from_the_wheel(command: Path) -> None:
    """Not from this checkout: the tests below would prove nothing."""
    python = command.parent / "python"

    where = run([python, "-c", "import bootstrap; print(bootstrap.__file__)"], Path("/")).strip()

    assert Path(where).is_relative_to(command.parent.parent)


def test_the_installed_command_validates_and_renders_from_anywhere(command: Path) -> None:
    """Templates are found inside the package, not beside the current folder."""
    run([command, "validate", INVENTORY], Path("/"))

    assert run([command, "render", INVENTORY], Path("/")).startswith("#")
