"""A sound draft to the frozen cluster: settings merged, defaults filled in, files read."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bootstrap.inventory.defaults import availability_of, packages_of, version_of
from bootstrap.inventory.draft import Draft, Group
from bootstrap.inventory.rules.files import MOMENTS
from bootstrap.inventory.schema.groups import HostBlock, PoolBlock
from bootstrap.inventory.schema.sections import BackupBlock, SwarmBlock, TokensBlock
from bootstrap.model import cluster as model


def build(draft: Draft, path: Path) -> model.Cluster:
    """The cluster; the draft has passed every rule."""
    file = draft.file
    groups = {name: _pool(draft, name, group) for name, _, group in draft.groups()}
    provider, settings = draft.provider, draft.settings
    assert provider is not None  # noqa: S101 - the rules have told the absence of these three
    assert settings is not None  # noqa: S101
    assert file.cluster is not None  # noqa: S101
    tokens, backup = file.tokens or TokensBlock(), file.backup or BackupBlock()
    return model.Cluster(
        name=file.cluster,
        provider=provider.name,
        managers=groups.pop(model.MANAGERS),
        pools=tuple(groups.values()),
        zones=draft.zones,
        swarm=_swarm(file.swarm or SwarmBlock()),
        networks=tuple(model.Network(name, **one.model_dump()) for name, one in (file.networks or {}).items()),
        stacks=tuple(
            model.Stack(name, tuple((one, draft.texts[one]) for one in stack.files), stack.env or {})
            for name, stack in (file.stacks or {}).items()
        ),
        registries={
            name: one.model_dump(exclude_none=True, exclude_unset=True) for name, one in (file.registries or {}).items()
        },
        rotate_every=tokens.rotate_every,
        backup=model.Backup(backup.every, backup.keep),
        protect=file.protect,
        single_zone=_single_zone(draft),
        allow_even=file.allow_even,
        settings=provider.settings(settings),
        path=path,
    )


def _single_zone(draft: Draft) -> bool:
    if draft.file.single_zone is not None:
        return draft.file.single_zone
    return not draft.zones


def _pool(draft: Draft, name: str, group: Group) -> model.Pool:
    role = model.Role.MANAGER if name == model.MANAGERS else model.Role.WORKER
    merged = draft.merged(group)
    provider = draft.provider
    image = merged.get("image") or (provider.default_image if provider else None)
    return model.Pool(
        name=name,
        role=role,
        size=_size(group),
        image=image,
        availability=availability_of(merged, role, alone=_alone(draft)),
        machines=_machines(draft, group),
        hosts=tuple(_host(draft, group, host, role) for host in group.hosts or ()),
        labels=merged.get("labels", {}),
        tags=merged.get("tags", {}),
        disk=model.Disk(**merged.get("disk", {})),
        **_shared(draft, merged, image),
        **(_worker(group) if isinstance(group, PoolBlock) else {}),
    )


def _alone(draft: Draft) -> bool:
    """Managers work where there is nobody else, and on local, where there is nothing to protect."""
    return not draft.file.pools or (draft.provider is not None and draft.provider.name == "local")


def _machines(draft: Draft, group: Group) -> tuple[str, ...]:
    written = getattr(group, "machines", None) or ((group.machine,) if group.machine else ())
    default = draft.provider.default_machine if draft.provider else None
    return tuple(written) or ((default,) if default else ())


def _size(group: Group) -> model.Size:
    if group.hosts is not None:
        return model.Size.of(len(group.hosts))
    if isinstance(group, PoolBlock) and group.min is not None and group.max is not None:
        return model.Size(group.min, group.max, group.min if group.desired is None else group.desired)
    return model.Size.of(group.count or 0)


def _shared(draft: Draft, merged: Mapping[str, Any], image: str | None) -> dict[str, Any]:
    """Engine, system, hooks and deadlines: what a pool has and a host may have otherwise."""
    docker = merged["docker"]
    packages = packages_of(draft.provider, docker.get("packages"), image)
    return {
        "docker": model.Docker(
            packages=packages,
            version=version_of(packages, docker.get("version")),
            daemon=docker.get("daemon", {}),
            proxy=model.Proxy(**docker.get("proxy", {})),
        ),
        "os": model.OperatingSystem(**merged.get("os", {})),
        "hooks": model.Hooks(**{moment: _hooks(draft, merged, moment) for moment in MOMENTS}),
        "timeouts": model.Timeouts(**merged.get("timeouts", {})),
    }


def _hooks(draft: Draft, merged: Mapping[str, Any], moment: str) -> tuple[model.Hook, ...]:
    paths = merged.get("hooks", {}).get(moment) or ()
    return tuple(model.Hook(Path(path).name, _runnable(draft.texts[path])) for path in paths)


def _runnable(text: str) -> str:
    """A hook without `#!` was warned about; the kernel runs none, so sh does."""
    return text if text.startswith("#!") else f"#!/bin/sh\n{text}"


def _worker(pool: PoolBlock) -> dict[str, Any]:
    return {
        "spot": pool.spot.model_dump() if pool.spot and pool.spot.percent else None,
        "autoscale": pool.autoscale.model_dump() if pool.autoscale else None,
        "public": bool(pool.public),
        "open": tuple(one.model_dump(by_alias=True, mode="json") for one in pool.open or ()),
        "target_groups": pool.target_groups or (),
    }


def _host(draft: Draft, group: Group, host: HostBlock, role: model.Role) -> model.Host:
    merged = draft.merged(group, host)
    own = _shared(draft, merged, None)
    return model.Host(
        address=host.address,
        name=host.name,
        zone=host.zone,
        advertise=host.advertise,
        host_key=host.host_key,
        user=host.user,
        port=host.port,
        labels=merged.get("labels", {}),
        availability=availability_of(merged, role, alone=_alone(draft)),
        **{key: value for key, value in own.items() if getattr(host, key) is not None},
    )


def _swarm(block: SwarmBlock) -> model.SwarmSettings:
    keys = block.unlock_key.model_dump() if block.unlock_key else None
    return model.SwarmSettings(**{**block.model_dump(), "unlock_key": keys})
