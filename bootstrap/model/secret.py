"""A string that must not be seen: prints, formats, pickles and serialises as a fingerprint."""

from __future__ import annotations

import hashlib
from typing import NoReturn, final


@final
class Secret:
    """A token or key in memory. Only `reveal()`, at the wire, gives the value back."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """The value itself: for the wire and nothing else."""
        return self._value

    @property
    def fingerprint(self) -> str:
        """The first eight hex digits of its SHA-256: enough to compare, useless to join with."""
        return hashlib.sha256(self._value.encode()).hexdigest()[:8]

    def __repr__(self) -> str:
        return f"<secret fp={self.fingerprint}>"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return format(repr(self), spec)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash(self._value)

    def __reduce__(self) -> NoReturn:
        message = "a secret is never pickled"
        raise TypeError(message)
