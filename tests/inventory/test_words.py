from __future__ import annotations

from pathlib import Path

from bootstrap import inventory
from tests.inventory.cases import HERE


def test_quoted_words_and_times_stay_text() -> None:
    """NO, on and 12:30:45 in quotes, and all that no YAML takes for another thing, are what they look like."""
    managers = inventory.load(HERE / "valid/yaml-1.2.yml", environ={}).managers
    labels = managers.labels

    assert (labels["country"], labels["switch"], labels["block"]) == ("NO", "on", "yes")
    assert (labels["time"], labels["release"], labels["octal"]) == ("12:30:45", "1.10", "010")
    assert (labels["ports"], labels["range"], labels["wait"]) == ("8080:80", "10.0.0.0/8", "90s")
    assert managers.docker.daemon == {"log-opts": {"mode": "off"}}


def test_a_word_from_the_environment_stays_text(tmp_path: Path) -> None:
    """A variable's value was never YAML: `no` in it is the word."""
    path = tmp_path / "c.yml"
    path.write_text("version: 1\ncluster: c\nprovider: local\nmanagers: {count: 3}\nlabels:\n  a: ${A}\n")

    assert inventory.load(path, environ={"A": "no"}).managers.labels == {"a": "no"}
