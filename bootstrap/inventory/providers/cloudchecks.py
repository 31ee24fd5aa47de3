"""Checks that AWS and GCP share."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from bootstrap.inventory.problem import Finding, Loc
from bootstrap.inventory.redaction import shown
from bootstrap.inventory.schema.block import Block

if TYPE_CHECKING:
    from bootstrap.inventory.draft import Draft

_TARGET_GROUP = r"arn:aws[a-z-]*:elasticloadbalancing:[a-z0-9-]+:\d{12}:targetgroup/[A-Za-z0-9-]{1,32}/[0-9a-f]{16}"


def check_network(network: Block, loc: Loc, *, existing: Sequence[str], made: Sequence[str]) -> Iterator[Finding]:
    """A network is made, or it is there, not both; and one that is there is named whole."""
    given = [key for key in existing if getattr(network, key)]
    for key in made if given else ():
        if getattr(network, key, None) is not None:
            what = f"'{key}' is for a network that is made, '{given[0]}' for one that is there"
            yield Finding("E022", (*loc, key), what, f"remove '{key}', or remove {' and '.join(existing)}")
    for key in existing:
        if given and not getattr(network, key):
            yield Finding("E020", (*loc, key), f"'{key}' is missing beside '{given[0]}'", f"give '{key}' as well")
    if getattr(network, "public_subnets", None) and not given:
        yield Finding(
            "E022", (*loc, "public_subnets"), "public_subnets without a vpc", f"give {' and '.join(existing)}"
        )


def check_tags(
    draft: Draft, base: Mapping[str, str] | None, loc: Loc, *, key: str, most: int, value: str = ".*"
) -> Iterator[Finding]:
    """Names and values that the cloud accepts, and no more of them than it does. The base counts for every group."""
    layers: list[tuple[Loc, Mapping[str, str]]] = [(loc, base or {}), (("tags",), draft.file.tags or {})]
    layers += [((*group_loc, "tags"), group.tags or {}) for _, group_loc, group in draft.groups()]
    for place, tags in layers:
        if len(tags) > most:
            yield Finding("E050", place, f"{len(tags)} tags", f"write at most {most}, some are ours")
        for name, text in tags.items():
            if not re.fullmatch(key, name, re.ASCII):
                yield Finding(
                    "E050", (*place, name), f"{shown(name)} is no tag name here", "see the cloud's rules for tags"
                )
            elif not re.fullmatch(value, text, re.ASCII):
                yield Finding(
                    "E050", (*place, name), f"{shown(text)} is no tag value here", "see the cloud's rules for tags"
                )


def check_target_groups(draft: Draft) -> Iterator[Finding]:
    """ARNs of target groups."""
    for _, loc, group in draft.groups():
        for index, arn in enumerate(getattr(group, "target_groups", None) or ()):
            if not re.fullmatch(_TARGET_GROUP, arn, re.ASCII):
                place = (*loc, "target_groups", index)
                yield Finding("E035", place, f"{shown(arn)} is no target group", "give its ARN")
