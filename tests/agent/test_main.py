"""The command line of the agent: one document, exit codes, no traceback, no secret; and the file it is shipped as."""

from __future__ import annotations

import ast
import io
import json
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

from bootstrap.agent import __main__ as cli
from bootstrap.agent.errors import AgentError, Refused
from bootstrap.userdata.agent_zip import agent_hash, agent_zipapp
from tests.agent.fakes import Cluster


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cluster:
    one = Cluster(tmp_path, managers=3, workers=1)
    one.run(60)
    one.clock.meanwhile = one.speak
    monkeypatch.setattr(cli, "open_context", lambda root: one.leader.context)
    return one


def run(capsys: pytest.CaptureFixture[str], *argv: str) -> tuple[int, Any]:
    code = cli.main([*argv, "--json"], version="v")
    return code, json.loads(capsys.readouterr().out)


def test_status(cluster: Cluster, capsys: pytest.CaptureFixture[str]) -> None:
    """`status --json` prints the document and its version."""
    code, document = run(capsys, "status")
    assert (code, document["agent"], document["leader"]) == (0, "v", True)


def test_refusal(cluster: Cluster, capsys: pytest.CaptureFixture[str]) -> None:
    """A refusal of the guard is exit 1 and says what, where and what to do."""
    code, document = run(capsys, "remove", cluster.hosts["i-02"].engine.node_id, "--timeout", "5")
    assert (code, document["error"]["code"]) == (1, "guard")
    assert set(document["error"]) == {"code", "what", "where", "fix"}
    assert "3 managers are wanted" in document["error"]["what"]


def test_drain_and_activate(cluster: Cluster, capsys: pytest.CaptureFixture[str]) -> None:
    """Drained with a hold, the leader leaves it; activated, the hold is gone."""
    node_id = cluster.hosts["i-04"].engine.node_id
    assert run(capsys, "drain", node_id, "--hold") == (0, {"drained": True})
    cluster.run(30)
    assert cluster.nodes()["i-04"]["Spec"]["Availability"] == "drain"
    capsys.readouterr()
    assert run(capsys, "activate", node_id) == (0, {"activated": True})
    assert "bootstrap.hold" not in cluster.nodes()["i-04"]["Spec"]["Labels"]
    assert cluster.nodes()["i-04"]["Spec"]["Availability"] == "active"
    cluster.store.control["pools"]["web"]["availability"] = "pause"
    assert run(capsys, "activate", node_id) == (0, {"activated": True})
    assert cluster.nodes()["i-04"]["Spec"]["Availability"] == "pause"


def test_leave_of_a_manager_needs_force(cluster: Cluster, capsys: pytest.CaptureFixture[str]) -> None:
    """A manager that just leaves would leave its raft seat behind."""
    code, document = run(capsys, "leave")
    assert (code, document["error"]["code"]) == (1, "is_manager")


def test_network_from_stdin(
    cluster: Cluster, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The network is described on stdin; what is no JSON there is a usage error."""
    monkeypatch.setattr(sys, "stdin", io.StringIO(json.dumps({"name": "edge", "subnet": None})))
    assert run(capsys, "network-create") == (0, {"created": True})
    monkeypatch.setattr(sys, "stdin", io.StringIO("nonsense"))
    assert run(capsys, "network-create")[1]["error"]["code"] == "usage"
    assert run(capsys, "network-remove", "edge") == (0, {"removed": True})


def test_missing_configuration(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Without agent.json every verb fails with its path, and no traceback."""
    code = cli.main(["--json", "--root", str(tmp_path), "status"])
    document = json.loads(capsys.readouterr().out)
    assert (code, document["error"]["code"]) == (1, "config")
    assert document["error"]["where"].endswith("/etc/bootstrap/agent.json")


def test_errors_hide_secrets() -> None:
    """Whatever text an error is made of, a token in it does not come out."""
    for error in (AgentError("x SWMTKN-1-a-b", where="SWMTKN-1-a-b"), Refused("SWMKEY-1-x")):
        assert "SWM" not in str(error) + error.what + error.where + repr(error)


def test_zipapp_is_the_same_every_time() -> None:
    """The same sources give the same bytes; no file but the agent's own is in it."""
    first = agent_zipapp()
    agent_zipapp.cache_clear()
    assert agent_zipapp() == first
    names = zipfile.ZipFile(io.BytesIO(first)).namelist()
    assert names == sorted(names)
    assert {"__main__.py", "bootstrap/__init__.py", "bootstrap/agent/__main__.py"} <= set(names)
    assert all(name == "__main__.py" or name.startswith(("bootstrap/__init__", "bootstrap/agent/")) for name in names)


@pytest.mark.parametrize("path", sorted(Path(cli.__file__).parent.rglob("*.py")), ids=lambda path: path.name)
def test_python_39_can_run_it(path: Path) -> None:
    """The oldest Python on a node: its grammar, and no `X | Y` where it is evaluated and not an annotation."""
    tree = ast.parse(path.read_text(), feature_version=(3, 9))
    aliases = [
        node for node in tree.body if isinstance(node, ast.Assign) and isinstance(node.value, ast.Subscript | ast.BinOp)
    ]
    unions = [ast.unparse(node) for alias in aliases for node in ast.walk(alias.value) if isinstance(node, ast.BitOr)]
    assert unions == []
    assert not [node for node in ast.walk(tree) if type(node).__name__ in ("Match", "TryStar")]


def test_zipapp_is_small() -> None:
    """In base64 it takes less than half of GCP's 256 KiB of user-data; on AWS it is fetched."""
    assert len(agent_zipapp()) < 96 * 1024


@pytest.mark.process
def test_zipapp_runs_alone(tmp_path: Path) -> None:
    """As on a node: isolated, with nothing of ours on the path, it says what is wrong and which version it is."""
    (tmp_path / "agent.pyz").write_bytes(agent_zipapp())
    (tmp_path / "etc/bootstrap").mkdir(parents=True)
    config = {
        "cluster": "prod", "role": "worker", "socket": str(tmp_path / "none.sock"),
        "store": {"kind": "directory", "path": str(tmp_path)},
        "metadata": {"kind": "local", "url": "http://127.0.0.1:9"},
    }  # fmt: skip
    (tmp_path / "etc/bootstrap/agent.json").write_text(json.dumps(config))
    argv = [sys.executable, "-I", str(tmp_path / "agent.pyz"), "--root", str(tmp_path), "status", "--json"]
    done = subprocess.run(argv, capture_output=True, text=True, check=False, cwd="/", timeout=30)
    document = json.loads(done.stdout)
    assert (done.returncode, done.stderr) == (0, "")
    assert (document["agent"], document["state"]) == (agent_hash(), "error")
    assert {one["code"] for one in document["problems"]} == {"engine_down", "unavailable"}
