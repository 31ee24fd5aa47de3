"""A store in a directory that every host sees: compare-and-swap by link(), no lock that a frozen host could hold."""

from __future__ import annotations

import contextlib
import json
import os
import re
from collections.abc import Iterator, Mapping
from typing import Any

from . import ABSENT, Control, Event, Generation, StaleWrite, StoreUnavailable

# Workers get worker/ bound read-only, and none of the last three at all; the modes are the second wall.
_FOLDERS = {"control": 0o755, "worker": 0o750, "manager": 0o700, "audit": 0o700, "health": 0o700}
_FILES = {"control": 0o644, "worker": 0o644, "manager": 0o600, "audit": 0o600, "health": 0o600}
_DEAD, _OLD = 5.0, 600.0  # seconds after which an unfinished file is left over: its process is gone here, or whatever
KEPT = 5000  # events: a month of a busy cluster, 20 MB at most
_STAGED = re.compile(r"\.(\d+)\.[0-9a-f]{12}")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")


class DirectoryStore:
    """`control/control.<n>.json`, highest n wins; `<role>/<name>.<version>` for secrets. Nothing is overwritten.

    Old generations stay for ever: if one were pruned, a writer that slept through it could create it again. Each event
    is a file `audit/<time>-<id>.json`, of which the newest `KEPT` stay. `health/<instance>.json` alone is replaced.
    """

    near = True  # on this machine: a look costs next to nothing

    def __init__(self, path: str) -> None:
        self._path = path

    def read(self) -> tuple[Control, Generation]:
        """See Store."""
        latest = self._latest("control", "control", ".json")
        if not latest:
            return {}, ABSENT
        text = self._text("control", f"control.{latest}.json")
        try:
            control = json.loads(text)
        except ValueError:
            raise StoreUnavailable("the control object is no JSON", where=self._path) from None
        if not isinstance(control, dict):
            raise StoreUnavailable("the control object is no mapping", where=self._path)
        return control, latest

    def swap(self, control: Control, generation: Generation) -> Generation:
        """See Store."""
        number = int(generation)
        if number and not os.path.exists(self._file("control", f"control.{number}.json")):
            raise StaleWrite(self._path)
        text = json.dumps(control, indent=1, sort_keys=True) + "\n"
        if not self._create("control", f"control.{number + 1}.json", text):
            raise StaleWrite(self._path)
        return number + 1

    def read_secret(self, role: str, name: str, version: str) -> str:
        """See Store."""
        return self._text(role, f"{name}.{int(version)}")

    def write_secret(self, role: str, name: str, value: str) -> str:
        """See Store."""
        while True:  # each turn that loses means that somebody else's version was written
            version = self._latest(role, name) + 1
            if self._create(role, f"{name}.{version}", value):
                return str(version)

    def record(self, event: Event) -> None:
        """See Store. Files sort as their times do."""
        time = re.sub(r"[^0-9TZ.]", "", str(event["time"]))
        name = f"{time}-{str(event['id'])[:8]}.json"
        if not _NAME.fullmatch(name):
            raise StoreUnavailable(f"an event cannot be called {name!r}", where=self._path)
        text = json.dumps(event, sort_keys=True) + "\n"
        if not self._create("audit", name, text):
            raise StoreUnavailable(f"the event {name} is there already", where=self._path)
        for old in sorted(self._names("audit"))[:-KEPT]:
            self._forget("audit", old)

    def events(self) -> list[Event]:
        """See Store."""
        return sorted((event for _, event in self._documents("audit")), key=lambda event: str(event.get("time", "")))

    def beat(self, instance: str, facts: Mapping[str, Any]) -> None:
        """See Store. Not synced to the disk: after a crash nobody relies on what was said before it."""
        if not _NAME.fullmatch(instance):
            raise StoreUnavailable(f"no machine is called {instance!r}", where=self._path)
        target = self._file("health", f"{instance}.json")
        try:
            _make_folder(os.path.dirname(target), _FOLDERS["health"])
            temporary = self._temporary("health")
            _write(temporary, json.dumps(dict(facts), sort_keys=True) + "\n", _FILES["health"], lasting=False)
            os.replace(temporary, target)
        except OSError as error:
            raise StoreUnavailable(f"cannot write health: {error.strerror}", where=self._path) from None

    def beats(self) -> dict[str, dict[str, Any]]:
        """See Store."""
        return {name[: -len(".json")]: facts for name, facts in self._documents("health")}

    def forget_beat(self, instance: str) -> None:
        """See Store."""
        try:
            if _NAME.fullmatch(instance):
                os.unlink(self._file("health", f"{instance}.json"))
        except FileNotFoundError:
            pass
        except OSError as error:
            raise StoreUnavailable(f"cannot remove from health: {error.strerror}", where=self._path) from None

    def _documents(self, folder: str) -> Iterator[tuple[str, dict[str, Any]]]:
        """Every file with its mapping. One that is gone meanwhile, or damaged, says nothing."""
        for name in sorted(self._names(folder)):
            try:
                found = json.loads(self._text(folder, name))
            except (StoreUnavailable, ValueError):
                continue
            if isinstance(found, dict):
                yield name, found

    def _names(self, folder: str) -> list[str]:
        try:
            names = os.listdir(os.path.join(self._path, folder))
        except FileNotFoundError:
            return []
        except OSError as error:
            raise StoreUnavailable(f"cannot list {folder}: {error.strerror}", where=self._path) from None
        return [name for name in names if name.endswith(".json") and not name.startswith(".")]

    def _forget(self, folder: str, name: str) -> None:
        with contextlib.suppress(OSError):  # somebody else was faster, or the disk is full: the next event tries again
            os.unlink(self._file(folder, name))

    def _clear(self, mine: str) -> None:
        """Remove what killed writers left unfinished, by its age beside a file just written: one clock for both.

        A process that is not there may be one of another host. A writer that was only slow or frozen finds its file
        gone, which is an unknown outcome to it: it reads again.
        """
        with contextlib.suppress(OSError), os.scandir(os.path.dirname(mine)) as entries:
            now = os.stat(mine).st_mtime
            for entry in entries:
                if _is_left_over(entry, now):
                    os.unlink(entry.path)

    def _temporary(self, folder: str) -> str:
        return self._file(folder, f".{os.getpid()}.{os.urandom(6).hex()}")

    def _file(self, folder: str, name: str) -> str:
        return os.path.join(self._path, folder, name)

    def _latest(self, folder: str, stem: str, end: str = "") -> int:
        try:
            names = os.listdir(os.path.join(self._path, folder))
        except FileNotFoundError:
            return 0
        except OSError as error:
            raise StoreUnavailable(f"cannot list {folder}: {error.strerror}", where=self._path) from None
        return max((_number(name, stem, end) or 0 for name in names), default=0)

    def _text(self, folder: str, name: str) -> str:
        try:
            with open(self._file(folder, name), encoding="utf-8") as file:
                return file.read()
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or "not text"
            raise StoreUnavailable(f"cannot read {folder}/{name}: {reason}", where=self._path) from None

    def _create(self, folder: str, name: str, text: str) -> bool:
        target = self._file(folder, name)
        temporary = self._temporary(folder)
        try:
            _make_folder(os.path.dirname(target), _FOLDERS[folder])
            _write(temporary, text, _FILES[folder])
            self._clear(temporary)
            try:
                os.link(temporary, target)
            except FileExistsError:
                return False
            finally:
                os.unlink(temporary)
            _sync(os.path.dirname(target))
        except OSError as error:
            raise StoreUnavailable(f"cannot write {folder}/{name}: {error.strerror}", where=self._path) from None
        return True


def _number(name: str, stem: str, end: str) -> int | None:
    middle = name[len(stem) + 1 : len(name) - len(end)]
    fits = name == f"{stem}.{middle}{end}" and middle.isascii() and middle.isdigit()
    return int(middle) if fits else None


def _is_left_over(entry: os.DirEntry[str], now: float) -> bool:
    staged = _STAGED.fullmatch(entry.name)
    if not staged:
        return False
    age = now - entry.stat().st_mtime
    return age >= _OLD or (age >= _DEAD and not os.path.exists(f"/proc/{staged[1]}"))


def _make_folder(path: str, mode: int) -> None:
    try:
        os.mkdir(path, mode)  # not its parents: an unmounted store must not be made anew in its mount point
        os.chmod(path, mode)
    except FileExistsError:
        pass


def _write(path: str, text: str, mode: int, *, lasting: bool = True) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with open(descriptor, "w", encoding="utf-8") as file:
        os.fchmod(descriptor, mode)
        file.write(text)
        file.flush()
        if lasting:
            os.fsync(descriptor)


def _sync(folder: str) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
