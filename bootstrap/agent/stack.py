"""Compose stacks: deployed by docker's own client, since compose is client-side, and recorded in the swarm."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from typing import Any

from . import tasks
from .context import Context
from .engine_api import Engine, EngineError, encode
from .errors import AgentError

NAMESPACE = "com.docker.stack.namespace"
STACK, HASH, PRINT = "bootstrap.stack", "bootstrap.hash", "bootstrap.fingerprint"
_KINDS = ("services", "secrets", "configs", "networks")
_DEADLINE = 300


def stacks(engine: Engine) -> list[dict[str, Any]]:
    """[{"name", "ours", "hash", "live", "waiting"}].

    No hash when it was not deployed to its end; live when as we deployed it; waiting: see tasks.waiting.
    """
    records = {one["Spec"]["Labels"][STACK]: one["Spec"]["Labels"] for one in engine.labelled("configs", STACK)}
    services: dict[str, list[Any]] = {}
    for service in engine.labelled("services", NAMESPACE, status="true"):
        services.setdefault(service["Spec"]["Labels"][NAMESPACE], []).append(service)
    return [_shown(engine, name, records.get(name), services.get(name, [])) for name in sorted({*records, *services})]


def _shown(engine: Engine, name: str, record: dict[str, str] | None, services: list[Any]) -> dict[str, Any]:
    printed = fingerprint([service["Spec"] for service in services])
    live = bool(record and record.get(PRINT)) and record is not None and record[PRINT] == printed
    late = tasks.waiting(engine, services) if record is not None else []
    return {
        "name": name, "ours": record is not None, "hash": (record or {}).get(HASH) or None, "live": live, "waiting": late,
    }  # fmt: skip


def fingerprint(specs: list[Any]) -> str:
    """Differs when a service differs, but not for a `service update --force`, which only moves tasks."""
    plain = json.loads(json.dumps(sorted(specs, key=lambda spec: spec["Name"])))
    for spec in plain:
        (spec.get("TaskTemplate") or {}).pop("ForceUpdate", None)
    return hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()[:16]


def deploy(context: Context, name: str, wanted: dict[str, Any]) -> dict[str, Any]:
    """Deploy {"files": [{"path", "text"}], "env", "hash"} and record it. {"deployed"}.

    The record is made first, without a hash: whatever dies in between is seen as not deployed, and as ours.
    """
    engine = context.engine
    if _record(engine, name) is None:
        if any(one["name"] == name for one in stacks(engine)):
            fix = "remove it, or choose another name"
            raise AgentError("a stack of that name is not ours", where=name, fix=fix, code="not_ours")
        body = {"Name": f"{STACK}.{name}", "Labels": {STACK: name, HASH: "", PRINT: ""}, "Data": encode(name)}
        engine.request("POST", "/configs/create", body)
    _write_record(engine, name, "", "")
    _compose(context, name, wanted)
    specs = [one["Spec"] for one in engine.labelled("services", f"{NAMESPACE}={name}")]
    _write_record(engine, name, wanted["hash"], fingerprint(specs))
    return {"deployed": True}


def remove(context: Context, name: str) -> dict[str, Any]:
    """Remove a stack of ours and its record. {"removed"}; already gone is success."""
    engine = context.engine
    record = _record(engine, name)
    if record is None:
        if any(one["name"] == name for one in stacks(engine)):
            raise AgentError("that stack is not ours", where=name, fix="remove it by hand", code="not_ours")
        return {"removed": False}
    for kind in _KINDS:
        for one in engine.labelled(kind, f"{NAMESPACE}={name}"):
            _delete(context, kind, one.get("ID") or one["Id"])
    engine.delete("configs", record["ID"])
    return {"removed": True}


def _delete(context: Context, kind: str, key: str) -> None:
    """Networks, configs and secrets stay in use until the last task has ended."""
    end = context.clock.now() + 60
    while True:
        try:
            return context.engine.delete(kind, key)
        except EngineError:
            if context.clock.now() >= end:
                raise
        context.clock.sleep(1)


def _record(engine: Engine, name: str) -> dict[str, Any] | None:
    return next(iter(engine.labelled("configs", f"{STACK}={name}")), None)


def _write_record(engine: Engine, name: str, hashed: str, printed: str) -> None:
    record = _record(engine, name)
    if record is None:
        raise AgentError("the record of the stack vanished", where=name, fix="run it again", code="stack_record")
    spec = {**record["Spec"], "Labels": {STACK: name, HASH: hashed, PRINT: printed}}
    engine.request("POST", f"/configs/{record['ID']}/update", spec, version=record["Version"]["Index"])


def _compose(context: Context, name: str, wanted: dict[str, Any]) -> None:
    """Run docker's client. Images are resolved to digests, its default: every node then runs the same image.

    Without a registry in reach that only warns. The files lie in memory-backed /run, 0600, while it runs.
    """
    import subprocess

    folder = os.path.join(context.paths.run, f"stack.{os.getpid()}")
    os.makedirs(folder, mode=0o700)
    try:
        argv = ["docker", "stack", "deploy", "--prune", "--resolve-image", "always"]
        for number, file in enumerate(wanted["files"]):
            path = os.path.join(folder, f"{number}.yml")
            with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as target:
                target.write(file["text"])
            argv += ["-c", path]
        plain = {"PATH": os.environ.get("PATH", "/usr/bin:/bin"), "HOME": "/root"}
        environment = {**wanted.get("env", {}), **plain}
        done = subprocess.run(
            [*argv, name], env=environment, capture_output=True, text=True, timeout=_DEADLINE, check=False,
            stdin=subprocess.DEVNULL,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as error:
        raise AgentError(f"docker stack deploy: {type(error).__name__}", where=name, code="stack_failed") from None
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    if done.returncode:
        tail = "\n".join(done.stderr.strip().splitlines()[-5:])
        raise AgentError(
            f"docker stack deploy failed: {tail}", where=name, fix="mend the compose file", code="stack_failed"
        )
