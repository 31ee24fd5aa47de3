"""The local provider on a folder of its own: hosts and fabric are switches that remember, records are real files."""

from __future__ import annotations

import json
import stat
from dataclasses import replace
from types import SimpleNamespace

import pytest

from bootstrap.engine.apply import apply
from bootstrap.engine.diff import diff
from bootstrap.errors import FailedTogether
from bootstrap.lab import image, paths, records
from bootstrap.model.cluster import Cluster, Size
from bootstrap.model.resource import Plan
from bootstrap.providers.local.host import LocalHost
from bootstrap.providers.local.provider import LocalProvider
from tests.fakes.cluster import cluster, pool
from tests.providers.machine import Machine

MADE = cluster(pool("web", Size(1, 6, 2), labels={"tier": "web"}))


def provider(made: Cluster = MADE) -> LocalProvider:
    """The provider of that inventory."""
    return LocalProvider(made, lambda line: None)


def plan_of(one: LocalProvider) -> Plan:
    """What `up` would do on this machine."""
    return diff(one.cluster.name, one.desired(), one.existing(), one.outdated())


def up(one: LocalProvider) -> None:
    """Carry it out."""
    list(apply(plan_of(one)))


def down(one: LocalProvider) -> None:
    """What `down` does."""
    one.retire()
    list(apply(diff(one.cluster.name, [], one.existing())))


def shown(plan: Plan) -> set[tuple[str, str]]:
    """(action, key) of each change."""
    return {(str(change.action), change.resource.key) for change in plan.changes}


def test_up_makes_everything_and_then_nothing(machine: Machine) -> None:
    """One `up` makes fabric, control object, groups and hosts; the next has nothing to do."""
    one = provider()
    up(one)

    assert not plan_of(one)
    assert machine.on == {f"prod-managers-{zone}-1" for zone in "abc"} | {"prod-web-1", "prod-web-2"}
    assert len({instance.address for instance in one.instances()}) == 5
    assert len({instance.id for instance in one.instances()}) == 5
    assert max(machine.rooms) == 5


def test_the_control_object_is_empty_and_says_what_the_file_wants(machine: Machine) -> None:
    """The command line writes EMPTY with the targets; who is the swarm is decided by the nodes."""
    up(provider())
    control = provider().control() or {}

    assert (control["phase"], control["epoch"], control["managers_target"]) == ("EMPTY", 0, 3)
    assert control["pools"]["web"] == {"labels": {"tier": "web"}, "availability": "active"}
    assert control["uid"] == json.loads((paths.cluster_dir("prod") / "fabric.json").read_text())["uid"]


def test_a_worker_s_host_cannot_reach_the_managers_secrets(machine: Machine) -> None:
    """A manager has the whole store; a worker reads two parts of it and cannot write."""
    up(provider())
    store = paths.cluster_dir("prod") / "store"

    assert machine.binds["prod-managers-a-1"] == [(str(store), "/var/lib/bootstrap/store", False)]
    assert [(source.removeprefix(str(store)), read_only) for source, _, read_only in machine.binds["prod-web-1"]] == [
        ("/control", True), ("/worker", True),
    ]  # fmt: skip


def test_nobody_else_on_this_machine_reads_a_token(machine: Machine) -> None:
    """The cluster's folder and the secret parts of the store are root's alone."""
    up(provider())
    folder = paths.cluster_dir("prod")

    for path in (folder, folder / "store" / "worker", folder / "store" / "manager"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o700, path


def test_labels_reach_the_leader_by_the_control_object(machine: Machine) -> None:
    """A changed label is an update of the control object and of nothing else."""
    up(provider())
    changed = provider(cluster(pool("web", Size(1, 6, 2), labels={"tier": "front"})))

    assert shown(plan_of(changed)) == {("update", "control/prod")}
    up(changed)
    assert (changed.control() or {})["pools"]["web"]["labels"] == {"tier": "front"}


def test_up_leaves_the_upkeep_as_somebody_set_it(machine: Machine) -> None:
    """An `up` that planned before `reconcile off` swaps in what the file says, and nothing of what it read then."""
    up(provider())
    changed = provider(cluster(pool("web", Size(1, 6, 2), labels={"tier": "front"})))
    plan = plan_of(changed)
    changed.upkeep(False)
    list(apply(plan))

    control = changed.control() or {}
    assert (control["reconcile"], control["pools"]["web"]["labels"]) == (False, {"tier": "front"})
    assert not plan_of(changed)


def test_hosts_without_their_control_object_are_no_new_cluster(machine: Machine) -> None:
    """Where machines exist, EMPTY is never written: it could make a second cluster."""
    up(provider())
    records.remove(paths.cluster_dir("prod") / "store")

    with pytest.raises(FailedTogether) as caught:
        up(provider())

    assert caught.value.code == "E113"
    assert provider().control() is None


def test_a_host_that_is_off_is_switched_on_with_its_disk(machine: Machine) -> None:
    """Same instance, same address; nothing is made anew."""
    one = provider()
    up(one)
    before = one.instances()
    machine.on.discard("prod-web-2")

    assert shown(plan_of(one)) == {("update", "host/prod-web-2")}
    up(one)

    assert [(now.id, now.address, now.state) for now in one.instances()] == [
        (old.id, old.address, "running") for old in before
    ]


def test_a_half_made_host_is_made(machine: Machine) -> None:
    """A folder without a record, as a killed run leaves it, becomes a host; `down` removes it as well."""
    one = provider()
    up(one)
    machine.discard("prod", "prod-web-2")
    records.write_text(paths.host_dir("prod", "prod-web-2") / "upper" / "half", "x")

    assert shown(plan_of(one)) == {("update", "host/prod-web-2")}
    up(one)
    assert not plan_of(one)
    assert not (paths.host_dir("prod", "prod-web-2") / "upper").exists(), "it starts with an empty disk"
    assert "prod-web-2" in machine.on


def test_a_host_whose_image_is_there_builds_none(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    """A newer program has other recipes: switching on what was made by an older one needs no mirror."""
    one = provider()
    up(one)
    monkeypatch.setattr(image, "ensure", lambda name, say: pytest.fail("built"))
    records.write_text(paths.host_dir("prod", "prod-web-2") / "image", str(paths.root()))
    machine.on.discard("prod-web-2")

    up(one)

    assert "prod-web-2" in machine.on


def test_a_name_that_another_folder_s_cluster_has_is_refused(machine: Machine) -> None:
    """Two of one name would share namespaces, control groups and cable; nothing is made, so `down` ends nothing."""
    (paths.NAMESPACES / "bs-prod.fabric").mkdir(parents=True)

    with pytest.raises(FailedTogether) as caught:
        up(provider())

    assert caught.value.code == "not_ours"
    assert not paths.cluster_dir("prod").exists()


def test_a_failed_boot_is_told_and_the_next_up_goes_on(machine: Machine) -> None:
    """What failed is the only thing left to do."""
    one = provider()
    machine.no_boot = {"prod-web-2"}

    with pytest.raises(FailedTogether) as caught:
        up(one)
    assert caught.value.errors[0].where == "prod-web-2"

    machine.no_boot = set()
    up(one)
    assert not plan_of(one)


def test_what_is_found_knows_its_pool(machine: Machine) -> None:
    """`scale` picks its changes by pool, also those that take a machine away."""
    one = provider()
    up(one)

    found = {each.name: each.pool for each in one.existing() if isinstance(each, LocalHost)}

    assert found["prod-web-1"] == "web"
    assert found["prod-managers-a-1"] == "managers"


def test_a_size_set_by_scale_stays(machine: Machine) -> None:
    """`scale` writes the group's size; `up` does not undo it, and a smaller one makes the last hosts terminating."""
    one = provider()
    up(one)

    one.set_size("web", 3)
    assert shown(plan_of(one)) == {("create", "host/prod-web-3")}
    up(one)
    assert one.sizes() == {"managers": 3, "web": 3}

    one.set_size("web", 1)
    states = {instance.hostname: instance.state for instance in one.instances()}
    assert states["prod-web-1"] == "running"
    assert states["prod-web-2"] == states["prod-web-3"] == "terminating"


def test_an_empty_pool_stays_empty(machine: Machine) -> None:
    """A pool scaled to 0 keeps that size: nothing to do, nothing missing; a zone without a manager likewise."""
    one = provider(cluster(pool("web", Size(0, 6, 1)), managers=1))
    up(one)
    assert not plan_of(one), "two zones have no manager"

    one.set_size("web", 0)
    up(one)

    assert not plan_of(one)
    assert one.sizes() == {"managers": 1, "web": 0}
    assert "prod-web-1" not in machine.on


def test_another_memory_limit_is_outdated(machine: Machine) -> None:
    """A running host keeps its limit, and `status` says so."""
    up(provider())
    assert list(provider().outdated()) == []

    bigger = provider(replace(MADE, settings=SimpleNamespace(memory=2 << 30)))

    assert len(list(bigger.outdated())) == 5
    assert not plan_of(bigger)


def test_a_dropped_pool_s_hosts_know_that_they_go(machine: Machine) -> None:
    """The group is set to 0 before its hosts are removed, and then leaves no trace in the plan."""
    up(provider())
    bare = provider(cluster())

    plan = plan_of(bare)
    assert shown(plan) == {
        ("update", "control/prod"), ("update", "group/prod-pool-web"),
        ("delete", "host/prod-web-1"), ("delete", "host/prod-web-2"),
    }  # fmt: skip
    records.save_group(paths.cluster_dir("prod"), replace(records.load_groups(paths.cluster_dir("prod"))[-1], size=0))
    assert {one.state for one in bare.instances() if one.pool == "web"} == {"terminating"}

    up(bare)
    assert not plan_of(bare)
    up(provider())
    assert "prod-web-1" in machine.on, "the pool can come back"


def test_other_pools_and_zones_move_no_host(machine: Machine) -> None:
    """A host stays in its zone; one whose zone the file dropped is outdated, not changed."""
    up(provider())
    before = {one.hostname: one.zone for one in provider().instances()}
    grown = provider(cluster(pool("api", 1), pool("web", Size(1, 6, 2), labels={"tier": "web"})))
    assert {key for action, key in shown(plan_of(grown)) if action != "create"} == {"control/prod"}

    fewer = provider(replace(MADE, zones=("a", "b")))
    assert {one.hostname: one.zone for one in fewer.instances()} == before
    assert {one.name for one in fewer.outdated() if "zone" in one.why} == {
        name for name, zone in before.items() if zone == "c"
    }


def test_changed_user_data_is_outdated_and_changes_nothing(machine: Machine) -> None:
    """`up` never replaces a running machine."""
    up(provider())
    changed = provider(cluster(pool("web", Size(1, 6, 2), labels={"tier": "web"}, availability="drain")))

    assert {key for _, key in shown(plan_of(changed))} == {"control/prod", "group/prod-pool-web"}
    assert {one.name for one in changed.outdated()} == {"prod-web-1", "prod-web-2"}
    up(changed)
    assert not plan_of(changed)
    assert {one.name for one in changed.outdated()} == {"prod-web-1", "prod-web-2"}


def test_down_leaves_no_folder(machine: Machine) -> None:
    """After `down` there is nothing of the cluster, and `up` starts a new one with another uid."""
    one = provider()
    up(one)
    uid = (one.control() or {})["uid"]

    down(one)

    assert not paths.cluster_dir("prod").exists()
    assert machine.on == set()
    up(one)
    assert (one.control() or {})["uid"] != uid


def test_down_takes_away_what_nobody_can_read(machine: Machine) -> None:
    """Broken records are the advised case for `down`: it needs none of them."""
    one = provider()
    up(one)
    folder = paths.cluster_dir("prod")
    (folder / "hosts" / "prod-web-1" / "host.json").write_text("{")
    (folder / "groups" / "prod-pool-web.json").write_text("{}")
    (folder / "fabric.json").write_text("[]")
    newest = max((folder / "store" / "control").glob("control.*.json"))
    newest.write_text("not JSON")

    down(one)

    assert not folder.exists()
    assert machine.on == set()


def test_a_down_killed_in_the_middle_never_brings_an_older_object_back(machine: Machine) -> None:
    """The store goes in one step: what a killed `down` leaves is the tombstone or nothing."""
    one = provider()
    up(one)
    one.retire()
    store = paths.cluster_dir("prod") / "store"
    assert (one.control() or {})["phase"] == "DESTROYED"

    store.rename(paths.cluster_dir("prod") / "store.gone")

    assert one.control() is None
    with pytest.raises(FailedTogether):
        up(one)
    down(one)
    assert not paths.cluster_dir("prod").exists()
