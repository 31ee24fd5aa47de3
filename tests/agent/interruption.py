"""Stand between an agent and its doors: kill or freeze it at exactly one call."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from tests.agent.fakes import Host


class KilledError(BaseException):
    """SIGKILL at some call: nothing in the agent may catch it."""


def kill() -> None:
    raise KilledError


@contextmanager
def interrupted(host: Host, calls: int, deed: Callable[[], None]) -> Iterator[None]:
    """Do `deed` before one call of this host's agent to its engine or its store: the one after `calls` others."""
    left = [calls]

    def counted(real: Any) -> Any:
        def call(*args: Any, **kwargs: Any) -> Any:
            left[0] -= 1
            if left[0] == -1:
                deed()
            return real(*args, **kwargs)

        return call

    store = host.view
    targets = ((host.engine, "request"), (store, "read"), (store, "swap"), (store, "write_secret"))
    for target, name in targets:
        setattr(target, name, counted(getattr(target, name)))
    try:
        yield
    finally:
        for target, name in targets:
            delattr(target, name)  # the instance's own attribute: the method shows again
