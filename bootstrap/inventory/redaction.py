"""What looks like a secret, so that it is refused in a file and never repeated in a message."""

from __future__ import annotations

import re

SECRET = re.compile(
    r"SWMTKN-[\w-]+"
    r"|SWMKEY-[\w+/=-]+"
    r"|\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"
    r"|-----BEGIN [A-Z ]*PRIVATE KEY.*"
    r"|\bgh[pousr]_[A-Za-z0-9]{30,}"
    r"|\bgithub_pat_\w{30,}"
    r"|\bglpat-[\w-]{20,}"
    r"|\bxox[abprs]-[\w-]{10,}"
    r"|\bAIza[\w-]{35}"
    r"|://[^/\s:@]*:[^@\s/]+@",
    re.DOTALL,
)


def looks_secret(text: str) -> bool:
    """Whether a token, a private key or a URL with a password stands in the text."""
    return SECRET.search(text) is not None


def scrub(text: str) -> str:
    """One printable line without secrets: what may stand in a message."""
    clean = SECRET.sub("(secret)", text)
    return "".join(one if one.isprintable() else _escaped(one) for one in clean)


def shown(value: object, limit: int = 48) -> str:
    """A value as a message repeats it: quoted, short, without secrets."""
    text = scrub(str(value))
    return f"'{text[: limit - 1]}…'" if len(text) > limit else f"'{text}'"


def _escaped(one: str) -> str:
    return one.encode("unicode_escape", "surrogatepass").decode("ascii")
