"""What `doctor` found: what is in the way one by one, what is fine in one line for all nodes."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence

import click

from bootstrap.model.finding import Finding, Outcome

_COLOURS = {Outcome.OK: "green", Outcome.WARN: "yellow", Outcome.FAIL: "red"}
MANY = 6  # mends of one group
_LABEL = 20  # characters before the sentence


def text(found: Sequence[Finding], room: int) -> str:
    """Every check with its result, and a last line that counts."""
    lines = [line for group in _groups(found) for line in _shown(group, room)]
    counts = {result: sum(one.result is result for one in found) for result in Outcome}
    told = f"{len(found)} checks: {counts[Outcome.FAIL]} failed, {counts[Outcome.WARN]} to look at"
    return "\n".join([*lines, "", told])


def _groups(found: Sequence[Finding]) -> Iterator[list[Finding]]:
    """Those that are fine together by their check, others where they say the same; in the order of the checks."""
    for check, here in dict.fromkeys((one.id, one.node is None) for one in found):
        ours = [one for one in found if (one.id, one.node is None) == (check, here)]
        told = dict.fromkeys((one.result, one.what) for one in ours if one.result is not Outcome.OK)
        yield from ([one for one in ours if (one.result, one.what) == same] for same in told)
        if fine := [one for one in ours if one.result is Outcome.OK]:
            yield fine


def _shown(group: Sequence[Finding], room: int) -> Iterator[str]:
    first = group[0]
    head = click.style(f"{first.result:<5}", fg=_COLOURS[first.result]) + f"{first.id:<{_LABEL - 5}}"
    yield from _indented(_sentence(group), room, head)
    fixes = list(dict.fromkeys(one.fix for one in group if one.fix))
    for fix in fixes[:MANY]:  # alike machines have mends of their own: each command names its node
        yield from _indented(fix, room, " " * (_LABEL + 2))
    if len(fixes) > MANY:
        yield " " * (_LABEL + 2) + f"and {len(fixes) - MANY} more of these"


def _sentence(group: Sequence[Finding]) -> str:
    """`prod-web-1: its machine is off`, `4 nodes: its clock is right`."""
    first = group[0]
    if first.node is None:
        return first.what
    if len(group) == 1:
        return f"{first.node}: {first.what}"
    if first.result is not Outcome.OK:
        return f"{', '.join(str(one.node) for one in group)}: {first.what}"
    told = first.what if len({one.what for one in group}) == 1 else f"fine, e.g. {first.node}: {first.what}"
    return f"{len(group)} nodes: {told}"


def _indented(words: str, room: int, head: str) -> Iterator[str]:
    plain = len(click.unstyle(head))
    lines = textwrap.wrap(words, max(20, room - plain), break_on_hyphens=False) or [""]
    yield head + lines[0]
    yield from (" " * plain + line for line in lines[1:])
