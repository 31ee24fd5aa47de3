"""Text that may leave the house: no token or key by its form, and no value that the inventory holds as a secret."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from bootstrap.engine.logs import REDACTED, redact
from bootstrap.inventory.redaction import SECRET
from bootstrap.model.cluster import Cluster

PRIVATE = frozenset({"env", "password", "secret", "token", "unlock_key", "registries", "proxy"})  # keys of an inventory
PRIVATE_ENDS = ("password", "secret", "token")  # `splunk-token`: an option of a log driver, in the user's own words
SHORTEST = 5  # characters: a shorter value is in too many words to be cut out of a text


class Redactor:
    """Cuts these values out of any text, and whatever looks like a secret."""

    def __init__(self, values: Iterable[str]) -> None:
        self._values = sorted({one for one in values if len(one) >= SHORTEST}, key=len, reverse=True)

    def __call__(self, text: str) -> str:
        """The text without them."""
        for value in self._values:
            text = text.replace(value, REDACTED)
        return SECRET.sub(REDACTED, redact(text))  # `redact` knows where a key ends, the other one does not


def redactor(cluster: Cluster, path: Path) -> Redactor:
    """One that knows the values of this inventory, as written and as the environment filled them in."""
    filled = [value for stack in cluster.stacks for value in stack.env.values()]
    return Redactor([*filled, *private_values(_read(path))])


def inventory_text(path: Path) -> str:
    """The inventory with its private values cut out and without its comments; the reason where it cannot be read."""
    raw = _read(path)
    if raw is None:
        return "the inventory is no YAML\n"
    target = io.StringIO()
    YAML(typ="safe").dump(_hidden(raw), target)
    return target.getvalue()


def private_values(raw: Any) -> Iterator[str]:
    """Every scalar below a private key."""
    if isinstance(raw, Mapping):
        for key, value in raw.items():
            yield from _scalars(value) if _is_private(key) else private_values(value)
    elif isinstance(raw, list):
        for one in raw:
            yield from private_values(one)


def _is_private(key: object) -> bool:
    return key in PRIVATE or str(key).lower().endswith(PRIVATE_ENDS)


def _hidden(raw: Any, *, private: bool = False) -> Any:
    if isinstance(raw, Mapping):
        return {key: _hidden(value, private=private or _is_private(key)) for key, value in raw.items()}
    if isinstance(raw, list):
        return [_hidden(one, private=private) for one in raw]
    return REDACTED if private else raw


def _scalars(raw: Any) -> Iterator[str]:
    if isinstance(raw, Mapping):
        raw = list(raw.values())
    if isinstance(raw, list):
        for one in raw:
            yield from _scalars(one)
    elif raw is not None and not isinstance(raw, bool):
        yield str(raw)


def _read(path: Path) -> Any:
    try:
        return YAML(typ="safe").load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, YAMLError):
        return None
