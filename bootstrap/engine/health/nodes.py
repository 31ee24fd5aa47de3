"""Machine by machine, node by node."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from bootstrap.engine.health.facts import Facts, Problem, doing, named
from bootstrap.model import naming
from bootstrap.model.cluster import Role
from bootstrap.providers.base import Instance

_BOOTING = {"boot", "engine", "joining"}
_LITTLE = 2 << 30  # bytes of disk, or a tenth of a small one; the agent's own measure is the same
_Node = dict[str, Any]


def machines(facts: Facts) -> Iterator[Problem]:
    """Machines that are off, and those to which something was done by hand."""
    for one in facts.instances:
        if one.state == "stopped":
            yield Problem("machine_stopped", one.hostname, "its machine is off", facts.up)
        elif one.fault is not None and one.fault.full:
            yield Problem("disk_full", one.hostname, one.fault.what, one.fault.fix)
        elif one.fault is not None:
            yield Problem("machine_fault", one.hostname, one.fault.what, one.fault.fix)


def readiness(facts: Facts) -> Iterator[Problem]:
    """Every node has its machine, is ready, and a manager reachable."""
    unknown = []
    for node in facts.nodes:
        machine = facts.machine(node["instance"])
        if machine is None:
            yield _lost(facts, node)
        elif machine.state == "stopped" or machine.fault is not None:
            continue  # told already: that is the cause
        elif node["state"] == "unknown" and not _boots(machine):
            unknown.append(str(node["hostname"]))
        elif node["state"] != "ready":
            yield _not_ready(facts, node, machine)
        elif node["role"] == "manager" and node["reachability"] != "reachable":
            fix = f"see `{facts.command('logs', node['hostname'])}`; what is missing says `{facts.command('doctor')}`"
            yield Problem("manager_unreachable", node["hostname"], "the other managers cannot reach it", fix)
    if unknown:
        yield _unheard(facts, unknown)


def _lost(facts: Facts, node: _Node) -> Problem:
    """A node without a machine of ours: its machine is gone, or it never was one of this cluster."""
    remove = facts.command("remove", node["id"])
    if naming.LABEL_INSTANCE in node["labels"] or node["state"] == "down":
        who, fix = facts.by_leader("removes it when it is sure")
        message = f"node {node['id'][:12]} has no machine any more; {who}"
        first = facts.wait if facts.upkeep else f"`{fix}`"
        return Problem("ghost", node["hostname"], message, f"{first}; or at once: `{remove}`")
    if not node["address"]:  # it has only just joined: whose it is will be seen
        message = f"node {node['id'][:12]} has not told its address yet"
        return Problem("node_not_ready", node["hostname"], message, facts.wait)
    message = f"node {node['id'][:12]} at {node['address']} is no machine of this cluster"
    return Problem("stranger", node["hostname"], message, f"remove it: `{remove}`")


def _not_ready(facts: Facts, node: _Node, machine: Instance) -> Problem:
    name = node["hostname"]
    if _boots(machine):
        message = f"its machine is on its way ({doing(machine)}); it comes back by itself"
        return Problem("node_not_ready", name, message, f"{facts.wait}; if it stays: `{facts.command('logs', name)}`")
    restart = facts.command("ssh", name, "--", "systemctl", "restart", "docker")
    message = f"its engine is {node['state']} (node {node['id'][:12]})"
    return Problem("node_not_ready", name, message, f"`{restart}`; see why: `{facts.command('logs', name)}`")


def _boots(machine: Instance) -> bool:
    return machine.state == "pending" or machine.step in _BOOTING


def _unheard(facts: Facts, names: list[str]) -> Problem:
    """A new leader knows nobody yet: one cause, however many nodes wait for it."""
    alone = len(names) == 1
    who = "it is" if alone else f"{named(names)} are"
    message = f"the leader does not know yet how {who}: a new one waits for word of every node"
    fix = f"{facts.wait}; if it stays: `{facts.command('doctor')}`"
    return Problem("node_not_ready", names[0] if alone else None, message, fix)


def managers(facts: Facts) -> Iterator[Problem]:
    """What each manager says of itself; one with a full disk looks reachable and is not well."""
    names = {node["instance"]: node["hostname"] for node in facts.nodes if node["instance"]}
    told = {one.hostname for one in facts.instances if one.fault is not None and one.fault.full}
    for instance, said in (facts.agent.get("health") or {}).items():
        if instance not in names:
            continue
        if names[instance] not in told and _is_full(said.get("disk_free"), said.get("disk_total")):
            told.add(names[instance])
            yield _full(facts, names[instance], said["disk_free"])
        elif said.get("ailing") and _fine(facts, instance):
            fix = f"see `{facts.command('logs', names[instance])}`"
            yield Problem("manager_ailing", names[instance], said["ailing"], fix)
    disk, asked = facts.agent.get("disk") or {}, facts.agent.get("hostname")
    if asked not in told and _is_full(disk.get("free_bytes"), disk.get("total_bytes")):
        yield _full(facts, asked, disk["free_bytes"])


def roles(facts: Facts) -> Iterator[Problem]:
    """The machines of managers are managers in the swarm."""
    for node in facts.nodes:
        machine = facts.machine(node["instance"])
        if machine is None or machine.state != "running" or machine.fault is not None or node["state"] != "ready":
            continue
        if machine.role is Role.MANAGER and node["role"] != "manager":
            who, fix = _promote(facts, node)
            message = f"it is a manager's machine and no manager in the swarm, as after a demotion; {who}"
            yield Problem("manager_demoted", node["hostname"], message, fix)


def _promote(facts: Facts, node: _Node) -> tuple[str, str]:
    if node["hold"]:
        return "it is held, so the leader does not promote it", facts.command("undrain", node["hostname"])
    return facts.by_leader("promotes it")


def _fine(facts: Facts, instance: str) -> bool:
    """Whether nothing else is told of that node: silence is no second problem of one that is off."""
    machine = facts.machine(instance)
    node = next(one for one in facts.nodes if one["instance"] == instance)
    return machine is not None and machine.state == "running" and not machine.fault and node["state"] == "ready"


def _is_full(free: int | None, total: int | None) -> bool:
    return bool(total) and free is not None and free < min(_LITTLE, (total or 0) // 10)


def _full(facts: Facts, hostname: str | None, free: int) -> Problem:
    prune = facts.command("ssh", hostname or "NODE", "--", "docker", "system", "prune", "-f")
    message = f"its disk is nearly full ({free // 2**20} MiB free)"
    return Problem("disk_full", hostname, message, f"free space on it: `{prune}`")


def availability(facts: Facts) -> Iterator[Problem]:
    """Every node has the availability that its pool asks for, unless a person holds it."""
    for node in facts.nodes:
        pool = facts.cluster.pool(node["pool"])
        if pool is None or node["hold"] or node["availability"] == pool.availability or not node["instance"]:
            continue
        known = ((facts.control or {}).get("pools") or {}).get(pool.name, {}).get("availability", pool.availability)
        who, fix = facts.by_leader("sets it within seconds")
        if known != pool.availability:
            who, fix = f"the leader goes by the last `up`, which said {known}", facts.up
        message = f"it is {node['availability']}, its pool says {pool.availability}; {who}"
        yield Problem("availability", node["hostname"], message, fix)
