"""docs/output.md names every key and problem that there is, and no other."""

from __future__ import annotations

import re
from pathlib import Path

from bootstrap.engine.session import Session
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


def test_every_problem_stands_in_the_docs() -> None:
    """Each code that health.py can tell is explained, and none that it cannot."""
    source = (ROOT / "bootstrap" / "engine" / "health.py").read_text(encoding="utf-8")

    assert named("Problems") == set(re.findall(r'Problem\(\s*"([a-z_]+)"', source))
