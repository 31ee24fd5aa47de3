"""Values of a plan as JSON and as one short piece of text."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Set
from dataclasses import asdict, is_dataclass
from enum import Enum
from typing import Any

SHORT = 48  # characters of a value in a line of a plan


def plain(value: Any) -> Any:
    """The value in JSON's own types; what JSON does not know becomes its text. A Secret becomes its fingerprint."""
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, Enum):
        return plain(value.value)
    if isinstance(value, Mapping):
        return {str(key): plain(one) for key, one in value.items()}
    if isinstance(value, Set):
        return sorted((plain(one) for one in value), key=str)
    if is_dataclass(value) and not isinstance(value, type):
        return plain(asdict(value))
    if isinstance(value, Iterable) and not isinstance(value, str | bytes):
        return [plain(one) for one in value]
    return f"<{len(value)} bytes>" if isinstance(value, bytes) else str(value)


def short(value: Any) -> str:
    """The value in at most SHORT characters of one line."""
    value = plain(value)
    if value is None:
        return "(unset)"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    if "\n" in text:
        return f"<{len(text.splitlines())} lines>"
    return cut(text, SHORT) if text else '""'


def cut(text: str, width: int) -> str:
    """The text, or its two ends with `..` between where it is longer than `width`: names differ at both ends."""
    if len(text) <= width:
        return text
    if width <= 4:
        return text[:width]
    tail = (width - 2) // 2
    return f"{text[: width - 2 - tail]}..{text[-tail:]}"
