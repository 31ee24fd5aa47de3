"""The keys at the top: what must be there, whose block it is, and what belongs together."""

from __future__ import annotations

from collections.abc import Iterator

from bootstrap.inventory.draft import Draft
from bootstrap.inventory.problem import Finding
from bootstrap.inventory.providers import NAMES
from bootstrap.inventory.redaction import shown
from bootstrap.inventory.report import Report
from bootstrap.inventory.scalars import NOTHING
from bootstrap.inventory.schema.document import VERSION
from bootstrap.inventory.translate import nearest
from bootstrap.inventory.tree import Map, Scalar, plain

_MANAGERS_HINT = "give `managers: {count: 3}`, or hosts on ssh"
_SWARM_PORTS = {2377: "the managers' port", 7946: "the gossip port"}


def too_new(root: Map, report: Report) -> bool:
    """Tell a `version` that is not ours; True when the rest of the file may mean something else."""
    entry = root.entries.get("version")
    value = entry.node.value if entry and isinstance(entry.node, Scalar) else None
    if entry is None:
        report.add(Finding("E011", ("version",), "'version' is missing", f"begin with `version: {VERSION}`"))
        return False
    if not isinstance(value, int) or isinstance(value, bool) or value == VERSION:
        return False
    newer = value > VERSION
    hint = "use a newer bootstrap" if newer else f"write `version: {VERSION}`"
    report.add(Finding("E011", ("version",), f"version {shown(value)} is not known, ours is {VERSION}", hint))
    report.drop([("version",)])
    return newer


def empty_managers(root: Map, report: Report) -> None:
    """Tell `managers:` with nothing behind it for what it is: a cluster without managers."""
    entry = root.entries.get("managers")
    if entry is not None and plain(entry.node) in (NOTHING, "", {}, []):
        report.add(Finding("E030", ("managers",), "'managers' is empty", _MANAGERS_HINT))
        report.drop([("managers",)])


def check(draft: Draft) -> Iterator[Finding]:
    """Everything about the top level that no single value shows."""
    yield from _provider(draft)
    if draft.file.cluster is None:
        yield Finding("E023", ("cluster",), "'cluster' is missing", "name the cluster, as in `cluster: prod`")
    if draft.file.managers is None:
        yield Finding("E030", ("managers",), "'managers' is missing", _MANAGERS_HINT)
    yield from _swarm(draft)
    if draft.provider is not None and draft.settings is not None:
        yield from draft.provider.check(draft)


def _provider(draft: Draft) -> Iterator[Finding]:
    name = draft.file.provider
    if name is None:
        yield Finding("E059", ("provider",), "'provider' is missing", f"one of {', '.join(NAMES)}")
    elif draft.provider is None:
        guess = nearest(name, list(NAMES))
        hint = f"did you mean '{guess}'?" if guess else f"one of {', '.join(NAMES)}"
        yield Finding("E059", ("provider",), f"unknown provider {shown(name)}", hint)
    for other in NAMES:
        if draft.provider and other != name and getattr(draft.file, other) is not None:
            what = f"a block for '{other}', the provider is '{name}'"
            yield Finding("E059", (other,), what, "one cluster has one provider, remove the block", at_key=True)


def _swarm(draft: Draft) -> Iterator[Finding]:
    swarm = draft.file.swarm
    if swarm is None:
        return
    port = swarm.data_path_port
    if port in _SWARM_PORTS:
        yield Finding("E042", ("swarm", "data_path_port"), f"{port} is {_SWARM_PORTS[port]}", "leave it out: 4789")
    elif not 1024 <= port <= 49151:
        yield Finding("E042", ("swarm", "data_path_port"), f"{port} is out of range", "write 1024 to 49151")
    if swarm.autolock and draft.provider and draft.provider.by_hosts and swarm.unlock_key is None:
        hint = "give swarm.unlock_key: {save: [CMD…], load: [CMD…]}"
        yield Finding("E020", ("swarm", "unlock_key"), "autolock on ssh needs 'unlock_key'", hint)
