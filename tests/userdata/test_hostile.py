"""Whatever a user writes reaches the machine byte for byte, or is refused; no shell ever looks into it."""

from __future__ import annotations

import json
import re
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bootstrap.model.cluster import Docker, Hook, Hooks, OperatingSystem, Packages, Proxy
from bootstrap.userdata import NodeTarget, render
from tests.userdata.cases import cluster, pool
from tests.userdata.machine import Machine

pytestmark = pytest.mark.process

CANARY = "/tmp/bootstrap-canary"  # written with a shell's own means: no command is needed
WRITE = f": >{CANARY}"
HOSTILE = (
    f"'; {WRITE}; '", f'"; {WRITE}; "', f"$({WRITE})", f"`{WRITE}`", f"\n{WRITE}\n", f"; {WRITE} #", f"\\'; {WRITE}",
    f"\nEND_OF_UNIT\n{WRITE}\n", f"\nEND_OF_AGENT\n}}\n{WRITE}\n", f"\nEND_OF_SOURCE\n{WRITE}\n", f"${{x:=$({WRITE})}}",
    "'", '"', "\\", "\n", "\r\n", "\t", "$", "`", "%s%n", "{{ 7 * 7 }}", "{% raw %}", "!", "*", "~", "-n", "-e \\n",
    "\u2028", "\x85", "\ufeff", "é\u0301", "😀", "\x7f", "\x01", "\x81\x88", 'main "$@"\n',
)  # fmt: skip

TEXT = st.lists(
    st.one_of(st.sampled_from(HOSTILE), st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))),
    max_size=6,
).map("".join)
LINE = TEXT.map(lambda text: re.sub(r"[\x00-\x1f\x7f]", "", text))
JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), TEXT),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(TEXT, inner, max_size=3)),
    max_leaves=8,
)
HOOKS = st.lists(st.builds(Hook, TEXT, TEXT), max_size=3).map(tuple)
SEVERE = "".join(HOSTILE)
SHELLS = ["dash", "bash"]


def boot(made: Any, shell: str, *, name: str = "prod", target: NodeTarget | None = None) -> tuple[Machine, Path]:
    """A machine that has run the script to its end, and where it lives."""
    where = Path(tempfile.mkdtemp(prefix="bootstrap-hostile-"))
    machine = Machine(where)
    target = target or NodeTarget({"kind": "directory"}, {"kind": "local"})
    done = machine.run(render(cluster("local", made, name=name), made, target, agent=b"agent"), shell)
    assert done.returncode == 0, done.stderr
    assert not Path(CANARY).exists()
    assert not list((where / "cwd").iterdir())
    return machine, where


@pytest.fixture(autouse=True)
def no_canary() -> None:
    """None is left from before."""
    Path(CANARY).unlink(missing_ok=True)


def forget(where: Path) -> None:
    """The machine's folder goes, whatever stands in it."""
    for path in sorted(where.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink()
    where.rmdir()


@pytest.mark.parametrize("shell", SHELLS)
@settings(max_examples=15)
@given(daemon=st.dictionaries(TEXT, JSON, max_size=4), store=st.dictionaries(TEXT, TEXT, max_size=3), name=TEXT)
@example(daemon={SEVERE: [SEVERE]}, store={"kind": SEVERE}, name=SEVERE)
def test_the_agent_reads_what_the_user_wrote(shell: str, daemon: Any, store: Any, name: str) -> None:
    """Names, labels, keys and values of daemon.json, addresses of the store."""
    made = pool("worker", "image")
    made = replace(made, name=name, docker=Docker(Packages.IMAGE, daemon=daemon))

    machine, where = boot(made, shell, name=name, target=NodeTarget(store, store))

    found = json.loads(machine.file("/etc/bootstrap/agent.json").read_bytes())
    assert found["daemon"] == daemon
    assert found["store"] == found["metadata"] == store
    assert found["cluster"] == found["pool"] == name
    forget(where)


@pytest.mark.parametrize("shell", SHELLS)
@settings(max_examples=15)
@given(join=HOOKS, joined=HOOKS, drain=HOOKS)
@example(join=(Hook(SEVERE, SEVERE),), joined=(Hook("/etc/passwd", "\n\n"),), drain=(Hook("", ""),))
def test_hooks_arrive_byte_for_byte(shell: str, join: Any, joined: Any, drain: Any) -> None:
    """In their order, in their own folder only, and not run by the script."""
    made = pool("worker", "image", hooks=Hooks(pre_join=join, post_join=joined, pre_drain=drain))

    machine, where = boot(made, shell)

    for moment, hooks in (("pre-join", join), ("post-join", joined), ("pre-drain", drain)):
        folder = machine.file(f"/etc/bootstrap/hooks/{moment}")
        files = sorted(folder.iterdir()) if folder.exists() else []
        assert [path.read_bytes() for path in files] == [hook.text.encode() for hook in hooks]
        assert [path.stat().st_mode & 0o777 for path in files] == [0o700] * len(hooks)
    forget(where)


@pytest.mark.parametrize("shell", SHELLS)
@settings(max_examples=15)
@given(keys=st.lists(LINE.filter(bool), max_size=3, unique=True), values=st.lists(LINE, max_size=3), no_proxy=LINE)
@example(keys=[SEVERE.replace("\n", "")], values=[SEVERE.replace("\n", "")], no_proxy="$(id)").via("the worst of them")
def test_settings_of_one_line_arrive(shell: str, keys: Any, values: Any, no_proxy: str) -> None:
    """SSH keys, sysctls, and the hosts that need no proxy."""
    keys, values = [[re.sub(r"[\x00-\x1f\x7f]", "", one) for one in many] for many in (keys, values)]
    sysctl = {f"net.x{number}": value for number, value in enumerate(values)}
    proxy = Proxy("http://p:1", None, (no_proxy,))
    made = pool("worker", "image", os=OperatingSystem(sysctl=sysctl, authorized_keys=tuple(keys)))
    made = replace(made, docker=Docker(Packages.IMAGE, proxy=proxy))

    machine, where = boot(made, shell)

    if keys:
        assert machine.file("/root/.ssh/authorized_keys").read_bytes() == "".join(f"{one}\n" for one in keys).encode()
    if sysctl:
        wanted = "".join(f"{key} = {value}\n" for key, value in sorted(sysctl.items()))
        assert machine.file("/etc/sysctl.d/90-bootstrap.conf").read_bytes() == wanted.encode()
    unit = machine.file("/etc/systemd/system/docker.service.d/bootstrap-proxy.conf").read_bytes().decode()
    last = unit.removesuffix("\n").split("\n")[-1]
    value = re.sub(r"%%|\\(.)", lambda match: match[1] or "%", last.removeprefix('Environment="').removesuffix('"'))
    assert value == f"NO_PROXY=localhost,127.0.0.1,::1,169.254.169.254,{no_proxy}"
    forget(where)


@pytest.mark.parametrize("shell", SHELLS)
@settings(max_examples=15)
@given(url=TEXT.filter(bool))
@example(url=SEVERE)
def test_the_url_of_a_proxy_stays_one_url(shell: str, url: str) -> None:
    """Characters that no URL has are percent-encoded; neither apt nor systemd sees a second setting."""
    made = replace(pool("worker", "distro"), docker=Docker(Packages.DISTRO, proxy=Proxy(url, url)))
    made = replace(made, os=OperatingSystem(packages=("curl",)))

    machine, where = boot(made, shell)

    apt = machine.file("/etc/apt/apt.conf.d/90bootstrap-proxy").read_text()
    found = re.fullmatch(r'Acquire::http::Proxy "([!-~]+)";\nAcquire::https::Proxy "\1";\n', apt)
    assert found
    assert '"' not in found[1]
    assert unquote(found[1]) == unquote(url)
    assert (where / "http_proxy").read_text() == found[1]
    unit = machine.file("/etc/systemd/system/docker.service.d/bootstrap-proxy.conf").read_text().splitlines()
    assert unit[1] == f'Environment="HTTP_PROXY={found[1].replace("%", "%%")}"'
    forget(where)
