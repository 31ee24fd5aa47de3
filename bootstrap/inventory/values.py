"""Gives every scalar of a tree its value, and refuses what must stand in no inventory: secrets, unseen characters."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from bootstrap.inventory.problem import Finding, Loc
from bootstrap.inventory.redaction import looks_secret, shown
from bootstrap.inventory.scalars import NOTHING, Refused, has_variable, meaning, substitute, surprise
from bootstrap.inventory.source import UNSEEN
from bootstrap.inventory.tree import Map, Node, Scalar

SECRET_HINT = "give a reference (env, file, command, ssm, gsm) or a docker secret"  # noqa: S105 - a hint, no secret


@dataclass
class Evaluation:
    """One walk over a tree; `findings` tells what was refused, at its path.

    `surprises` tells where text stands that YAML 1.1 takes for something else, and for what: no matter where the schema
    has the word itself, as in `rotate_every: off`.
    """

    environ: Mapping[str, str]
    findings: list[Finding] = field(default_factory=list)
    surprises: list[tuple[Loc, str]] = field(default_factory=list)

    def walk(self, node: Node, loc: Loc = ()) -> None:
        """Set the value of every scalar below `node`."""
        if isinstance(node, Scalar):
            self._scalar(node, loc)
        elif isinstance(node, Map):
            for key, entry in node.entries.items():
                self.findings.extend(_key(key, loc))
                self.walk(entry.node, (*loc, key))
        else:
            for index, (_, item) in enumerate(node.items):
                self.walk(item, (*loc, index))

    def _scalar(self, node: Scalar, loc: Loc) -> None:
        try:
            node.value = self._value(node)
        except Refused as refused:
            node.value = NOTHING
            self.findings.append(Finding(refused.code, loc, refused.what, refused.hint))
            return
        if node.plain and not node.substituted and (kind := surprise(node.text)):
            self.surprises.append((loc, kind))

    def _value(self, node: Scalar) -> object:
        text = node.text
        if has_variable(text):
            text = substitute(text, self.environ)
            node.substituted = True
        if looks_secret(text):
            raise Refused("E051", "this looks like a secret, secrets do not belong in the inventory", SECRET_HINT)
        if found := UNSEEN.search(text):
            raise Refused("E004", f"control character U+{ord(found[0]):04X}", "remove it")
        return meaning(text) if node.plain and not node.substituted else text


def retype(node: Node | None) -> bool:
    """Read what came from a variable as a number or truth value, where the schema wants one: quoted or not."""
    if not isinstance(node, Scalar) or not node.substituted:
        return False
    node.substituted = False
    try:
        value = meaning(node.value)
    except Refused:
        return False
    if isinstance(value, bool | int):
        node.value = value
        return True
    return False


def _key(key: str, loc: Loc) -> Iterator[Finding]:
    place = (*loc, key)
    if has_variable(key):
        yield Finding("E060", place, "a variable in a key", "variables stand in values only", at_key=True)
    elif looks_secret(key):
        what = "a secret as a key, secrets do not belong in the inventory"
        yield Finding("E051", place, what, SECRET_HINT, at_key=True)
    elif found := UNSEEN.search(key):
        yield Finding("E004", place, f"control character U+{ord(found[0]):04X} in a key", "remove it", at_key=True)
    elif not key.strip():
        yield Finding("E020", place, f"expected a key, got {shown(key)}", "name it", at_key=True)
