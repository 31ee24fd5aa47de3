"""What a scalar means: YAML 1.2's core schema, and `${VAR}` from the environment."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from bootstrap.inventory.redaction import shown
from bootstrap.inventory.source import UNSEEN

_NULL = {"", "~", "null", "Null", "NULL"}
_BOOL = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_INT = re.compile(r"[-+]?[0-9]+")
_BASED = re.compile(r"0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_SPECIAL = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_WORD_OF_1_1 = re.compile(r"y|Y|n|N|yes|Yes|YES|no|No|NO|on|On|ON|off|Off|OFF")
_TIME_OF_1_1 = re.compile(r"[-+]?([1-9][0-9_]*(:[0-5]?[0-9])+|[0-9][0-9_]*(:[0-5]?[0-9])+\.[0-9_]*)")
_LEADING_ZERO = re.compile(r"[-+]?0[0-9]+")
_VARIABLE = re.compile(r"\$\$\{|\$\{([^}]*)(\}?)")
_REFERENCE = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)(?::-(.*))?", re.DOTALL)
_DIGITS = 30  # no number of an inventory is longer; Python refuses to read 4,300 digits


class Nothing:
    """An empty value. It is no None, which a schema would take for "not given"."""


NOTHING = Nothing()


class Refused(Exception):  # noqa: N818 - reads as what it is
    """A scalar that cannot be used: code, what, hint."""

    def __init__(self, code: str, what: str, hint: str) -> None:
        super().__init__(what)
        self.code, self.what, self.hint = code, what, hint


def meaning(text: str) -> Any:
    """A plain scalar's value; `no`, `on`, `12:30` are text here (see `surprise`), a number that is two numbers is refused."""
    if text in _NULL:
        return NOTHING
    if text in _BOOL:
        return _BOOL[text]
    if _LEADING_ZERO.fullmatch(text):
        what = f"{shown(text)} is {'another number in YAML 1.1' if _octal(text) else 'an ambiguous number'}"
        raise Refused("E020", what, "quote it, or write it without the leading zero")
    if _INT.fullmatch(text):
        return int(text[:_DIGITS])
    if _BASED.fullmatch(text):
        return int(text[:_DIGITS], 0)
    if _SPECIAL.fullmatch(text):
        raise Refused("E022", f"{shown(text)} is not a finite number", "write a finite number")
    if _FLOAT.fullmatch(text):
        return _finite(text)
    return text


def surprise(text: str) -> str | None:
    """What YAML 1.1 takes a plain scalar for that is text to us, "boolean" or "number"; None when both read text."""
    if _WORD_OF_1_1.fullmatch(text):
        return "boolean"
    return "number" if _TIME_OF_1_1.fullmatch(text) else None


def substitute(text: str, environ: Mapping[str, str]) -> str:
    """`text` with `${VAR}` and `${VAR:-default}` filled in; `$${` stands for `${`."""

    def value(match: re.Match[str]) -> str:
        return "${" if match[0] == "$${" else _variable(match[1], bool(match[2]), environ)

    return _VARIABLE.sub(value, text)


def has_variable(text: str) -> bool:
    """Whether `substitute` has anything to do."""
    return "${" in text


def _variable(inner: str, closed: bool, environ: Mapping[str, str]) -> str:
    match = _REFERENCE.fullmatch(inner) if closed else None
    if match is None:
        raise Refused("E060", f"{shown('${' + inner)} is no variable", "write ${NAME}, ${NAME:-default}, or $${ for ${")
    name, default = match[1], match[2]
    if default is not None and "${" in default:
        raise Refused("E060", f"the default of {shown(name)} holds a variable", "write a plain default")
    found = environ.get(name) or default
    if not found and default is None:
        state = "empty" if name in environ else "not set"
        raise Refused("E060", f"{name} is {state}", f"set it, or write ${{{name}:-default}}")
    found = found or ""
    if environ.get(name) and "${" in found:
        raise Refused("E060", f"{name} holds a variable itself", "set it to a plain value")
    if UNSEEN.search(found) or "\n" in found:
        raise Refused("E061", f"{name} holds a line break or a control character", "set it to one line of text")
    return found


def _octal(text: str) -> bool:
    return not set(text) & {"8", "9"}


def _finite(text: str) -> float:
    number = float(text)
    if abs(number) == float("inf"):
        raise Refused("E022", f"{shown(text)} is not a finite number", "write a finite number")
    return number
