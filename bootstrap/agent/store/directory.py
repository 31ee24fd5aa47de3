"""A store in a directory that every host sees: compare-and-swap by link(), no lock that a frozen host could hold."""

from __future__ import annotations

import json
import os

from . import ABSENT, Control, Generation, StaleWrite, StoreUnavailable

# Workers get worker/ bound read-only and no manager/ at all; the modes are the second wall.
_FOLDERS = {"control": 0o755, "worker": 0o750, "manager": 0o700}
_FILES = {"control": 0o644, "worker": 0o644, "manager": 0o600}


class DirectoryStore:
    """`control/control.<n>.json`, highest n wins; `<role>/<name>.<version>` for secrets. Nothing is overwritten.

    Old generations stay for ever: if one were pruned, a writer that slept through it could create it again.
    """

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
        temporary = self._file(folder, f".{os.getpid()}.{os.urandom(6).hex()}")
        try:
            _make_folder(os.path.dirname(target), _FOLDERS[folder])
            _write(temporary, text, _FILES[folder])
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


def _make_folder(path: str, mode: int) -> None:
    try:
        os.mkdir(path, mode)  # not its parents: an unmounted store must not be made anew in its mount point
        os.chmod(path, mode)
    except FileExistsError:
        pass


def _write(path: str, text: str, mode: int) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with open(descriptor, "w", encoding="utf-8") as file:
        os.fchmod(descriptor, mode)
        file.write(text)
        file.flush()
        os.fsync(descriptor)


def _sync(folder: str) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
