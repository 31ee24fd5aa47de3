"""pydantic's errors in our words: which code, what is wrong, what to write instead."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic_core import ErrorDetails

from bootstrap.inventory.problem import Finding, Loc
from bootstrap.inventory.redaction import shown
from bootstrap.inventory.schema.block import Block, kind_of

# What people write who come from another tool.
SYNONYMS = {
    "workers": "pools",
    "worker": "pools",
    "nodes": "hosts",
    "masters": "managers",
    "name": "cluster",
    "instance_type": "machine",
    "instance_types": "machines",
    "machine_type": "machine",
    "size": "count",
    "replicas": "count",
    "key_file": "key",
    "identity_file": "key",
}
# Keys of pools that managers must not have, with the reason.
NOT_ON_MANAGERS = {
    "min": "the number of managers is fixed",
    "max": "the number of managers is fixed",
    "desired": "the number of managers is fixed",
    "autoscale": "an autoscaler would break the quorum",
    "spot": "a reclaimed manager costs quorum",
    "target_groups": "a load balancer's health check would replace managers",
    "public": "managers stay private",
    "open": "managers stay private",
}
_WANTED = {
    "int": "integer",
    "bool": "true or false",
    "string": "string",
    "model": "map",
    "dict": "map",
    "tuple": "list",
    "list": "list",
    "float": "number",
}
_MISSING = {"region": "E059", "project": "E059"}


def finding(error: ErrorDetails, model: type[Block]) -> Finding:
    """One error of pydantic's as a finding; `model` is what was validated."""
    loc: Loc = tuple(step for step in error["loc"] if step != "[key]")
    at_key = len(loc) < len(error["loc"])
    kind, context = error["type"], error.get("ctx", {})
    if kind == "extra_forbidden":
        return _unknown(loc, model)
    if kind == "missing":
        code = _MISSING.get(str(loc[-1]), "E020")
        return Finding(code, loc, f"'{loc[-1]}' is missing", f"add `{loc[-1]}:`")
    if kind.startswith("E"):
        return Finding(kind, loc, str(context["what"]), str(context["hint"]), at_key=at_key)
    if kind.endswith("_type") and kind[:-5] in _WANTED:
        return _type(loc, _WANTED[kind[:-5]], error["input"])
    if kind == "literal_error":
        return _choice(loc, model, error["input"])
    return _limit(loc, kind, context)


def _unknown(loc: Loc, model: type[Block]) -> Finding:
    key = str(loc[-1])
    if loc[:-1] == ("managers",) and key in NOT_ON_MANAGERS:
        what = f"managers take no '{key}': {NOT_ON_MANAGERS[key]}"
        return Finding("E036", loc, what, "remove it, or make it a pool's", at_key=True)
    known = known_keys(model, loc[:-1])
    guess = nearest(key, known)
    hint = f"did you mean '{guess}'?" if guess else f"known here: {', '.join(sorted(known))}"
    return Finding("E021", loc, f"unknown key {shown(key)}", hint, at_key=True)


def _type(loc: Loc, wanted: str, value: object) -> Finding:
    hint = f"write a {wanted}" if wanted in {"map", "list", "string", "number"} else f"write {wanted}"
    if wanted == "string" and isinstance(value, bool | int | float):
        hint = "quote it"
    elif wanted == "integer":
        hint = "write it without quotes" if isinstance(value, str) and value.isdigit() else "write a whole number"
    elif isinstance(value, str) and wanted == "true or false":
        hint = "write true or false, without quotes"
    elif wanted == "list":
        hint = "write it in brackets, or one item per line with a dash"
    return Finding("E020", loc, f"expected {wanted}, got {kind_of(value)}", hint)


def _choice(loc: Loc, model: type[Block], value: object) -> Finding:
    choices = literal_choices(model, loc)
    texts = [str(one) for one in choices]
    if not isinstance(value, type(choices[0])) or isinstance(value, bool):
        wanted = "integer" if isinstance(choices[0], int) else "string"
        hint = "write it without quotes" if value in texts else f"one of {', '.join(texts)}"
        return Finding("E020", loc, f"expected {wanted}, got {kind_of(value)}", hint)
    guess = nearest(str(value), texts)
    hint = f"did you mean '{guess}'?" if guess else f"one of {', '.join(texts)}"
    return Finding("E022", loc, f"{shown(value)} is not possible here", hint)


def _limit(loc: Loc, kind: str, context: Mapping[str, Any]) -> Finding:
    for name, word in (("ge", "at least"), ("le", "at most"), ("gt", "more than"), ("lt", "less than")):
        if name in context:
            return Finding("E022", loc, "the number is out of range", f"write {word} {context[name]}")
    for name, word in (("min_length", "at least"), ("max_length", "at most")):
        if name in context:
            return Finding("E022", loc, "the number of items is out of range", f"write {word} {context[name]}")
    if kind == "invalid-json-value":
        return Finding("E020", loc, "expected a value, got nothing", "write a value or remove the key")
    return Finding("E020", loc, f"not understood ({kind})", "see `bootstrap schema`")


def nearest(word: str, known: list[str]) -> str | None:
    """The known word that was probably meant."""
    if SYNONYMS.get(word) in known:
        return SYNONYMS[word]
    close = get_close_matches(word[:64].lower(), known, n=1, cutoff=0.6)
    return close[0] if close else None


def known_keys(model: type[Block], loc: Loc) -> list[str]:
    """The keys that the block at `loc` may have."""
    block = _type_at(model, loc)
    fields = block.model_fields if isinstance(block, type) and issubclass(block, Block) else {}
    return [field.alias or name for name, field in fields.items()]


def literal_choices(model: type[Block], loc: Loc) -> tuple[Any, ...]:
    """The values that a Literal at `loc` allows."""
    return get_args(_type_at(model, loc)) or ("",)


def unquoted(model: type[Block], loc: Loc, kind: str) -> Finding | None:
    """Text without quotes that other readers of YAML take for a `kind`, where the schema wants text of any form."""
    if _type_at(model, loc) is not str:
        return None
    return Finding("E020", loc, f"expected string, got {kind}", "quote it")


def _type_at(model: Any, loc: Loc) -> Any:
    """Follow a path through models, maps and lists to the type that is declared there."""
    found = _bare(model)
    for step in loc:
        if isinstance(found, type) and issubclass(found, Block):
            by_key = {field.alias or name: field for name, field in found.model_fields.items()}
            found = by_key[str(step)].annotation if str(step) in by_key else None
        else:
            arguments = get_args(found)
            found = arguments[-1 if get_origin(found) is dict else 0] if arguments else None
        found = _bare(found)
    return found


def _bare(kind: Any) -> Any:
    """A type without Annotated and without the `| None` of what may be left out."""
    if get_origin(kind) is Annotated:
        return _bare(get_args(kind)[0])
    if get_origin(kind) in {Union, UnionType}:
        return _bare(next(one for one in get_args(kind) if one is not type(None)))
    return kind
