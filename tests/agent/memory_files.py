"""The files of many hosts in memory: the state machines read a few thousand of them in each example."""

from __future__ import annotations

import contextlib
import os.path
import sys
from collections.abc import Iterator
from functools import lru_cache
from types import ModuleType
from typing import Any

import pytest

from bootstrap.agent import boot, context


class MemoryFiles:
    """Path -> text. It stands in for `read_file` and `replace_file` everywhere, and for `os` and `shutil` in the boot."""

    def __init__(self) -> None:
        self.texts: dict[str, str] = {}

    def install(self, patch: pytest.MonkeyPatch) -> None:
        """Every module of the agent reads and writes here until the patch is undone."""
        ours = {"read_file": self.read, "replace_file": self.replace, "alone": _alone}
        for module, key in _doors():
            patch.setattr(module, key, ours[key])
        patch.setattr(boot, "os", self)
        patch.setattr(boot, "shutil", self)

    def read(self, path: str) -> str:
        return self.texts.get(path, "")

    def replace(self, path: str, text: str, mode: int = 0o600, *, lasting: bool = True) -> None:
        self.texts[path] = text

    # -- as `os`, `os.path` and `shutil`

    join = staticmethod(os.path.join)

    @property
    def path(self) -> MemoryFiles:
        return self

    def isdir(self, path: str) -> bool:
        return any(one.startswith(f"{path}/") for one in self.texts)

    def islink(self, path: str) -> bool:
        return False

    def lexists(self, path: str) -> bool:
        return path in self.texts or self.isdir(path)

    def rmtree(self, path: str) -> None:
        self.texts = {one: text for one, text in self.texts.items() if not one.startswith(f"{path}/")}

    def unlink(self, path: str) -> None:
        self.texts.pop(path, None)

    def rename(self, path: str, target: str) -> None:
        for one in [one for one in self.texts if one.startswith(f"{path}/")]:
            self.texts[target + one[len(path) :]] = self.texts.pop(one)


class MemoryPath:
    """One of them, as far as a fake engine needs a `Path`."""

    def __init__(self, files: MemoryFiles, path: str) -> None:
        self._files, self._path = files, path

    @property
    def parent(self) -> MemoryPath:
        return self

    def mkdir(self, *_: Any, **__: Any) -> None:
        """A folder is there with its first file."""

    def exists(self) -> bool:
        return self._path in self._files.texts

    def write_text(self, text: str) -> None:
        self._files.texts[self._path] = text

    def unlink(self, missing_ok: bool = False) -> None:
        self._files.unlink(self._path)


@lru_cache
def _doors() -> list[tuple[ModuleType, str]]:
    """Where the agent's modules have these functions under their own names."""
    of_agent = [module for name, module in sys.modules.items() if name.startswith("bootstrap.agent.")]
    names = ("read_file", "replace_file", "alone")
    real = {name: getattr(context, name) for name in names}
    others = [module for module in of_agent if module is not context]
    return [(module, name) for module in others for name in names if vars(module).get(name) is real[name]]


@contextlib.contextmanager
def _alone(_: Any) -> Iterator[None]:
    """One thread runs at a time, and no verb of the state machines shares a host's lock with another."""
    yield
