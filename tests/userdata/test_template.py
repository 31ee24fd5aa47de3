"""The rules of our Jinja, and of the templates themselves."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from bootstrap.errors import BootstrapError
from bootstrap.userdata import template
from bootstrap.userdata.template import environment, render_template, templates


@pytest.fixture
def page(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, str]]:
    """Templates of this test in place of ours."""
    pages: dict[str, str] = {}
    environment.cache_clear()
    monkeypatch.setattr(template, "source", pages.get)
    yield pages
    environment.cache_clear()


def code(page: dict[str, str], text: str, **context: object) -> str:
    """The code of the error that this template ends in."""
    page["x"] = text
    with pytest.raises(BootstrapError) as caught:
        render_template("x", context)
    return caught.value.code


@pytest.mark.parametrize(
    "text",
    [
        "{{ name }}",
        "{{ 'literal' }}",
        "{{ 'a' ~ (name | sh) }}",
        "{{ flag }}",
        "{{ number }}",
        "{{ none }}",
        "{{ [name] }}",
    ],
)
def test_a_value_that_nobody_quoted_is_refused(page: dict[str, str], text: str) -> None:
    """A forgotten filter is an error, not a hole."""
    assert code(page, text, name="$(id)", flag=True, number=1.5, none=None) == "E072"


def test_quoted_values_and_integers_come_through(page: dict[str, str]) -> None:
    """Everything else in a script is text of the template."""
    page["x"] = "a={{ name | sh }} b={{ number }}"

    assert render_template("x", {"name": "it's $(id)", "number": 3}) == "a='it'\"'\"'s $(id)' b=3"


def test_macros_blocks_and_includes_work(page: dict[str, str]) -> None:
    """What they put out was quoted inside."""
    page["part"] = "in={{ name | sh }}\n"
    page["x"] = (
        "{% macro twice(v) %}{{ v | sh }} {{ v | sh }}{% endmacro %}{% set s %}<{{ name | sh }}>{% endset %}"
        "{{ twice(name) }} {{ s }} {% include 'part' %}"
    )

    assert render_template("x", {"name": "a b"}) == "'a b' 'a b' <'a b'> in='a b'\n"


def test_a_macro_cannot_smuggle(page: dict[str, str]) -> None:
    """An unquoted value inside it is refused there."""
    assert code(page, "{% macro m(v) %}{{ v }}{% endmacro %}{{ m(name) }}", name="$(id)") == "E072"


@pytest.mark.parametrize(
    "text", ["{{ name | safe }}", "{{ name | tojson }}", "{{ name | e }}", "{% if %}", "{% include 'no' %}"]
)
def test_a_template_that_cannot_be_read_is_named(page: dict[str, str], text: str) -> None:
    """There is one filter, `sh`; a template that is not there is none of ours."""
    assert code(page, text, name="x") == "E070"


def test_a_name_that_nobody_set_is_an_error(page: dict[str, str]) -> None:
    """Never an empty word."""
    assert code(page, "{{ nmae | sh }}") == "E071"
    assert code(page, "{{ nmae }}") == "E071"
    assert code(page, "{% if nmae %}{% endif %}") == "E071"


@pytest.mark.parametrize("value", ["a\0b", "\ud800"])
def test_what_no_script_can_carry_is_refused(value: str) -> None:
    """A NUL byte would end the word; half a surrogate is no text."""
    with pytest.raises(BootstrapError) as caught:
        template.sh(value)

    assert caught.value.code == "E077"


@pytest.mark.parametrize("name", ["../pyproject.toml", "/etc/passwd", "x/../node.sh.j2"])
def test_templates_come_from_their_directory_only(name: str) -> None:
    """No path leads out of it."""
    assert template.source(name) is None


def test_no_template_puts_quotes_around_a_value() -> None:
    """A quoted word in quotes is open again: `"{{ x | sh }}"`."""
    for path in templates().iterdir():
        for line in path.read_text(encoding="utf-8").splitlines():
            quoted = re.findall(r"""'[^']*'|"[^"]*\"""", re.sub(r"\{\{.*?\}\}", "{{}}", line))
            assert not [one for one in quoted if "{{" in one], f"{path.name}: {line}"


def test_every_value_of_a_template_is_quoted_in_its_place() -> None:
    """`| sh` stands in the same braces, where a reviewer sees it."""
    for path in templates().iterdir():
        for value in re.findall(r"\{\{(.*?)\}\}", path.read_text(encoding="utf-8")):
            assert value.endswith("| sh "), f"{path.name}: {value}"
