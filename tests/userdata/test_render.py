"""Hash, size and refusals of a script; no shell needed."""

from __future__ import annotations

import json
import sys
from dataclasses import replace

import pytest

from bootstrap.errors import BootstrapError
from bootstrap.model.cluster import Docker, Hook, Hooks, OperatingSystem, Packages, Proxy
from bootstrap.userdata import agent_settings, check_size, render, settings_hash, sizes, template_hash
from bootstrap.userdata.render import TESTED_ENGINE, agent_config
from bootstrap.userdata.values import as_json
from tests.userdata.cases import TARGETS, cluster, full, pool, renderings, script

MADE = full("worker", "docker-ce")


def rendered(agent: bytes) -> str:
    """The same machine with another agent."""
    return render(cluster("gcp", MADE), MADE, TARGETS["gcp"], agent=agent)


def test_rendering_is_pure() -> None:
    """The same inventory is the same script, byte for byte."""
    assert renderings() == renderings()


def test_a_new_agent_makes_no_machine_outdated() -> None:
    """It is updated in place."""
    old, new = rendered(b"old"), rendered(b"new" * 5000)

    assert old != new
    assert template_hash(old) == template_hash(new)


def test_everything_else_does() -> None:
    """Any other difference is another machine."""
    scripts = renderings()

    assert len({template_hash(one) for one in scripts.values()}) == len(scripts)


@pytest.mark.parametrize("source", ["image", "docker-ce"])
def test_other_settings_of_the_engine_make_no_machine_outdated(source: str) -> None:
    """A running machine gets them by `up`, so they are no part of the hash, whatever a hook looks like."""
    fake = Hooks(pre_join=(Hook("a", '\n "daemon": {\n  "x": 1\n },\n'),))
    made = pool("worker", source, hooks=fake)

    def rendered(daemon: dict[str, object]) -> str:
        docker = replace(made.docker, daemon=daemon)
        one = replace(made, docker=docker)
        return render(cluster("gcp", one), one, TARGETS["gcp"], agent=b"y")

    scripts = [rendered({}), rendered({"log-driver": "x\n },"}), rendered({"log-opts": {"a": ["}"]}, "debug": True})]
    assert len(set(scripts)) == 3
    assert len({template_hash(one) for one in scripts}) == 1
    assert template_hash(rendered({}).replace('"x": 1', '"x": 2')) != template_hash(rendered({}))


def test_the_settings_alone_make_another_template(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the inventory says is in the hash, whichever version of this program asks; the engine's settings too."""
    made = pool("worker", "docker-ce")
    pools = [
        made,
        replace(made, docker=replace(made.docker, daemon={"debug": True})),
        replace(made, docker=replace(made.docker, version="28.0.0")),
        replace(made, hooks=Hooks(pre_join=(Hook("a", "true"),))),
        replace(made, os=OperatingSystem(packages=("nfs-common",))),
    ]

    def hashes() -> list[str]:
        return [settings_hash(cluster("gcp", one), one, TARGETS["gcp"]) for one in pools]

    before = hashes()
    assert len(set(before)) == len(pools)
    monkeypatch.setattr(sys.modules[render.__module__], "TESTED_ENGINE", "99.0.0")
    assert hashes() == before


@pytest.mark.parametrize("carry", [True, False])
def test_a_user_s_text_cannot_hide_from_the_hash(carry: bool) -> None:
    """A hook that looks like the agent is still a hook."""
    target = replace(TARGETS["gcp"], carry_agent=carry)
    tail = rendered(b"x")
    tail = tail[tail.index("carried_hash() {") :]

    def hashed(word: str) -> str:
        made = pool("worker", "image", hooks=Hooks(pre_join=(Hook("a", f"\n{tail}\n{word}\n{tail}"),)))
        return template_hash(render(cluster("gcp", made), made, target, agent=b"y"))

    assert hashed("one") != hashed("two")


def test_the_agent_of_this_version_is_carried_unless_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """A provider says whether the script carries it."""
    made = pool("worker", "image")

    text = render(cluster("ssh", made), made, TARGETS["ssh"])

    assert "carried_agent" not in text


def test_an_omitted_version_is_the_tested_one() -> None:
    """Never "the newest of today"."""
    made = pool("worker", "docker-ce")
    made = replace(made, docker=replace(made.docker, version=None))

    assert f"\nversion={TESTED_ENGINE}\n" in script("gcp", made)


def test_docker_s_repository_can_be_a_mirror() -> None:
    """With a key of its own."""
    made = pool("worker", "docker-ce")
    text = render(
        cluster("ssh", made), made, TARGETS["ssh"], docker={"repository": "http://127.0.0.1:1/x", "key_deb": "A" * 40}
    )

    assert "\nrepository=http://127.0.0.1:1/x\n" in text
    assert "A" * 40 in text
    assert "9DC858229FC7DD38854AE2D88D81803C0EBFCD88" not in text


def test_agent_json_is_ascii_and_sorted() -> None:
    """Equal settings are equal bytes, whatever they are made of."""
    config = agent_config(cluster("local", MADE), MADE, TARGETS["local"])
    config["daemon"] = {"z": ("ü",), "a": 1}

    text = as_json(config)

    assert text.isascii()
    assert json.loads(text)["daemon"] == {"a": 1, "z": ["ü"]}
    assert text.index('"a"') < text.index('"z"')


def refused(**changes: object) -> str:
    """The error for a pool with this setting."""
    with pytest.raises(BootstrapError) as caught:
        script("local", pool("worker", "image", **changes))
    assert caught.value.code == "E077"
    return caught.value.where


@pytest.mark.parametrize("bad", ["a\nb", "a\rb", "a\0b", "a\x1bb", "a\x7f"])
def test_a_setting_of_one_line_stays_one_line(bad: str) -> None:
    """A line break would smuggle a second setting into the file."""
    assert refused(os=OperatingSystem(sysctl={"vm.swappiness": bad})) == "os.sysctl.vm.swappiness"
    assert refused(os=OperatingSystem(sysctl={bad: "1"})) == "os.sysctl"
    assert refused(os=OperatingSystem(ntp=(bad,))) == "os.ntp"
    assert refused(os=OperatingSystem(authorized_keys=(bad,))) == "os.authorized_keys"
    assert refused(os=OperatingSystem(packages=(bad,))) == "os.packages"
    proxy = Proxy("http://p", None, (bad,))
    assert refused(docker=Docker(Packages.IMAGE, proxy=proxy)) == "docker.proxy.no_proxy"


@pytest.mark.parametrize("name", ["-o=Dpkg::x", "nfs-common-", "a b", "a;b", "$(id)", "", "*", "../x.deb"])
def test_a_package_is_a_name(name: str) -> None:
    """No option, no removal, no pattern, no file."""
    assert refused(os=OperatingSystem(packages=(name,))) == "os.packages"


@pytest.mark.parametrize("version", ["29.1.*", "29 1", "$(id)", "-1", "29.1.3\n"])
def test_a_version_is_one_version(version: str) -> None:
    """No pattern: exact means exact."""
    assert refused(docker=Docker(Packages.DOCKER_CE, version)) == "docker.version"


def test_hooks_are_numbered_in_their_order_under_harmless_names() -> None:
    """They run in the order of the file names; a name cannot lead out of its folder."""
    names = ("z.sh", "../../../etc/passwd", "a b'$(id).sh")
    made = pool("worker", "image", hooks=Hooks(pre_join=tuple(Hook(name, "x") for name in names)))

    text = script("local", made)

    for file in ("01-z.sh", "02-.._.._.._etc_passwd", "03-a_b___id_.sh"):
        assert f" /etc/bootstrap/hooks/pre-join/{file} " in text


@pytest.mark.parametrize(("provider", "limit"), [("aws", 16), ("gcp", 256), ("local", 1024)])
def test_a_script_that_a_cloud_would_refuse_is_refused_here(provider: str, limit: int) -> None:
    """With its sizes, before anything is made."""
    noise = "".join(f"{number * 2654435761 % 2**32:08x}" for number in range(limit * 1024 // 4))

    check_size("x" * 1024, provider)
    with pytest.raises(BootstrapError) as caught:
        check_size(noise, provider)

    raw, packed = sizes(noise)
    assert caught.value.code == "E075"
    assert f"{raw} raw" in caught.value.what
    assert f"{packed} with gzip" in caught.value.what


def test_no_rendering_is_near_a_limit() -> None:
    """AWS is sent 16 KiB at most, packed; the others have room."""
    for name, text in renderings().items():
        check_size(text, name.split("-")[0])


def test_what_the_agent_is_told_is_read_back_from_a_script() -> None:
    """Whatever stands in it, and whatever a hook says before; of another text nothing is known."""
    daemon = {"labels": ["it's", '"}\n'], "log-opts": {"tag": "$x \\ \u00e9"}}
    spoof = "  put 0600 /etc/bootstrap/agent.json '{\n}\n'\n"
    made = replace(MADE, docker=replace(MADE.docker, daemon=daemon), hooks=Hooks(pre_join=(Hook("spoof", spoof),)))
    told = agent_config(cluster("gcp", made), made, TARGETS["gcp"])

    assert agent_settings(render(cluster("gcp", made), made, TARGETS["gcp"], agent=b"x")) == json.loads(as_json(told))
    assert agent_settings(spoof.replace("{\n}", "{\n]\n}")) == agent_settings("") == {}
