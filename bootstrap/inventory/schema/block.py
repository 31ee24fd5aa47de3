"""What every block of the schema shares: strict, frozen, no unknown keys; and how a bad value is told."""

from __future__ import annotations

from typing import Annotated, TypeVar

from pydantic import BaseModel, ConfigDict, Field
from pydantic_core import PydanticCustomError

from bootstrap.inventory.redaction import shown

T = TypeVar("T")

# Lists of the file become tuples, so that settings are frozen all the way down.
Several = Annotated[tuple[T, ...], Field(strict=False, max_length=100_000)]


class Block(BaseModel):
    """A map of the file. Types are strict: `"3"` is no number, `yes` is no truth value."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, protected_namespaces=())


def bad(code: str, what: str, hint: str) -> PydanticCustomError:
    """The error that a check of a value raises; `bootstrap.inventory.translate` turns it into a finding."""
    # The texts go in as context: a template would trip over braces in them.
    return PydanticCustomError(code, "{what}", {"what": what, "hint": hint})


def kind_of(value: object) -> str:
    """The type of a value in the words of YAML."""
    kinds = ((bool, "boolean"), (int, "integer"), (float, "number"), (str, "string"), (dict, "map"), (list, "list"))
    return next((name for kind, name in kinds if isinstance(value, kind)), "nothing")


def expected(wanted: str, value: object, hint: str) -> PydanticCustomError:
    """E020: one type was wanted, another was found."""
    return bad("E020", f"expected {wanted}, got {kind_of(value)}", hint)


__all__ = ["Block", "Several", "bad", "expected", "kind_of", "shown"]
