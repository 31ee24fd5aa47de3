"""docs/output.md names every key and problem that there is, and no other."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

from click.testing import CliRunner

from bootstrap.cli.root import root
from bootstrap.cli.run import Run
from bootstrap.cli.show import plan as plans
from bootstrap.engine.session import Session
from bootstrap.model.cluster import Size
from bootstrap.model.resource import Plan
from bootstrap.providers.base import LockInfo
from tests.engine.formed import formed
from tests.fakes.cluster import cluster, pool
from tests.fakes.provider import FakeProvider

ROOT = Path(__file__).parent.parent
TEXT = (ROOT / "docs" / "output.md").read_text(encoding="utf-8")


def named(heading: str) -> set[str]:
    """The words in code in the first column of the tables under a heading."""
    section = TEXT.split(f"## {heading}\n")[1].split("\n## ")[0]
    cells = re.findall(r"^\| ([^|]+) \|", section, re.MULTILINE)
    return {word for cell in cells for word in re.findall(r"`([^`]+)`", cell)}


def test_every_key_of_the_status_stands_in_the_docs() -> None:
    """What `status` prints and what the page lists are the same keys, nodes included."""
    made = cluster(pool("web", 1))
    provider = FakeProvider(made)
    session = Session(made, provider)
    list(session.apply(session.plan_up()))

    document = session.status()

    assert named("`status`") == set(document) | set(document["nodes"][0])


def test_every_key_of_the_plan_stands_in_the_docs() -> None:
    """What `plan` prints and what the page lists are the same keys."""
    assert named("`plan`") == set(plans.document(Plan("prod")))


def test_every_problem_stands_in_the_docs() -> None:
    """Each code that health.py can tell is explained, and none that it cannot."""
    assert named("Problems") == told("Problem")


def test_every_note_stands_in_the_docs() -> None:
    """The same for what makes no cluster unhealthy."""
    assert named("Notes") == told("Note")


def told(kind: str) -> set[str]:
    """The codes that the checks can tell."""
    files = (ROOT / "bootstrap" / "engine" / "health").glob("*.py")
    return {
        code for file in files for code in re.findall(rf'\b{kind}\(\s*"([a-z_]+)"', file.read_text(encoding="utf-8"))
    }


CHANGING = (
    ("drain", "prod-web-1"), ("undrain", "prod-web-1"), ("remove", "prod-web-1", "--yes"),
    ("replace", "prod-web-2", "--yes"), ("reconcile", "off"), ("force-unlock", "--id", "abcd1234"),
)  # fmt: skip


def test_what_the_changing_verbs_print_stands_in_the_docs() -> None:
    """Each of them prints the keys that its row lists, and no other."""
    one, world = formed(web=Size(1, 4, 2))
    rows = dict(documents())

    for verb, *rest in CHANGING:
        world.lock = LockInfo("ann@there", "up", "now", "abcd1234") if verb == "force-unlock" else None
        run = Run(open_session=lambda path, say: one, terminal=False)
        result = CliRunner().invoke(root, [verb, "prod.yml", *rest, "-o", "json"], obj=run)
        assert result.exit_code == 0, result.stderr
        assert rows[verb] == list(json.loads(result.stdout)), verb


def documents() -> Iterator[tuple[str, list[str]]]:
    """(verb, its document's keys) of the rows that have one."""
    for names, keys in re.findall(r"^\| (`[a-z`, -]+`) \| `\{(.*?)\}`", TEXT, re.MULTILINE):
        top = re.sub(r": \{.*", "", keys)
        for verb in re.findall(r"`([a-z-]+)`", names):
            yield verb, re.findall(r'"([a-z_]+)"', top)
