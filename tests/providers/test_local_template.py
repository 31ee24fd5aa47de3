"""What a new host boots with is its group's: who has it, when it changes, and what tells so."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bootstrap.engine.apply import apply
from bootstrap.lab import host, paths, records
from bootstrap.model.cluster import Cluster, Size
from bootstrap.model.resource import FieldChange, Plan
from bootstrap.providers.local.provider import LocalProvider
from tests.fakes.cluster import cluster, pool
from tests.providers.machine import Machine
from tests.providers.test_local import MADE, plan_of, provider, shown, up


def with_daemon(driver: str) -> Cluster:
    """The same with a log driver for the pool's engines."""
    (web,) = MADE.pools
    return replace(MADE, pools=(replace(web, docker=replace(web.docker, daemon={"log-driver": driver})),))


def user_data(hostname: str) -> str:
    """What that host boots with."""
    return (paths.host_dir("prod", hostname) / "user-data").read_text()


def test_other_settings_of_the_engine_are_an_update_of_the_group(machine: Machine) -> None:
    """Told with its reason and no disruption; running hosts are given them in place, so none is outdated."""
    up(provider())
    changed = provider(with_daemon("local"))

    (change,) = plan_of(changed).changes

    assert (change.action, change.resource.key, change.disruption) == ("update", "group/prod-pool-web", "none")
    assert change.fields[1:] == (FieldChange("settings.daemon", {}, {"log-driver": "local"}),)
    assert change.fields[0].name in change.resource.digests
    assert list(changed.outdated()) == []
    up(changed)
    assert not plan_of(changed)


def test_a_host_made_later_has_what_its_group_has(machine: Machine) -> None:
    """Scaled out, made anew, or replaced by itself: never what a host of that name had before."""
    up(provider())
    changed = provider(with_daemon("local"))
    machine.discard("prod", "prod-web-2")
    up(changed)
    changed.set_size("web", 3)
    up(changed)

    assert '"log-driver": "local"' not in user_data("prod-web-1"), "it runs on with its disk"
    for name in ("prod-web-2", "prod-web-3"):
        assert '"log-driver": "local"' in user_data(name)
    assert list(changed.outdated()) == []


def test_one_host_made_anew_before_the_others_has_what_the_file_says(machine: Machine) -> None:
    """`replace` carries out one host's change alone: its group has the file's settings then, and its old size."""
    one = provider()
    up(one)
    changed = provider(cluster(pool("web", Size(3, 6, 3), labels={"tier": "web"}, availability="drain")))
    one.leave(one.instances()[-1], shrink=False)
    plan = plan_of(changed)
    only = [change for change in plan.changes if change.resource.name == "prod-web-2"]

    list(apply(replace(plan, changes=tuple(only))))

    assert {each.name for each in changed.outdated()} == {"prod-web-1"}
    assert changed.sizes()["web"] == 3
    assert shown(plan_of(changed)) == {
        ("update", "control/prod"), ("update", "group/prod-pool-web"), ("create", "host/prod-web-3"),
    }  # fmt: skip


def newer(
    one: LocalProvider, monkeypatch: pytest.MonkeyPatch, behind: str = "set -eu\n", line: str = ": new\n"
) -> None:
    """From now on a newer version of this program runs: its scripts of the same settings have a line more."""
    given = {name: text.replace(behind, behind + line, 1) for name, text in one.scripts().items()}
    monkeypatch.setattr(LocalProvider, "scripts", lambda self: given)


def test_another_version_of_this_program_is_no_change(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    """It makes another script of the same settings: nothing to do for `up`, and who booted the old one is outdated."""
    one = provider()
    up(one)
    newer(one, monkeypatch)

    assert not plan_of(one)
    assert {each.name for each in one.outdated()} == machine.on


def test_another_agent_alone_makes_nobody_outdated(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is given to running hosts in their place; a new host has it from the start."""
    one = provider()
    up(one)
    newer(one, monkeypatch, "base64 -d <<'END_OF_AGENT'\n", "bWVuZGVk\n")
    one.set_size("web", 3)
    up(one)

    assert list(one.outdated()) == []
    assert user_data("prod-web-3") == one.scripts()["web"] != user_data("prod-web-1")


def test_a_host_made_by_another_version_boots_what_that_renders(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Scaled out, replaced by itself, or found half made: it boots what `render` prints, and alone is not outdated."""
    one = provider()
    up(one)
    newer(one, monkeypatch)
    one.set_size("web", 3)
    up(one)
    one.leave(one.instances()[-2], shrink=False)
    list(apply(only(one, "prod-web-2")))
    half("prod-managers-a-1", machine)
    list(apply(only(one, "prod-managers-a-1")))

    for name, pool_name in (("prod-web-3", "web"), ("prod-web-2", "web"), ("prod-managers-a-1", "managers")):
        assert user_data(name) == one.scripts()[pool_name], name
    assert {each.name for each in one.outdated()} == {"prod-managers-b-1", "prod-managers-c-1", "prod-web-1"}
    assert not plan_of(one)


def only(one: LocalProvider, hostname: str) -> Plan:
    """What is planned for that host alone, as `replace` carries it out."""
    plan = plan_of(one)
    return replace(plan, changes=tuple(change for change in plan.changes if change.resource.name == hostname))


def half(hostname: str, machine: Machine) -> None:
    """As a run leaves a host that was killed before its disk was made: a record, and no image."""
    machine.on.discard(hostname)
    (paths.host_dir("prod", hostname) / host.IMAGE).unlink()


def test_a_host_that_is_switched_on_again_keeps_its_script(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its disk booted with that once: it stays outdated until it is replaced."""
    one = provider()
    up(one)
    before = user_data("prod-web-1")
    newer(one, monkeypatch)
    machine.on.discard("prod-web-1")
    up(one)

    assert user_data("prod-web-1") == before
    assert "prod-web-1" in {each.name for each in one.outdated()}


def test_a_group_of_an_older_program_gets_what_it_lacks(machine: Machine) -> None:
    """Its record has no user-data: `up` writes it, and a host that is to be made meanwhile does not go without."""
    one = provider()
    up(one)
    folder = paths.cluster_dir("prod")
    for group in records.load_groups(folder):
        records.save_group(folder, replace(group, settings="", template="", user_data=""))
    assert {len(change.fields) for change in plan_of(one).changes} == {1}, "of what it had nothing is known"
    machine.discard("prod", "prod-web-2")

    list(apply(replace(plan_of(one), changes=plan_of(one).changes[-1:])))

    assert user_data("prod-web-2") == user_data("prod-web-1")
    up(one)
    assert not plan_of(one)
