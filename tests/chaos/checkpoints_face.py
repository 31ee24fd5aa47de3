"""One run of the command line, let go until a checkpoint and there killed, interrupted or held."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bootstrap.checkpoint import FOLDER, VARIABLE

DEADLINE = 400.0  # seconds for one command
INVENTORY = """\
version: 1
cluster: {name}
provider: local
timeouts: {{boot: "${{CHAOS_PATIENCE:-3m}}", healthy: "${{CHAOS_PATIENCE:-3m}}"}}
managers: {{count: {managers}}}
pools:
  web: {{min: 1, max: 5, desired: {workers}, labels: {{tier: web}}}}
networks:
  app: {{attachable: true}}
"""


@dataclass(frozen=True)
class Ended:
    """A command that came to its end; `code` is negative for a signal."""

    code: int
    stdout: str
    stderr: str
    reached: tuple[str, ...]  # the checkpoints, in their order


@dataclass(frozen=True)
class Face:
    """The command line on one cluster of its own. `root` is its BOOTSTRAP_LOCAL_DIR."""

    cluster: str
    root: Path
    managers: int = 1
    workers: int = 1
    folder: Path = field(default_factory=lambda: Path(tempfile.mkdtemp(prefix="bootstrap-chaos-")))

    def run(
        self,
        *argv: str,
        at: str = "",
        held: Callable[[], None] | None = None,
        patience: str = "",
    ) -> Ended:
        """`bootstrap argv…` with BOOTSTRAP_CHECKPOINT=`at`. `held` is called while it is held, and lets it go on."""
        trace = Path(tempfile.mkdtemp(dir=self.folder))
        given = {"BOOTSTRAP_LOCAL_DIR": str(self.root), FOLDER: str(trace), VARIABLE: at, "CHAOS_PATIENCE": patience}
        environment = {**os.environ, **{key: value for key, value in given.items() if value}}
        output, errors = trace / "stdout", trace / "stderr"
        with output.open("w") as out, errors.open("w") as err:
            process = subprocess.Popen(
                [sys.executable, "-m", "bootstrap", *argv],
                stdin=subprocess.DEVNULL, stdout=out, stderr=err, env=environment,
            )  # fmt: skip
            if held is not None:
                _while_held(process, trace / f"{at.partition('=')[0].partition(':')[0]}.held", held)
            try:
                code = process.wait(timeout=DEADLINE)
            finally:
                process.kill()
        reached = trace / "reached"
        lines = reached.read_text().splitlines() if reached.exists() else []
        return Ended(code, output.read_text(), errors.read_text(), tuple(lines))

    def do(self, verb: str, **how: Any) -> Ended:
        """A verb that changes, confirmed."""
        return self.run(verb, str(self.file), "--yes", **how)

    def json(self, verb: str) -> Any:
        """The document that a verb prints."""
        done = self.run(verb, str(self.file), "-o", "json")
        assert done.code == 0, f"{verb}: {done}"
        return json.loads(done.stdout)

    @property
    def file(self) -> Path:
        """The inventory, written when it is first asked for."""
        path = self.folder / f"{self.cluster}.yml"
        if not path.exists():
            path.write_text(INVENTORY.format(name=self.cluster, managers=self.managers, workers=self.workers))
        return path


def _while_held(process: subprocess.Popen[bytes], file: Path, held: Callable[[], None]) -> None:
    """Wait until the run is held, do the deed, and let it go on; a run that ends before is not held."""
    while process.poll() is None and not file.exists():
        time.sleep(0.02)
    if file.exists():
        held()
        file.unlink()
