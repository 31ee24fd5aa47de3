"""What the README asks for, and nothing else: a bare Debian 12, a checkout, `make` and `sudo`."""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from bootstrap.lab import command, image, mirror, recipe

ROOT = Path(__file__).parents[2]
HOME = Path("/home/dev")
SUITE = "bookworm"
PROXIES = ("http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")
# How this machine finds and trusts the outside; a bare one that stood here would be set up in the same way.
OUTSIDE = ("etc/resolv.conf", "etc/hosts", "etc/ssl/certs/ca-certificates.crt", "usr/local/share/ca-certificates")
# In a mount namespace of its own: whatever happens, nothing stays mounted.
ENTER = """
root=$1 script=$2; shift 2
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
for folder; do mkdir -p "$root$folder"; mount --bind "$folder" "$root$folder"; done
exec chroot "$root" setpriv --reuid dev --regid dev --init-groups sh -euc "cd ~/checkout; $script"
"""


def run(*argv: str, env: Mapping[str, str] = command.ENVIRONMENT) -> str:
    """Everything that a program prints; asserts that it succeeds."""
    done = subprocess.run(
        argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
        timeout=900, env=env, cwd="/",
    )  # fmt: skip
    assert done.returncode == 0, f"{argv}\n{done.stdout}"
    return done.stdout


def pip_settings() -> dict[str, str]:
    """What pip is told on this machine, by file or environment, as variables."""
    lines = run(sys.executable, "-m", "pip", "config", "list", env=dict(os.environ)).splitlines()
    lines.sort(key=lambda line: line.startswith(":env:"))  # the environment wins over files
    found = [match for line in lines if (match := re.fullmatch(r"(global|install|:env:)\.([\w-]+)='(.*)'", line))]
    return {f"PIP_{one[2].upper().replace('-', '_')}": ast.literal_eval(f"'{one[3]}'") for one in found}


def folders(settings: Mapping[str, str]) -> Iterator[str]:
    """The folders of this machine that pip is pointed at; an index of `file:` with the files next to it."""
    for word in " ".join(settings.values()).split():
        path = Path(word.removeprefix("file://"))
        if path.is_absolute() and path.is_dir():
            yield str(path.parent if path.name == "simple" else path)


def install(root: Path) -> None:
    """The smallest Debian 12 with the three programs that a checkout needs, and a user who may use sudo."""
    options = [f"--aptopt={one}" for one in (*mirror.machine_options(), 'Acquire::Languages "none"')]
    run(
        *image.ALONE, "mmdebstrap", "--mode=root", "--variant=minbase", "--include=make,git,sudo", *options,
        "--dpkgopt=force-unsafe-io", *(f"--dpkgopt=path-exclude=/usr/share/{one}/*" for one in recipe.SLIM),
        SUITE, str(root), *mirror.lines(SUITE, mirror.texts(), updates=False),
    )  # fmt: skip
    for name in OUTSIDE:
        source, target = Path("/", name), root / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, dirs_exist_ok=True)
        elif source.exists():
            shutil.copyfile(source, target)
    run("chroot", str(root), "useradd", "--create-home", "dev")
    (root / "etc/sudoers.d/dev").write_text("dev ALL=(ALL) NOPASSWD:ALL\n")


def check_out(target: Path) -> None:
    """The files of this checkout that are, or would be, in git."""
    git = ("git", "-C", str(ROOT), "-c", f"safe.directory={ROOT}")
    names = run(*git, "ls-files", "-z", "--cached", "--others", "--exclude-standard")
    for name in filter(None, names.split("\0")):
        if (ROOT / name).is_file():  # one that is deleted and not yet committed is still listed
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target / name)


class Bare:
    """The bare Debian as its user sees it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.pip = pip_settings()
        self.environ = {**command.ENVIRONMENT, "HOME": str(HOME), **self.pip}
        self.environ |= {name: os.environ[name] for name in PROXIES if name in os.environ}

    def run(self, script: str) -> str:
        """Run it in the checkout, as the user; asserts success and gives all that was printed."""
        enter = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--propagation", "private", "--"]
        return run(
            *enter, "sh", "-euc", ENTER, "enter", str(self.root), script, *dict.fromkeys(folders(self.pip)),
            env=self.environ,
        )  # fmt: skip


@pytest.fixture
def bare(tmp_path: Path) -> Iterator[Bare]:
    """A bare Debian 12 with this checkout in it; removed afterwards, for it is large."""
    root = tmp_path / "debian"
    try:
        install(root)
        check_out(root / HOME.relative_to("/") / "checkout")
        run("chroot", str(root), "chown", "-R", "dev:dev", str(HOME))
        yield Bare(root)
    finally:
        shutil.rmtree(root, ignore_errors=True)


@pytest.mark.lab
@pytest.mark.timeout(1800)  # it installs a Debian and all of `setup` from the network
def test_a_bare_debian_has_what_it_needs_after_make_setup(bare: Bare) -> None:
    """What `make up` does before `bootstrap up` installs all that lacks, once, and leaves nothing of root's behind."""
    first = bare.run("make setup")

    assert "apt-get install" in first
    assert "pip install -e ." in first
    assert bare.run(".venv/bin/bootstrap validate inventories/local.yml") == "inventories/local.yml: valid\n"
    assert bare.run("make setup") == ""
    assert bare.run("find . ! -user dev") == ""
