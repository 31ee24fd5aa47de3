from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bootstrap.lab.metadata import TREES, Request, Response, respond
from bootstrap.lab.records import HostRecord
from bootstrap.lab.roster import Roster
from tests.lab.folders import EXTRA, MANAGER, WORKER, cluster, roster

HEADER = {"x-bootstrap-metadata": "1"}


def ask(folder: Path, path: str, source: str = MANAGER.address, **more: Any) -> Response:
    found = roster(folder, running=frozenset({MANAGER.hostname, EXTRA.hostname}), booted=frozenset({WORKER.hostname}))
    return respond(Request(more.pop("method", "GET"), path, source, **more), found)


def told(folder: Path, path: str, source: str = MANAGER.address) -> Any:
    response = ask(folder, path, source, headers=HEADER)
    assert (response.status, response.content_type) == (200, "application/json")
    return json.loads(response.body)


def test_identity_is_that_of_the_source_address(tmp_path: Path) -> None:
    """Each host is told who it is, and nothing of the others."""
    cluster(tmp_path)
    assert told(tmp_path, "/bootstrap/v1/identity") == {
        "instance": "i-00000000000000001",
        "hostname": "prod-managers-a-1",
        "cluster": "prod",
        "uid": "u-1",
        "role": "manager",
        "pool": "managers",
        "zone": "a",
        "address": "10.91.0.11",
        "state": "running",
    }
    worker = told(tmp_path, "/bootstrap/v1/identity", WORKER.address)
    assert (worker["hostname"], worker["pool"], worker["zone"]) == ("prod-web-1", "web", "b")


def test_who_asks_is_running_or_terminating(tmp_path: Path) -> None:
    """A host that can ask is on; that it is to go is told to itself."""
    cluster(tmp_path)
    assert told(tmp_path, "/bootstrap/v1/identity", WORKER.address)["state"] == "running"
    assert told(tmp_path, "/bootstrap/v1/identity", EXTRA.address)["state"] == "terminating"


def test_instances_lists_every_host_with_its_state(tmp_path: Path) -> None:
    """A manager sees all hosts of its cluster."""
    found = told(cluster(tmp_path), "/bootstrap/v1/instances")["instances"]
    assert [(one["hostname"], one["state"]) for one in found] == [
        ("prod-managers-a-1", "running"),
        ("prod-web-1", "stopped"),
        ("prod-web-2", "terminating"),
    ]
    assert set(found[0]) == {"instance", "hostname", "role", "pool", "zone", "address", "state"}


def test_workers_may_not_list_instances(tmp_path: Path) -> None:
    """403: that is no information about anybody."""
    assert ask(cluster(tmp_path), "/bootstrap/v1/instances", WORKER.address, headers=HEADER).status == 403


@pytest.mark.parametrize("headers", [{}, {"x-bootstrap-metadata": "0"}, HEADER | {"x-forwarded-for": "10.0.0.1"}])
def test_the_header_is_required(tmp_path: Path, headers: dict[str, str]) -> None:
    """A program tricked into fetching a URL cannot set it, and a proxy gives itself away."""
    cluster(tmp_path)
    assert ask(tmp_path, "/bootstrap/v1/identity", headers=headers).status == 403
    assert ask(tmp_path, "/bootstrap/v1/instances", headers=headers).status == 403


def test_strangers_are_told_nothing(tmp_path: Path) -> None:
    """An address of no host gets 404 for everything."""
    cluster(tmp_path)
    for path in ("/bootstrap/v1/identity", "/bootstrap/v1/instances", "/cloud-init/user-data", "/"):
        assert ask(tmp_path, path, "10.91.0.2", headers=HEADER).status == 404


def test_the_seed_of_cloud_init(tmp_path: Path) -> None:
    """NoCloud finds its files without a header; all are there, since it retries ten times what is not."""
    cluster(tmp_path)
    meta = json.loads(ask(tmp_path, "/cloud-init/meta-data").body)
    assert meta == {
        "instance-id": MANAGER.instance,
        "local-hostname": MANAGER.hostname,
        "public-keys": ["ssh-ed25519 AAAA prod"],
    }
    assert ask(tmp_path, "/cloud-init/user-data", WORKER.address).body == b"#!/bin/sh\n# web\n"
    assert ask(tmp_path, "/cloud-init/vendor-data") == Response(200)
    assert json.loads(ask(tmp_path, "/cloud-init/network-config").body) == {"config": "disabled"}


def test_user_data_that_is_not_written_is_an_error_that_passes(tmp_path: Path) -> None:
    """An empty script would be a first boot that did nothing, for ever."""
    cluster(tmp_path)
    (tmp_path / "hosts" / MANAGER.hostname / "user-data").unlink()
    assert ask(tmp_path, "/cloud-init/user-data").status == 503


def test_broken_records_answer_503(tmp_path: Path) -> None:
    """One unreadable record must not look like one host less."""
    cluster(tmp_path)
    (tmp_path / "hosts" / WORKER.hostname / "host.json").write_text("{")
    response = ask(tmp_path, "/bootstrap/v1/instances", headers=HEADER)
    assert (response.status, b"cannot be read" in response.body) == (503, True)


@pytest.mark.parametrize("path", ["/bootstrap/v1/identity", "/cloud-init/user-data"])
def test_only_reading(tmp_path: Path, path: str) -> None:
    """HEAD is as GET; other methods are refused."""
    cluster(tmp_path)
    assert ask(tmp_path, path, method="HEAD", headers=HEADER).status == 200
    assert ask(tmp_path, path, method="PUT", headers=HEADER).status == 405


@pytest.mark.parametrize("path", ["/", "/latest/meta-data/", "/bootstrap/v1/", "/cloud-init/x", "/bootstrap"])
def test_unknown_paths(tmp_path: Path, path: str) -> None:
    """What no tree has is 404."""
    assert ask(cluster(tmp_path), path, headers=HEADER).status == 404


def test_a_further_tree_adds_a_cloud(tmp_path: Path) -> None:
    """A tree may take any method, header and path; the core need not know it."""

    class Tokens:
        def claims(self, request: Request) -> bool:
            return request.path.startswith("/latest/")

        def answer(self, request: Request, host: HostRecord, roster: Roster) -> Response:
            return Response(200, f"{request.method} {request.body.decode()} {host.instance}".encode())

    request = Request("PUT", "/latest/api/token", WORKER.address, body=b"x")
    response = respond(request, roster(cluster(tmp_path)), (*TREES, Tokens()))
    assert response.body == f"PUT x {WORKER.instance}".encode()


@given(method=st.text(), path=st.text(), query=st.text(), headers=st.dictionaries(st.text(), st.text()))
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_anything_is_answered(tmp_path: Path, method: str, path: str, query: str, headers: dict[str, str]) -> None:
    """Whatever is asked, there is an answer, and it is no secret to a stranger."""
    if not (tmp_path / "fabric.json").exists():
        cluster(tmp_path)
    for prefix in ("", "/bootstrap/", "/cloud-init/"):
        response = ask(tmp_path, prefix + path, method=method, query=query, headers=headers)
        assert response.status in {200, 403, 404, 405}
