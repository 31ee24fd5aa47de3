"""A small disk of its own for a cluster's state, which a test fills to the last byte and frees again."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

SIZE = 8 << 30  # bytes; a file with holes: only what is written takes room
BLOCK = 1 << 20


@contextmanager
def small_disk(folder: Path) -> Iterator[Path]:
    """Where an ext4 of SIZE is mounted while entered; one that a killed run left there is used again."""
    image, point = folder / "disk.img", folder / "disk"
    point.mkdir(parents=True, exist_ok=True)
    if not point.is_mount():
        with image.open("wb") as file:
            file.truncate(SIZE)
        _run("mkfs.ext4", "-q", "-m", "0", "-O", "^has_journal", str(image))
        _run("mount", "-o", "loop", str(image), str(point))
    free(point)
    try:
        yield point
    finally:
        _run("umount", "--lazy", str(point))
        shutil.rmtree(folder)


def fill(point: Path) -> None:
    """Take all room that is left: in large pieces without writing them, and the rest in ever smaller ones."""
    with (point / ".full").open("ab") as file, suppress(OSError):
        os.posix_fallocate(file.fileno(), os.fstat(file.fileno()).st_size, max(_free(point), 1))
    with (point / ".last").open("ab", buffering=0) as file:
        for size in (BLOCK, 4096, 1):
            with suppress(OSError):
                while True:
                    file.write(b"\0" * size)


def free(point: Path) -> None:
    """Give all of it back."""
    for name in (".full", ".last"):
        (point / name).unlink(missing_ok=True)


def _free(point: Path) -> int:
    found = os.statvfs(point)
    return found.f_bavail * found.f_frsize


def _run(*argv: str) -> None:
    subprocess.run(argv, check=True, capture_output=True, text=True)
