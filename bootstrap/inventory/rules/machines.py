"""What machines are made of: types, images, open ports; and what means nothing with this provider."""

from __future__ import annotations

import re
from collections.abc import Iterator

from bootstrap.inventory.draft import Draft, Group
from bootstrap.inventory.problem import Finding, Loc
from bootstrap.inventory.providers.base import InventoryProvider
from bootstrap.inventory.redaction import shown
from bootstrap.inventory.schema.groups import PoolBlock
from bootstrap.inventory.schema.sections import SwarmBlock
from bootstrap.inventory.translate import nearest

_ENGINE_PORTS = (2375, 2376, 2377, 7946)
_EVERYBODY = ("0.0.0.0/0", "::/0")


def check(draft: Draft) -> Iterator[Finding]:
    """All groups, and the settings that stand at several places."""
    if draft.provider is None:
        return
    for loc, layer in draft.layers():
        for key in sorted(draft.provider.idle & layer.model_fields_set):
            yield Finding("W021", (*loc, key), f"'{key}' has no effect on {draft.provider.name}", "remove it")
        if layer.image and "image" not in draft.provider.idle:
            yield from _image(draft.provider, (*loc, "image"), layer.image)
    for _, loc, group in draft.groups():
        yield from _types(draft.provider, loc, group)
        if isinstance(group, PoolBlock):
            yield from _open(draft, loc, group)


def _image(provider: InventoryProvider, loc: Loc, image: str) -> Iterator[Finding]:
    if provider.known_image(image):
        return
    guess = nearest(image, list(provider.families))
    hint = f"did you mean '{guess}'?" if guess else f"one of {', '.join(provider.families)}, or an id"
    yield Finding("E035", loc, f"{shown(image)} is no image of {provider.name}", hint)


def _types(provider: InventoryProvider, loc: Loc, group: Group) -> Iterator[Finding]:
    many = getattr(group, "machines", None)
    if group.machine and many:
        yield Finding("E022", (*loc, "machine"), "'machine' beside 'machines'", "give one of the two")
    places: list[tuple[Loc, str]] = [((*loc, "machines", index), one) for index, one in enumerate(many or ())]
    if group.machine:
        places.append(((*loc, "machine"), group.machine))
    for place, machine in places if provider.machine_type else ():
        if not re.fullmatch(provider.machine_type or "", machine, re.ASCII):
            hint = f"write it as in {provider.default_machine}"
            yield Finding("E035", place, f"{shown(machine)} is no machine type of {provider.name}", hint)


def _open(draft: Draft, loc: Loc, pool: PoolBlock) -> Iterator[Finding]:
    data_path = (draft.file.swarm or SwarmBlock()).data_path_port
    for index, one in enumerate(pool.open or ()):
        place = (*loc, "open", index)
        if one.port in _ENGINE_PORTS or (one.port == data_path and one.protocol == "udp"):
            hint = "the engine and the swarm are never open to the outside"
            yield Finding("E042", (*place, "port"), f"port {one.port} belongs to the swarm", hint)
        elif one.port == 22 and any(cidr in _EVERYBODY for cidr in one.from_):
            yield Finding("E057", (*place, "from"), "ssh is open to everybody", "name the ranges that may connect")
