"""Jinja, made so that a value which nobody quoted cannot reach a shell script."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bootstrap.errors import BootstrapError

if TYPE_CHECKING:
    from jinja2 import Environment


class Shell(str):
    """Text that may stand in a script as it is: a quoted word, or what a macro made of quoted words."""

    __slots__ = ()


def sh(value: object) -> Shell:
    """One shell word that means exactly `value`."""
    text = str(value)
    if "\0" in text:
        raise BootstrapError("a NUL byte cannot stand in a script", where=repr(text), code="E077")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise BootstrapError("this is no valid Unicode text", where=repr(text), code="E077") from error
    return Shell(shlex.quote(text))


def only_quoted(value: object) -> object:
    """Jinja's `finalize`: what a template puts out is quoted or an integer, else it is an error of the template."""
    if isinstance(value, Shell) or type(value) is int:
        return value
    if type(value).__name__ == "StrictUndefined":
        return str(value)  # raises the error that names it
    raise BootstrapError(f"a template puts out an unquoted {type(value).__name__}: {value!r}", code="E072")


def render_template(name: str, context: Mapping[str, Any]) -> str:
    """The template with these values, as plain text. BootstrapError E070, E071, E072 tell a fault of a template."""
    from jinja2 import TemplateError, TemplateSyntaxError, UndefinedError  # noqa: PLC0415 - `status` needs none

    try:
        return str(environment().get_template(name).render(context))
    except TemplateSyntaxError as error:
        where = f"{error.name}:{error.lineno}"
        raise BootstrapError(str(error.message), where=where, code="E070") from error
    except UndefinedError as error:
        raise BootstrapError(str(error.message), where=name, code="E071") from error
    except TemplateError as error:
        raise BootstrapError(f"this template cannot be rendered: {error}", where=name, code="E070") from error


@cache
def environment() -> Environment:
    """Our Jinja: no undefined names, no unquoted values, templates from one directory only."""
    from jinja2 import Environment, FunctionLoader, StrictUndefined  # noqa: PLC0415 - likewise

    class ShellEnvironment(Environment):
        """Every piece that is joined was quoted when it was put out, so the whole of a macro or block is, too."""

        @staticmethod
        def concat(parts: Iterable[str]) -> Shell:
            """Join the output of a template, a macro or a block."""
            return Shell("".join(parts))

    made = ShellEnvironment(
        loader=FunctionLoader(source),
        undefined=StrictUndefined,
        finalize=only_quoted,
        autoescape=False,
        keep_trailing_newline=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters = {"sh": sh}
    return made


def source(name: str) -> str | None:
    """The text of one template, None when it is none of ours."""
    found = templates() / name
    return found.read_text(encoding="utf-8") if "/" not in name and found.is_file() else None


def templates() -> Traversable:
    """The directory of the templates: in the wheel, or in the checkout that an editable install points to."""
    packed = files("bootstrap") / "_templates" / "userdata"
    return packed if packed.is_dir() else Path(__file__).parents[2] / "templates" / "userdata"
