"""The agent's sources as a folder of /run: there Python keeps what it compiled, out of a zip it compiles at each start.

A node starts the agent three times while it boots, and once for each look from outside. A folder that is half made has
another name, and goes with the try or, after a crash, with the next one: it is never run. Without it the zip serves.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Callable

RUN = "/run/bootstrap"
PREFIX = "agent-"


def unpack(version: str, names: Iterable[str], read: Callable[[str], bytes], run: str = RUN) -> str | None:
    """The folder with the sources of that version, made where it is missing; None where it cannot be.

    `names` are paths in the archive, which `read` reads. An older version stays: its process may not have imported all.
    """
    folder = os.path.join(run, PREFIX + version)
    try:
        if not _is_ours(run):
            return None
        if not os.path.isdir(folder):
            _sweep(run)
            _make(folder, names, read)
        return folder if _is_ours(folder) else None
    except Exception:  # noqa: BLE001 - of an archive that is replaced now zipimport and zlib have errors of their own
        return None


def _is_ours(folder: str) -> bool:
    """True when nobody else can have put anything there."""
    try:
        seen = os.stat(folder)
    except FileNotFoundError:
        return False
    return seen.st_uid == os.geteuid() and not seen.st_mode & 0o022


def _make(folder: str, names: Iterable[str], read: Callable[[str], bytes]) -> None:
    making = f"{folder}.{os.getpid()}"
    try:
        os.makedirs(making, 0o700, exist_ok=True)
        for name in names:
            path = os.path.join(making, name)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "wb") as file:
                file.write(read(name))
        os.rename(making, folder)
    except OSError:
        if not os.path.isdir(folder):  # else another process was quicker, with the same
            raise
    finally:
        _remove(making)


def _sweep(run: str) -> None:
    """Remove what processes that are no more left half made: a full /run would never have room again."""
    for name in os.listdir(run):
        whole, _, pid = name.rpartition(".")
        if whole.startswith(PREFIX) and pid.isdigit() and not os.path.isdir(f"/proc/{pid}"):
            _remove(os.path.join(run, name))


def _remove(folder: str) -> None:
    import shutil  # few starts have anything to make, and all of them would wait for it

    shutil.rmtree(folder, ignore_errors=True)
