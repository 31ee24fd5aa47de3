"""Bytes of a file to text: regular, inside its directory, small, UTF-8, and without characters that deceive."""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path

MAX_BYTES = 1 << 20

# C0 and C1 controls but tab and line feed, bidirectional overrides (Trojan Source), line separators, non-characters.
_UNSEEN = r"\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ufffe\uffff"
UNSEEN = re.compile(f"[{_UNSEEN}\ud800-\udfff]")


class Unreadable(Exception):  # noqa: N818 - reads as what it is
    """A file that cannot be taken in; `code` is E001 to E004, `line` and `col` count from 1."""

    def __init__(self, code: str, what: str, hint: str, *, line: int = 1, col: int = 1) -> None:
        super().__init__(what)
        self.code, self.what, self.hint, self.line, self.col = code, what, hint, line, col


def inside(path: Path, directory: Path) -> Path:
    """`path` with every link followed; Unreadable E002 when that leads out of `directory`."""
    try:
        real, home = path.resolve(), directory.resolve()
    except (OSError, RuntimeError, ValueError) as error:
        raise Unreadable("E001", f"cannot read: {reason(error)}", "check the path") from None
    if not real.is_relative_to(home):
        raise Unreadable("E002", "leads out of the inventory's directory", "copy the file to where the inventory is")
    return real


def read_text(path: Path, limit: int = MAX_BYTES) -> tuple[str, bool]:
    """The text of a regular file of at most `limit` bytes, and whether everybody may write to it."""
    data, mode = _read_bytes(path, limit)
    return _decode(data), bool(mode & stat.S_IWOTH)


def reason(error: BaseException) -> str:
    """An operating system error in its own words, without the path."""
    return getattr(error, "strerror", None) or "the path is not valid"


def _read_bytes(path: Path, limit: int) -> tuple[bytes, int]:
    try:
        # Without O_NONBLOCK opening a FIFO waits for a writer, for ever.
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except (OSError, ValueError) as error:
        raise Unreadable("E001", f"cannot read: {reason(error)}", "check the path and its permissions") from None
    try:
        mode = os.fstat(handle).st_mode
        if not stat.S_ISREG(mode):
            raise Unreadable("E001", f"cannot read: it is {_kind(mode)}", "give a regular file")
        with open(handle, "rb", closefd=False) as file:
            data = file.read(limit + 1)
    except OSError as error:
        raise Unreadable("E001", f"cannot read: {reason(error)}", "check the file") from None
    finally:
        os.close(handle)
    if len(data) > limit:
        raise Unreadable("E003", f"is larger than {_size(limit)}", "split it into smaller ones")
    return data, mode


def _size(limit: int) -> str:
    return f"{limit >> 20} MiB" if limit >= 1 << 20 else f"{limit >> 10} KiB"


def _kind(mode: int) -> str:
    kinds = ((stat.S_ISDIR, "a directory"), (stat.S_ISFIFO, "a FIFO"), (stat.S_ISSOCK, "a socket"))
    return next((name for test, name in kinds if test(mode)), "a device")


def _decode(data: bytes) -> str:
    if data.startswith((b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")):
        raise Unreadable("E004", "begins with a byte order mark", "save it as UTF-8 without a byte order mark")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        line, col = _place(data[: error.start].decode("utf-8", "replace"))
        what = f"byte {error.start} is not UTF-8"
        raise Unreadable("E004", what, "save it as UTF-8", line=line, col=col) from None
    text = text.replace("\r\n", "\n")
    if found := UNSEEN.search(text):
        line, col = _place(text[: found.start()])
        offset = len(text[: found.start()].encode())
        what = f"control character U+{ord(found[0]):04X} at byte {offset}"
        raise Unreadable("E004", what, "remove it", line=line, col=col)
    return text


def _place(before: str) -> tuple[int, int]:
    return before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1
