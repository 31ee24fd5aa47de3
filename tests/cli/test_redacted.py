from __future__ import annotations

from pathlib import Path

from bootstrap.cli.redacted import inventory_text, redactor
from bootstrap.model.cluster import Stack
from tests.fakes.cluster import cluster

INVENTORY = """\
version: 1
cluster: prod   # the password is hunter2-comment
provider: local
managers: {count: 3}
docker: {proxy: {http: "http://bob:pr0xy-secret@proxy:3128"}, daemon: {log-opts: {splunk-token: "5p1unk-t0ken"}}}
registries: {ghcr.io: {username: bot, password: {env: CI_TOKEN_NAME}}}
stacks: {site: {files: [site.yml], env: {DB: "hunter2-value", PORT: "80"}}}
"""
TOKEN = "SWMTKN-1-3pu6hszjas19xyp7ghgosyx9k8atbfcr8p2is99znpy26u2lkl-1awxwuwd3z9j1z3puu7rcgdbx"
CANARIES = ("hunter2-comment", "hunter2-value", "hunter2-filled", "pr0xy-secret", "5p1unk-t0ken", TOKEN, "KEYBYTES",
            "ghp_" + "a" * 36)  # fmt: skip


def test_no_canary_is_left(tmp_path: Path) -> None:
    """Neither what looks like a secret nor what the inventory keeps private gets through, wherever it stands."""
    file = tmp_path / "prod.yml"
    file.write_text(INVENTORY)
    made = cluster(stacks=(Stack("site", (), {"DB": "hunter2-filled"}),))
    redact = redactor(made, file)
    key = "-----BEGIN OPENSSH PRIVATE KEY-----\nKEYBYTES\n-----END OPENSSH PRIVATE KEY-----"
    log = f"joining with {TOKEN}\n{key}\nDB=hunter2-filled 5p1unk-t0ken {CANARIES[-1]} http://bob:pr0xy-secret@proxy:3128\nthe end"

    text = inventory_text(file) + redact(inventory_text(file)) + redact(log) + redact("DB=hunter2-value")

    assert not [one for one in CANARIES if one in text]
    assert text.count("the end") == 1, "what follows a key stays"


def test_the_rest_of_the_inventory_stays(tmp_path: Path) -> None:
    """What helps to find a bug is there: names, sizes, keys without their values."""
    file = tmp_path / "prod.yml"
    file.write_text(INVENTORY)
    text = inventory_text(file)

    assert "cluster: prod" in text
    assert "count: 3" in text
    assert "PORT" in text


def test_short_values_cut_no_words(tmp_path: Path) -> None:
    """A value such as 80 is in too many words."""
    file = tmp_path / "prod.yml"
    file.write_text(INVENTORY)

    assert redactor(cluster(), file)("port 8080") == "port 8080"


def test_a_broken_inventory_is_not_copied(tmp_path: Path) -> None:
    """What cannot be read cannot be redacted."""
    file = tmp_path / "prod.yml"
    file.write_text("a: [hunter2")

    assert inventory_text(file) == "the inventory is no YAML\n"
