"""Watch from outside whether the managers can commit: `docker node update` on any of them, twice a second."""

from __future__ import annotations

import threading
import time
from contextlib import suppress

from bootstrap.errors import BootstrapError
from bootstrap.lab import host, paths, records
from bootstrap.lab.runner import HostRunner
from tests.e2e.face import Face

LIMIT = 20.0  # seconds: an election takes a few, on a busy machine some more
COMMIT = "docker node update --label-add chaos.beat=$(date +%s) $(docker info -f '{{.Swarm.NodeID}}')"


class Quorum:
    """While entered, commits; `longest` is the longest time in seconds without one."""

    def __init__(self, face: Face) -> None:
        self._cluster = face.file.stem
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self.longest = 0.0

    @property
    def problems(self) -> list[str]:
        """What is to be told of it."""
        return [f"no commit for {self.longest:.0f} s"] if self.longest > LIMIT else []

    def __enter__(self) -> Quorum:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        last = time.monotonic()
        while not self._stop.wait(0.5):
            done = self._commit()
            self.longest = max(self.longest, time.monotonic() - last)
            last = time.monotonic() if done else last

    def _commit(self) -> bool:
        """Whether any manager took a write."""
        for record in records.load_hosts(paths.cluster_dir(self._cluster)):
            if record.role == "manager" and host.running(record):
                with suppress(BootstrapError):
                    if HostRunner(record).run(["sh", "-c", COMMIT], timeout=5).code == 0:
                        return True
        return False
